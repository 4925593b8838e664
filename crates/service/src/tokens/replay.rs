//! Answers that are given again, under an `Idempotency-Key`.

use latchkey_domain::{AuditAction, Secret, SecretKind};
use latchkey_store::tokens::{self, Token};
use latchkey_store::{Conflict, StoreError};
use serde_json::json;

use super::grant::Grant;
use super::{CreatedToken, visible};
use crate::authorization::Action;
use crate::idempotency::KeyedRequest;
use crate::recorder::AuditEntry;
use crate::transaction::{OrganizationLock, Write};
use crate::{Error, OrganizationAccess, PreconditionError, Tokens};

impl Tokens<'_> {
    /// The secret to make, and the salt to keep if it is derived.
    pub(super) fn secret_for(self, keyed: Option<&KeyedRequest>) -> (Secret, Option<[u8; 32]>) {
        let salt = self.service.new_salt();
        match keyed.and_then(|keyed| self.service.derived_secrets(keyed, &salt).next()) {
            Some(secret) => (secret, Some(salt)),
            None => (self.service.new_secret(SecretKind::ApiToken), None),
        }
    }

    /// The answer to a request that was done before, with the secret of then: as long as that is the token's, and the
    /// caller may still do to it what they did.
    pub(super) async fn replay(
        self,
        access: &OrganizationAccess,
        keyed: &KeyedRequest,
        action: fn(&OrganizationAccess, &Token) -> Action,
    ) -> Result<Option<CreatedToken>, Error> {
        let Some(done) = self.service.remembered(keyed).await? else { return Ok(None) };
        for secret in self.service.derived_secrets(keyed, &done.salt) {
            let Some(token) = tokens::by_hash(self.service.store(), &secret.hash()).await? else { continue };
            // By today's rules: what the caller could do then may have been taken away since.
            let Write { mut tx, access } =
                self.service.begin_locked(access, OrganizationLock::Organization, &[token.id]).await?;
            let (token, listed) = tokens::lock(&mut tx, token.id).await?.ok_or(PreconditionError::Spent)?;
            if !visible(&access, &token) {
                return Err(Error::NotFound("token"));
            }
            access.allow(action(&access, &token))?;
            self.contain(&access, &Grant::of(&token, listed))?;
            let entry = AuditEntry {
                organization: token.level.organization(),
                action: AuditAction::TokenAnswerRepeated,
                target: ("token", Some(token.id.0), &token.name),
                success: true,
                details: json!({}),
            };
            self.service.record_by(&mut tx, access.caller(), entry).await?;
            tx.commit().await?;
            let detail = self.detail(&access, token, self.service.now()).await?;
            return Ok(Some(CreatedToken { detail, secret }));
        }
        Err(PreconditionError::Spent.into())
    }

    /// Another replica was first with the key: its answer is ours.
    pub(super) async fn replay_of_other(
        self,
        access: &OrganizationAccess,
        keyed: &KeyedRequest,
        action: fn(&OrganizationAccess, &Token) -> Action,
        error: StoreError,
    ) -> Result<CreatedToken, Error> {
        if !matches!(error, StoreError::Conflict(Conflict::IdempotencyKey)) {
            return Err(error.into());
        }
        // There is none only if the other one's clock is a day behind.
        self.replay(access, keyed, action).await?.ok_or(Error::Precondition(PreconditionError::RequestInProgress))
    }
}
