//! Presented credentials. There is one way to check one, whoever asks.

use std::net::IpAddr;

use latchkey_domain::{Secret, SecretError, SecretHash, SecretKind, Signature, SignedRequest, Timestamp};
use latchkey_store::user_tokens;

use crate::nonces::Source;
use crate::{Authentication, AuthenticationError, CachedToken, Error, Origin, Person, Principal, Service};

/// A bearer that was read: its form and checksum are checked, and it is hashed. Once a request.
#[derive(Clone, Debug)]
pub struct Bearer(Result<ParsedSecret, AuthenticationError>);

#[derive(Clone, Debug)]
pub(crate) struct ParsedSecret {
    pub(crate) secret: Secret,
    pub(crate) hash: SecretHash,
}

/// A request's credential as a server received it.
#[derive(Clone, Debug)]
pub struct PresentedCredential<'a> {
    /// What came in `Authorization: Bearer`.
    pub bearer: &'a Bearer,
    pub origin: &'a Origin,
    /// With what it was made over.
    pub signature: Option<(&'a Signature, SignedRequest<'a>)>,
}

/// Which credentials a question is about. All others are unknown to it, before anything of them is checked or noted.
pub(crate) enum Accepted<'a> {
    Any,
    /// API tokens that this says yes to.
    ApiTokens(&'a (dyn Fn(&CachedToken) -> bool + Sync)),
}

impl Bearer {
    /// Reads what came in `Authorization: Bearer`; empty for nothing.
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self(Err(AuthenticationError::Missing));
        }
        let parsed = Secret::parse(text).map(|secret| ParsedSecret { hash: secret.hash(), secret });
        Self(parsed.map_err(|error| match error {
            SecretError::Form => AuthenticationError::Malformed,
            SecretError::Checksum => AuthenticationError::Checksum,
        }))
    }

    /// Whether it can be a credential: of a form of ours, with the right checksum.
    pub fn is_well_formed(&self) -> bool {
        self.0.is_ok()
    }

    pub(crate) fn parsed(&self) -> Result<&ParsedSecret, AuthenticationError> {
        self.0.as_ref().map_err(|error| *error)
    }
}

impl Accepted<'_> {
    fn includes(&self, token: &CachedToken) -> bool {
        match self {
            Self::Any => true,
            Self::ApiTokens(accepts) => accepts(token),
        }
    }
}

impl Authentication<'_> {
    /// Checks a credential, and notes the use of an API token.
    pub async fn authenticate(self, presented: &PresentedCredential<'_>) -> Result<Principal, Error> {
        self.authenticate_accepted(presented, &Accepted::Any).await
    }

    /// Checks an API token that is presented as the credentials of an OAuth client are: its id, and its secret. Under
    /// another's id, a secret is none.
    pub async fn authenticate_client(self, id: &str, presented: &PresentedCredential<'_>) -> Result<Principal, Error> {
        if !presented.bearer.is_well_formed() {
            return Err(AuthenticationError::Unknown.into());
        }
        let accepts = |token: &CachedToken| id.parse() == Ok(token.id);
        self.authenticate_accepted(presented, &Accepted::ApiTokens(&accepts)).await
    }

    async fn authenticate_accepted(
        self,
        presented: &PresentedCredential<'_>,
        accepted: &Accepted<'_>,
    ) -> Result<Principal, Error> {
        let principal = self.service.check_credential(presented, accepted).await?;
        if let Principal::ApiToken(token) = &principal {
            self.service.note_use(token, presented.origin).await?;
        }
        Ok(principal)
    }
}

impl Service {
    /// Whom a credential stands for, if it may be used: form and checksum first (garbage never reaches the database),
    /// then who it is, then whether it is usable. A use is noted by whoever lets the request through.
    pub(crate) async fn check_credential(
        &self,
        presented: &PresentedCredential<'_>,
        accepted: &Accepted<'_>,
    ) -> Result<Principal, Error> {
        let ParsedSecret { secret, hash } = presented.bearer.parsed()?;
        match (secret.kind(), accepted) {
            (SecretKind::ApiToken, _) => {
                let token = self.inner.cache.token(hash).await?.filter(|token| accepted.includes(token));
                let token = token.ok_or(AuthenticationError::Unknown)?;
                self.check_usable(&token, presented).await?;
                Ok(Principal::ApiToken(token))
            }
            (_, Accepted::ApiTokens(_)) => Err(AuthenticationError::Unknown.into()),
            (SecretKind::UserToken, Accepted::Any) => {
                let found = Box::pin(user_tokens::by_hash(self.store(), hash)).await?;
                let found = found.ok_or(AuthenticationError::Unknown)?;
                if found.expires_at <= self.now() {
                    return Err(AuthenticationError::Expired.into());
                }
                let person = Person::new(found.user, found.id);
                if let Some((signature, request)) = &presented.signature {
                    let of = Source { who: person.id.0, organization: None };
                    Box::pin(self.check_signature(secret, signature, request, of)).await?;
                    self.inner.counted.signed.add(1);
                }
                Ok(Principal::UserToken(person))
            }
            (SecretKind::Setup | SecretKind::Invitation, Accepted::Any) => Err(AuthenticationError::Malformed.into()),
        }
    }

    /// Whether a token may be used by a request: its own conditions, and then the signature. The first use of a new secret
    /// ends the old one.
    async fn check_usable(&self, token: &CachedToken, presented: &PresentedCredential<'_>) -> Result<(), Error> {
        let ParsedSecret { secret, hash } = presented.bearer.parsed()?;
        token.check_conditions(presented.origin.address, presented.signature.is_some(), self.now())?;
        match &presented.signature {
            Some((signature, request)) => {
                let organization = token.level.organization().map(|id| id.0);
                let of = Source { who: token.id.0, organization };
                // In a box: few requests need its room.
                Box::pin(self.check_signature(secret, signature, request, of)).await?;
                self.inner.counted.signed.add(1);
            }
            None => self.inner.counted.unsigned.add(1),
        }
        self.end_overlap(token, hash, presented.origin).await
    }

    /// Checks that the signature is the secret's and made now, and uses its nonce up. Comes last: what is not a right
    /// signature of a token that works leaves no trace in the store of nonces.
    async fn check_signature(
        &self,
        secret: &Secret,
        signature: &Signature,
        request: &SignedRequest<'_>,
        of: Source,
    ) -> Result<(), Error> {
        signature.verify(secret, request, self.now()).map_err(AuthenticationError::Signature)?;
        self.take_nonce(secret, signature, of).await
    }
}

impl CachedToken {
    /// The token's own conditions, in the order in which a refusal helps most.
    pub(crate) fn check_conditions(
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
