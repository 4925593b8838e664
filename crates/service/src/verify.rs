//! What Latchkey is for: whether a request with a token may do what it asks for.

use std::sync::Arc;

use latchkey_domain::{OrganizationId, Pin, RepositoryId, Scope, SecretKind, Timestamp};

use crate::authenticate::{Accepted, Bearer, ParsedSecret, PresentedCredential};
use crate::{
    AuthenticationError, AuthorizationError, CachedOrganization, CachedToken, Caller, Error, Principal, Verification,
    pinned,
};

/// What a request asks for; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct RequiredAccess<'a> {
    pub scopes: Vec<&'a Scope>,
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
        required: &RequiredAccess<'_>,
    ) -> Result<Allowed, Error> {
        let Principal::ApiToken(token) = self.service.check_credential(presented, &Accepted::Any).await? else {
            return Err(AuthorizationError::ApiTokensOnly.into());
        };
        self.allow(token, presented, required).await
    }

    /// Decides for a resource server, which learns of the tokens of its own level only: all others are unknown to it, and
    /// so is every other kind of credential. One that belongs to an organization asks about no other; an instance's must
    /// say which.
    pub async fn verify_for(
        self,
        caller: &Caller,
        presented: &PresentedCredential<'_>,
        required: &RequiredAccess<'_>,
    ) -> Result<Result<Allowed, Error>, Error> {
        let own = caller.introspects()?;
        // Another organization's token is not used up, nor its nonce.
        let accepts = |token: &CachedToken| own.level.contains(token.level);
        let token = match self.service.check_credential(presented, &Accepted::ApiTokens(&accepts)).await {
            Ok(Principal::ApiToken(token)) => token,
            Ok(Principal::Session(_) | Principal::UserToken(_)) => {
                return Ok(Err(AuthenticationError::Unknown.into()));
            }
            Err(error) => return Ok(Err(error)),
        };
        let pin = own.level.organization().map(pinned::own);
        let pins = required.pins.iter().copied().chain(&pin).collect();
        let required = RequiredAccess { pins, ..required.clone() };
        Ok(self.allow(token, presented, &required).await)
    }

    /// Whether a token works, as RFC 7662 asks. Not a use of it.
    pub async fn introspect(self, caller: &Caller, bearer: &Bearer) -> Result<Introspected, Error> {
        let own = caller.introspects()?;
        let Ok(ParsedSecret { secret, hash }) = bearer.parsed() else { return Ok(Introspected::Inactive) };
        if secret.kind() != SecretKind::ApiToken {
            return Ok(Introspected::Inactive);
        }
        let now = self.service.now();
        Ok(match self.service.inner.cache.token(hash).await? {
            Some(token) if own.level.contains(token.level) && lives(&token, now) => Introspected::Active(token),
            _ => Introspected::Inactive,
        })
    }

    /// Whether a usable token may do what is asked for; if so, that was a use of it.
    async fn allow(
        self,
        token: Arc<CachedToken>,
        presented: &PresentedCredential<'_>,
        required: &RequiredAccess<'_>,
    ) -> Result<Allowed, Error> {
        let (named, signature) =
            (required.organization.as_deref(), presented.signature.map(|(signature, _)| signature));
        let organization = self.acted_on(&token, named, &required.pins, signature).await?;
        if let Some(missing) = required.scopes.iter().find(|scope| !token.scopes.contains(scope.as_str())) {
            return Err(AuthorizationError::MissingScope((*missing).clone()).into());
        }
        let mut repository = None;
        for asked in &required.repositories {
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
