//! Answers that are given again, under an `Idempotency-Key`.

use latchkey_domain::{Secret, SecretKind};
use latchkey_store::tokens::{self, Token};
use latchkey_store::{Conflict, StoreError};
use serde_json::json;

use super::grant::Grant;
use super::{CreatedToken, visible};
use crate::authorization::{Action, OrganizationAccess};
use crate::idempotency::KeyedRequest;
use crate::recorder::AuditEntry;
use crate::transaction::{OrganizationLock, Write};
use crate::{Caller, Error, PreconditionError, Service};

impl Service {
    /// The secret to make, and the salt to keep if it is derived.
    pub(super) fn secret_for(&self, keyed: Option<&KeyedRequest>) -> (Secret, Option<[u8; 32]>) {
        let salt = self.new_salt();
        match keyed.and_then(|keyed| self.derived_secrets(keyed, &salt).next()) {
            Some(secret) => (secret, Some(salt)),
            None => (self.new_secret(SecretKind::ApiToken), None),
        }
    }

    /// The answer to a request that was done before, with the secret of then: as long as that is the token's, and the
    /// caller may still do to it what they did.
    pub(super) async fn replay(
        &self,
        caller: &Caller,
        access: &OrganizationAccess,
        keyed: &KeyedRequest,
        action: fn(&Caller, &Token) -> Action,
    ) -> Result<Option<CreatedToken>, Error> {
        let Some(done) = self.remembered(keyed).await? else { return Ok(None) };
        for secret in self.derived_secrets(keyed, &done.salt) {
            let Some(token) = tokens::by_hash(self.store(), &secret.hash()).await? else { continue };
            // By today's rules: what the caller could do then may have been taken away since.
            let Write { mut tx, caller, access } =
                self.begin_locked(caller, access, OrganizationLock::Organization, &[token.id]).await?;
            let (token, listed) = tokens::lock(&mut tx, token.id).await?.ok_or(PreconditionError::Spent)?;
            if !visible(&caller, &access, &token) {
                return Err(Error::NotFound("token"));
            }
            access.allow(&caller, action(&caller, &token))?;
            self.contain(&caller, &access, &Grant::of(&token, listed))?;
            let actor = caller.principal.actor();
            let happened = AuditEntry {
                organization: token.level.organization(),
                action: "token.answer_repeated",
                target: ("token", Some(token.id.0), &token.name),
                success: true,
                details: json!({}),
            };
            self.record(&mut tx, &actor, &caller.origin, happened).await?;
            tx.commit().await?;
            let detail = self.detail(&caller, &access, token, self.now()).await?;
            return Ok(Some(CreatedToken { detail, secret }));
        }
        Err(PreconditionError::Spent.into())
    }

    /// Another replica was first with the key: its answer is ours.
    pub(super) async fn replay_of_other(
        &self,
        caller: &Caller,
        access: &OrganizationAccess,
        keyed: &KeyedRequest,
        action: fn(&Caller, &Token) -> Action,
        error: StoreError,
    ) -> Result<CreatedToken, Error> {
        if !matches!(error, StoreError::Conflict(Conflict::IdempotencyKey)) {
            return Err(error.into());
        }
        // There is none only if the other one's clock is a day behind.
        self.replay(caller, access, keyed, action)
            .await?
            .ok_or(Error::Precondition(PreconditionError::RequestInProgress))
    }
}
