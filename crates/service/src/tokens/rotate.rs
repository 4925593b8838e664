use latchkey_domain::{AuditAction, Expiry, Timestamp, TokenState};
use latchkey_store::tokens::{self, Rotation};
use serde_json::json;

use super::CreatedToken;
use super::grant::Grant;
use super::version::check_version;
use crate::authorization::Action;
use crate::idempotency::KeyedRequest;
use crate::recorder::AuditEntry;
use crate::transaction::Write;
use crate::{
    AuthenticationError, Error, FieldError, IdempotentRequest, OrganizationAccess, PreconditionError, Principal, Tokens,
};

/// Longest overlap.
const OVERLAP_DAYS: i64 = 7;

/// How a token gets a new secret.
#[derive(Clone, Debug, Default)]
pub struct RotateToken {
    /// For how long the old secret works too, such as `1h`, unless the new one is used first; `None`: not at all.
    pub overlap: Option<String>,
    /// Only while its version is one of these; any, if there are none.
    pub expected: Option<Vec<String>>,
    /// So that sending the request twice rotates once and answers twice.
    pub idempotency: Option<IdempotentRequest>,
}

impl Tokens<'_> {
    /// Gives a token a new secret; everything else of it stays. Whoever rotates gets all that the token can do, so they
    /// must be able to do it.
    pub async fn rotate(
        self,
        access: &OrganizationAccess,
        id: &str,
        asked: RotateToken,
    ) -> Result<CreatedToken, Error> {
        let (access, token) = self.find(access, id).await?;
        access.allow(Action::edit(&access, &token))?;
        let keyed = asked
            .idempotency
            .as_ref()
            .map(|once| KeyedRequest::new(access.caller(), format!("rotate {}", token.id), once));
        let _held = keyed.as_ref().map(|keyed| self.service.hold(keyed)).transpose()?;
        if let Some(keyed) = &keyed
            && let Some(again) = self.replay(&access, keyed, Action::edit).await?
        {
            return Ok(again);
        }
        // The new secret is what the old one must not lead to any more: rotating may be the answer to a theft.
        // (The answer to its own rotation it may ask for again, above: whoever stole it does not know that key.)
        if let Principal::ApiToken(own) = access.principal()
            && own.id == token.id
            && own.retired_until.is_some()
        {
            return Err(AuthenticationError::Rotated.into());
        }
        let now = self.service.now();
        let overlap_until = asked.overlap.as_deref().map(|text| overlap(text, now)).transpose()?;
        let (secret, salt) = self.secret_for(keyed.as_ref());

        let Write { mut tx, access } = self.service.begin_with_tokens(&access, &[token.id]).await?;
        access.allow(Action::edit(&access, &token))?;
        if let (Some(keyed), Some(salt)) = (&keyed, salt)
            && let Err(error) = self.service.remember(&mut tx, keyed, salt, token.id.0).await
        {
            drop(tx);
            return self.replay_of_other(&access, keyed, Action::edit, error).await;
        }
        let (token, listed) = tokens::lock(&mut tx, token.id).await?.ok_or(Error::NotFound("token"))?;
        if let Some(expected) = &asked.expected {
            check_version(expected, &token, &listed)?;
        }
        if TokenState::at(now, token.expires_at, token.revocation.as_ref().map(|ended| ended.at)) != TokenState::Active
        {
            return Err(PreconditionError::Ended.into());
        }
        self.contain(&access, &Grant::of(&token, listed))?;
        let rotation = Rotation { hash: &secret.hash(), prefix: &secret.prefix(), at: now, overlap_until };
        tokens::rotate(&mut tx, &token, &rotation).await?;
        let entry = AuditEntry {
            organization: token.level.organization(),
            action: AuditAction::TokenRotated,
            target: ("token", Some(token.id.0), &token.name),
            success: true,
            details: json!({
                "before": { "prefix": token.prefix },
                "after": { "prefix": secret.prefix().as_str() },
                "overlap_until": overlap_until,
            }),
        };
        self.service.record_by(&mut tx, access.caller(), entry).await?;
        tx.commit().await?;

        let token = tokens::by_id(self.service.store(), token.id).await?.ok_or(Error::NotFound("token"))?;
        let detail = self.detail(&access, token, now).await?;
        Ok(CreatedToken { detail, secret })
    }
}

fn overlap(text: &str, now: Timestamp) -> Result<Timestamp, FieldError> {
    let until = Expiry::parse_duration(text).and_then(|expiry| expiry.at(now)).ok().flatten();
    until
        .filter(|until| *until <= now.plus_days(OVERLAP_DAYS))
        .ok_or_else(|| FieldError::new("overlap", "must be a duration such as 1h or 2d, of 7 days at most"))
}
