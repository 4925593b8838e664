use latchkey_domain::{AuditAction, Level, RevocationReason, TokenId};
use latchkey_store::Tx;
use latchkey_store::tokens::{self, Revocation, Token};
use serde_json::json;

use super::version::check_version;
use super::{TokenDetail, visible};
use crate::authorization::{Action, Ownership};
use crate::recorder::AuditEntry;
use crate::transaction::{Write, retry_on_deadlock};
use crate::{Caller, Error, FieldError, OrganizationAccess, Tokens};

/// Most tokens that one call revokes.
const BULK_MAX: usize = 100;

/// What a bulk revocation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BulkRevoked {
    /// Revoked by this call, with their names.
    pub revoked: Vec<(TokenId, String)>,
    /// Revoked before, or not there.
    pub skipped: usize,
}

impl Tokens<'_> {
    /// Ends a token for good. When this has returned, no replica accepts it. Revoking it again changes nothing.
    pub async fn revoke(self, access: &OrganizationAccess, id: &str) -> Result<TokenDetail, Error> {
        self.revoke_if_match(access, id, None).await
    }

    /// The same, but only while its version is one of those `expected`; any, if there are none.
    pub async fn revoke_if_match(
        self,
        access: &OrganizationAccess,
        id: &str,
        expected: Option<&[String]>,
    ) -> Result<TokenDetail, Error> {
        let (access, token) = self.find(access, id).await?;
        access.allow(Action::revoke(&access, &token))?;
        let (access, token) = (&*access, &token);
        let (access, revoked) = retry_on_deadlock(|| async move {
            let Write { mut tx, access } = self.service.begin_with_tokens(access, &[token.id]).await?;
            access.allow(Action::revoke(&access, token))?;
            if let Some(expected) = expected {
                let (token, listed) = tokens::lock(&mut tx, token.id).await?.ok_or(Error::NotFound("token"))?;
                check_version(expected, &token, &listed)?;
            }
            let revoked = self.revoke_recorded(&mut tx, access.caller(), token.id).await?;
            tx.commit().await?;
            Ok((access, revoked))
        })
        .await?;
        let token = match revoked {
            Some(token) => token,
            None => tokens::by_id(self.service.store(), token.id).await?.ok_or(Error::NotFound("token"))?,
        };
        self.detail(&access, token, self.service.now()).await
    }

    /// Revokes up to 100 tokens, all in one transaction, or none if one of them may not be revoked by the caller.
    pub async fn revoke_many(self, access: &OrganizationAccess, ids: &[String]) -> Result<BulkRevoked, Error> {
        if ids.is_empty() || ids.len() > BULK_MAX {
            return Err(FieldError::new("ids", format!("choose 1 to {BULK_MAX} tokens")).into());
        }
        let parsed: Vec<TokenId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let mut chosen = tokens::by_ids(self.service.store(), &parsed).await?;
        let of_instance = !chosen.is_empty() && chosen.iter().all(|token| token.level == Level::Instance);
        let access = &*access.to_tokens(of_instance)?;
        chosen.retain(|token| visible(access, token));
        if chosen.is_empty() {
            access.allow(Action::Revoke(Ownership::Others))?;
        }
        let allow = |access: &OrganizationAccess| {
            chosen.iter().try_for_each(|token| access.allow(Action::revoke(access, token)))
        };
        allow(access)?;
        let locked: Vec<_> = chosen.iter().map(|token| token.id).collect();
        let (allow, locked) = (&allow, &locked);
        retry_on_deadlock(|| async move {
            let Write { mut tx, access } = self.service.begin_with_tokens(access, locked).await?;
            allow(&access)?;
            let actor = access.principal().actor();
            let revocation = Revocation { at: self.service.now(), by: actor.clone(), reason: RevocationReason::Manual };
            let revoked = tokens::revoke_many(&mut tx, locked, &revocation).await?;
            let entry = AuditEntry {
                organization: Some(access.id()).filter(|_| !access.is_of_instance()),
                action: AuditAction::TokenRevoked,
                target: ("token", None, ""),
                success: true,
                details: json!({ "reason": RevocationReason::Manual }),
            };
            self.service.record_for_tokens(&mut tx, &actor, &access.caller().origin, entry, &revoked).await?;
            tx.commit().await?;
            Ok(BulkRevoked { skipped: ids.len() - revoked.len(), revoked })
        })
        .await
    }

    async fn revoke_recorded(self, tx: &mut Tx, caller: &Caller, id: TokenId) -> Result<Option<Token>, Error> {
        let revocation =
            Revocation { at: self.service.now(), by: caller.principal.actor(), reason: RevocationReason::Manual };
        let Some(token) = tokens::revoke(tx, id, &revocation).await? else { return Ok(None) };
        let entry = AuditEntry {
            organization: token.level.organization(),
            action: AuditAction::TokenRevoked,
            target: ("token", Some(token.id.0), &token.name),
            success: true,
            details: json!({ "reason": RevocationReason::Manual }),
        };
        self.service.record_by(tx, caller, entry).await?;
        Ok(Some(token))
    }
}
