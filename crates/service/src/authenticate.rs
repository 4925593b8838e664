use std::net::IpAddr;

use latchkey_domain::{Secret, SecretError, SecretKind, Timestamp};
use latchkey_store::user_tokens;

use crate::nonces::Source;
use crate::verify::PresentedCredential;
use crate::{AuthenticationError, CachedToken, Error, Origin, Person, Principal, Service};

impl Service {
    /// Checks an unsigned bearer, and notes the use of an API token.
    pub async fn authenticate(&self, bearer: &str, origin: &Origin) -> Result<Principal, Error> {
        self.authenticate_signed(&PresentedCredential { bearer, origin, signature: None }).await
    }

    /// Checks a bearer with the signature that came with it, and notes the use of an API token.
    pub async fn authenticate_signed(&self, presented: &PresentedCredential<'_>) -> Result<Principal, Error> {
        let principal = self.present(presented).await?;
        if let Principal::ApiToken(token) = &principal {
            self.note_use(token, presented.origin).await?;
        }
        Ok(principal)
    }

    /// Checks a token that is presented as the credentials of an OAuth client are: its id, and its secret.
    pub async fn authenticate_client(&self, id: &str, presented: &PresentedCredential<'_>) -> Result<Principal, Error> {
        let secret = Secret::parse(presented.bearer).ok().filter(|secret| secret.kind() == SecretKind::ApiToken);
        let secret = secret.ok_or(AuthenticationError::Unknown)?;
        // Before it is used: under another's id, a secret is none.
        let token = self.inner.cache.token(&secret.hash()).await?.ok_or(AuthenticationError::Unknown)?;
        if id.parse() != Ok(token.id) {
            return Err(AuthenticationError::Unknown.into());
        }
        self.authenticate_signed(presented).await
    }

    /// Form and checksum first (garbage never reaches the database), then who it is, then revoked, expired and network,
    /// then the signature.
    pub(crate) async fn present(&self, presented: &PresentedCredential<'_>) -> Result<Principal, Error> {
        if presented.bearer.is_empty() {
            return Err(AuthenticationError::Missing.into());
        }
        let secret = Secret::parse(presented.bearer).map_err(|error| match error {
            SecretError::Form => AuthenticationError::Malformed,
            SecretError::Checksum => AuthenticationError::Checksum,
        })?;
        let principal = match secret.kind() {
            SecretKind::ApiToken => {
                let token = self.inner.cache.token(&secret.hash()).await?.ok_or(AuthenticationError::Unknown)?;
                self.admit(&secret, &token, presented).await?;
                return Ok(Principal::ApiToken(token));
            }
            SecretKind::UserToken => {
                let found =
                    user_tokens::by_hash(self.store(), &secret.hash()).await?.ok_or(AuthenticationError::Unknown)?;
                if found.expires_at <= self.now() {
                    return Err(AuthenticationError::Expired.into());
                }
                Principal::UserToken(Person::new(found.user, found.id))
            }
            SecretKind::Setup | SecretKind::Invitation => {
                return Err(AuthenticationError::Malformed.into());
            }
        };
        if let Some((signature, request)) = &presented.signature {
            let who = principal.person().map(|person| person.id.0).unwrap_or_default();
            self.check_signature(&secret, signature, request, Source { who, organization: None }).await?;
            self.inner.counted.signed.add(1);
        }
        Ok(principal)
    }

    /// Whether a token that is known by its secret may be used: its own conditions, and then the signature. The first
    /// use of a new secret ends the old one.
    pub(crate) async fn admit(
        &self,
        secret: &Secret,
        token: &CachedToken,
        presented: &PresentedCredential<'_>,
    ) -> Result<(), Error> {
        token.check(presented.origin.address, presented.signature.is_some(), self.now())?;
        match &presented.signature {
            Some((signature, request)) => {
                let organization = token.level.organization().map(|id| id.0);
                self.check_signature(secret, signature, request, Source { who: token.id.0, organization }).await?;
                self.inner.counted.signed.add(1);
            }
            None => self.inner.counted.unsigned.add(1),
        }
        self.end_overlap(token, &secret.hash(), presented.origin).await
    }
}

impl CachedToken {
    /// The token's own conditions, in the order in which a refusal helps most.
    pub(crate) fn check(
        &self,
        address: Option<IpAddr>,
        signed: bool,
        now: Timestamp,
    ) -> Result<(), AuthenticationError> {
        if self.revocation.is_some() {
            return Err(AuthenticationError::Revoked);
        }
        if self.expires_at.is_some_and(|expires| expires <= now) {
            return Err(AuthenticationError::Expired);
        }
        let in_network = match address {
            Some(address) => self.allowed_networks.allow(address),
            None => self.allowed_networks.is_everywhere(),
        };
        if !in_network {
            return Err(AuthenticationError::Network);
        }
        if self.require_signing && !signed {
            return Err(AuthenticationError::Unsigned);
        }
        self.check_retired(now)
    }
}
