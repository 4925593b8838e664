use latchkey_domain::{Level, RevocationReason, TokenId};
use latchkey_store::Tx;
use latchkey_store::tokens::{self, Revocation, Token};
use serde_json::json;

use super::version::check_version;
use super::{TokenDetail, visible};
use crate::authorization::{Action, OrganizationAccess, Ownership};
use crate::recorder::AuditEntry;
use crate::transaction::{Write, retry_on_deadlock};
use crate::{Caller, Error, FieldError, Service};

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

impl Service {
    /// Ends a token for good. When this has returned, no replica accepts it. Revoking it again changes nothing.
    pub async fn revoke_token(&self, caller: &Caller, organization: &str, id: &str) -> Result<TokenDetail, Error> {
        self.revoke_token_if(caller, organization, id, None).await
    }

    /// The same, but only while its version is one of those `expected`; any, if there are none.
    pub async fn revoke_token_if(
        &self,
        caller: &Caller,
        organization: &str,
        id: &str,
        expected: Option<&[String]>,
    ) -> Result<TokenDetail, Error> {
        let (access, token) = self.find_token(caller, organization, id).await?;
        access.allow(caller, Action::revoke(caller, &token))?;
        let (access, token) = (&access, &token);
        let (caller, access, revoked) = retry_on_deadlock(|| async move {
            let Write { mut tx, caller, access } = self.begin_with_tokens(caller, access, &[token.id]).await?;
            access.allow(&caller, Action::revoke(&caller, token))?;
            if let Some(expected) = expected {
                let (token, listed) = tokens::lock(&mut tx, token.id).await?.ok_or(Error::NotFound("token"))?;
                check_version(expected, &token, &listed)?;
            }
            let revoked = self.revoke_recorded(&mut tx, &caller, token.id).await?;
            tx.commit().await?;
            Ok((caller, access, revoked))
        })
        .await?;
        let token = match revoked {
            Some(token) => token,
            None => tokens::by_id(self.store(), token.id).await?.ok_or(Error::NotFound("token"))?,
        };
        self.detail(&caller, &access, token, self.now()).await
    }

    /// Revokes up to 100 tokens, all in one transaction, or none if one of them may not be revoked by the caller.
    pub async fn revoke_tokens(
        &self,
        caller: &Caller,
        organization: &str,
        ids: &[String],
    ) -> Result<BulkRevoked, Error> {
        if ids.is_empty() || ids.len() > BULK_MAX {
            return Err(FieldError::new("ids", format!("choose 1 to {BULK_MAX} tokens")).into());
        }
        let parsed: Vec<TokenId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let mut chosen = tokens::by_ids(self.store(), &parsed).await?;
        let of_instance = !chosen.is_empty() && chosen.iter().all(|token| token.level == Level::Instance);
        let access = match self.instance_access(caller).filter(|_| of_instance) {
            Some(access) => access,
            None => self.access(caller, organization).await?,
        };
        chosen.retain(|token| visible(caller, &access, token));
        if chosen.is_empty() {
            access.allow(caller, Action::Revoke(Ownership::Others))?;
        }
        let allow = |access: &OrganizationAccess, caller: &Caller| {
            chosen.iter().try_for_each(|token| access.allow(caller, Action::revoke(caller, token)))
        };
        allow(&access, caller)?;
        let locked: Vec<_> = chosen.iter().map(|token| token.id).collect();
        let (access, allow, locked) = (&access, &allow, &locked);
        retry_on_deadlock(|| async move {
            let Write { mut tx, caller, access } = self.begin_with_tokens(caller, access, locked).await?;
            allow(&access, &caller)?;
            let actor = caller.principal.actor();
            let revocation = Revocation { at: self.now(), by: actor.clone(), reason: RevocationReason::Manual };
            let revoked = tokens::revoke_many(&mut tx, locked, &revocation).await?;
            let entry = AuditEntry {
                organization: Some(access.id()).filter(|_| !access.is_instance()),
                action: "token.revoked",
                target: ("token", None, ""),
                success: true,
                details: json!({ "reason": RevocationReason::Manual }),
            };
            self.record_for_tokens(&mut tx, &actor, &caller.origin, entry, &revoked).await?;
            tx.commit().await?;
            Ok(BulkRevoked { skipped: ids.len() - revoked.len(), revoked })
        })
        .await
    }

    async fn revoke_recorded(&self, tx: &mut Tx, caller: &Caller, id: TokenId) -> Result<Option<Token>, Error> {
        let actor = caller.principal.actor();
        let revocation = Revocation { at: self.now(), by: actor.clone(), reason: RevocationReason::Manual };
        let Some(token) = tokens::revoke(tx, id, &revocation).await? else { return Ok(None) };
        let happened = AuditEntry {
            organization: token.level.organization(),
            action: "token.revoked",
            target: ("token", Some(token.id.0), &token.name),
            success: true,
            details: json!({ "reason": RevocationReason::Manual }),
        };
        self.record(tx, &actor, &caller.origin, happened).await?;
        Ok(Some(token))
    }
}
