use latchkey_domain::{RepositoryId, Secret, SecretError, SecretKind, Timestamp};
use latchkey_store::tokens::Token;
use latchkey_store::user_tokens;

use crate::{Denial, Error, Origin, Principal, Refusal, Service};

impl Service {
    /// Checks a presented bearer: form and checksum first (garbage never reaches the database), then who it is, then
    /// revoked, expired and network. Notes the use of an API token.
    pub async fn authenticate(&self, bearer: &str, origin: &Origin) -> Result<Principal, Error> {
        let secret = Secret::parse(bearer).map_err(|error| match error {
            SecretError::Form => Refusal::Malformed,
            SecretError::Checksum => Refusal::Checksum,
        })?;
        match secret.kind() {
            SecretKind::ApiToken => {
                let token = self.inner.known.token(&secret.hash()).await?.ok_or(Refusal::Unknown)?;
                accept(&token, origin, self.now())?;
                token.check_retired(self.now())?;
                self.end_overlap(&token, &secret.hash(), origin).await?;
                self.note_use(&token, origin).await?;
                Ok(Principal::ApiToken(token))
            }
            SecretKind::UserToken => {
                let found = user_tokens::by_hash(self.store(), &secret.hash()).await?;
                let (user, expires_at) = found.ok_or(Refusal::Unknown)?;
                if expires_at <= self.now() {
                    return Err(Refusal::Expired.into());
                }
                Ok(Principal::UserToken(user.into()))
            }
            SecretKind::Session | SecretKind::Setup => Err(Refusal::Malformed.into()),
        }
    }

    /// Refuses an API token that does not reach `repository`.
    pub(crate) fn needs_repository(&self, principal: &Principal, repository: RepositoryId) -> Result<(), Error> {
        if principal.reach().reaches(repository) {
            Ok(())
        } else {
            Err(Denial::MissingRepository(Some(repository)).into())
        }
    }
}

/// The token's own conditions, in the order in which a refusal helps most.
fn accept(token: &Token, origin: &Origin, now: Timestamp) -> Result<(), Refusal> {
    if token.revocation.is_some() {
        return Err(Refusal::Revoked);
    }
    if token.expires_at.is_some_and(|expires| expires <= now) {
        return Err(Refusal::Expired);
    }
    let in_network = match origin.address {
        Some(address) => token.allowed_networks.allow(address),
        None => token.allowed_networks.is_everywhere(),
    };
    if !in_network {
        return Err(Refusal::Network);
    }
    if token.require_signing {
        return Err(Refusal::Unsigned);
    }
    Ok(())
}
