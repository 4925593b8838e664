//! What Latchkey is for: whether a request with a token may do what it asks for.

use std::sync::Arc;

use latchkey_domain::{
    OrganizationId, Pin, RepositoryId, Scope, Secret, SecretKind, Signature, SignedRequest, Timestamp,
};

use crate::nonces::Source;
use crate::{
    AuthenticationError, AuthorizationError, CachedOrganization, CachedToken, Caller, Error, Origin, Principal,
    Service, Verification, pinned,
};

/// A request as a resource server received it.
#[derive(Clone, Debug)]
pub struct PresentedCredential<'a> {
    /// What came in `Authorization: Bearer`; empty for nothing.
    pub bearer: &'a str,
    pub origin: &'a Origin,
    /// With what it was made over.
    pub signature: Option<(&'a Signature, SignedRequest<'a>)>,
}

/// What a request asks for; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct RequiredAccess<'a> {
    pub scopes: Vec<Scope>,
    /// Ids or full names.
    pub repositories: Vec<String>,
    /// The organization that the request itself names; needed for instance tokens, and refused when it contradicts the
    /// token.
    pub organization: Option<String>,
    /// Which organizations it may be about, from where the client does not reach.
    pub pins: Vec<&'a Pin>,
}

/// An accepted request.
#[derive(Clone, Debug)]
pub struct Allowed {
    pub token: Arc<CachedToken>,
    /// The token's, or the one that an instance token acts on.
    pub organization: CachedOrganization,
    /// That it asks for; the last one, if several were to be reached.
    pub repository: Option<RepositoryId>,
}

/// What is told of a token to a resource server that introspects it (RFC 7662).
#[derive(Clone, Debug)]
pub enum Introspected {
    /// It works.
    Active(Arc<CachedToken>),
    /// It does not, or it is not the caller's to know: nobody learns which.
    Inactive,
}

impl Verification<'_> {
    /// Decides about a request. An accepted one counts as a use of the token.
    pub async fn verify(
        self,
        presented: &PresentedCredential<'_>,
        demand: &RequiredAccess<'_>,
    ) -> Result<Allowed, Error> {
        let Principal::ApiToken(token) = self.service.present(presented).await? else {
            return Err(AuthorizationError::ApiTokensOnly.into());
        };
        self.allow(token, presented, demand).await
    }

    /// Decides for a resource server, which learns of the tokens of its own level only: all others are unknown to it, and
    /// so is every other kind of credential. One that belongs to an organization asks about no other; an instance's must
    /// say which.
    pub async fn verify_for(
        self,
        caller: &Caller,
        presented: &PresentedCredential<'_>,
        demand: &RequiredAccess<'_>,
    ) -> Result<Result<Allowed, Error>, Error> {
        let own = caller.introspects()?;
        let secret = match Secret::parse(presented.bearer) {
            Ok(secret) if secret.kind() == SecretKind::ApiToken => secret,
            Ok(_) => return Ok(Err(AuthenticationError::Unknown.into())),
            Err(_) => return Ok(self.verify(presented, demand).await),
        };
        // Before anything else is checked or noted: another organization's token is not used up, nor its nonce.
        let token = match self.service.inner.cache.token(&secret.hash()).await? {
            Some(token) if own.level.contains(token.level) => token,
            _ => return Ok(Err(AuthenticationError::Unknown.into())),
        };
        let pin = own.level.organization().map(pinned::own);
        let pins = demand.pins.iter().copied().chain(&pin).collect();
        let demand = RequiredAccess { pins, ..demand.clone() };
        Ok(match self.service.admit(&secret, &token, presented).await {
            Ok(()) => self.allow(token, presented, &demand).await,
            Err(error) => Err(error),
        })
    }

    /// Whether a token works, as RFC 7662 asks. Not a use of it.
    pub async fn introspect(self, caller: &Caller, bearer: &str) -> Result<Introspected, Error> {
        let own = caller.introspects()?;
        let secret = match Secret::parse(bearer) {
            Ok(secret) if secret.kind() == SecretKind::ApiToken => secret,
            _ => return Ok(Introspected::Inactive),
        };
        let now = self.service.now();
        Ok(match self.service.inner.cache.token(&secret.hash()).await? {
            Some(token) if own.level.contains(token.level) && lives(&token, now) => Introspected::Active(token),
            _ => Introspected::Inactive,
        })
    }

    /// Whether an admitted token may do what is asked for; if so, that was a use of it.
    async fn allow(
        self,
        token: Arc<CachedToken>,
        presented: &PresentedCredential<'_>,
        demand: &RequiredAccess<'_>,
    ) -> Result<Allowed, Error> {
        let (named, signature) = (demand.organization.as_deref(), presented.signature.map(|(signature, _)| signature));
        let organization = self.acted_on(&token, named, &demand.pins, signature).await?;
        if let Some(missing) = demand.scopes.iter().find(|scope| !token.scopes.contains(scope.as_str())) {
            return Err(AuthorizationError::MissingScope(missing.clone()).into());
        }
        let mut repository = None;
        for asked in &demand.repositories {
            repository = Some(self.reached(&token, organization.id, asked).await?);
        }
        self.service.note_use(&token, presented.origin).await?;
        Ok(Allowed { token, organization, repository })
    }

    /// The organization's repository of an id or name, if the token reaches it. One that does not exist is answered like
    /// one that is out of reach.
    async fn reached(
        self,
        token: &CachedToken,
        organization: OrganizationId,
        asked: &str,
    ) -> Result<RepositoryId, Error> {
        let listed = |id: RepositoryId| token.repositories.contains(&id);
        let found = self.service.inner.cache.repository(organization, asked).await?;
        let reached = found.filter(|id| token.all_repositories || listed(*id));
        reached.ok_or_else(|| AuthorizationError::MissingRepository(asked.parse().ok()).into())
    }
}

impl Service {
    /// Checks that the signature is the secret's and made now, and uses its nonce up. Comes last: what is not a right
    /// signature of a token that works leaves no trace in the store of nonces.
    pub(crate) async fn check_signature(
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

impl Caller {
    /// The token of a resource server that may ask about others.
    fn introspects(&self) -> Result<&CachedToken, Error> {
        match &self.principal {
            Principal::ApiToken(token) => {
                self.principal.needs_scope("tokens:introspect")?;
                Ok(token)
            }
            Principal::Session(_) | Principal::UserToken(_) => Err(AuthorizationError::ApiTokensOnly.into()),
        }
    }
}

fn lives(token: &CachedToken, now: Timestamp) -> bool {
    token.revocation.is_none()
        && token.expires_at.is_none_or(|expires| expires > now)
        && token.check_retired(now).is_ok()
}
