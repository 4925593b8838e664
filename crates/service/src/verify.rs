//! What Latchkey is for: whether a request with a token may do what it asks for.

use std::sync::Arc;

use latchkey_domain::{OrganizationId, RepositoryId, Scope, Secret, SecretKind, Signature, SignedRequest, Timestamp};
use latchkey_store::nonces;

use crate::{Caller, Denial, Error, KnownToken, Origin, Principal, Refusal, Service};

/// A request as a resource server received it.
#[derive(Clone, Debug)]
pub struct Presented<'a> {
    /// What came in `Authorization: Bearer`; empty for nothing.
    pub bearer: &'a str,
    pub origin: &'a Origin,
    /// With what it was made over.
    pub signature: Option<(&'a Signature, SignedRequest<'a>)>,
}

/// What a request asks for.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    pub scope: Option<Scope>,
    /// Id or full name.
    pub repository: Option<String>,
    /// The organization that a header names; needed for instance tokens, and refused when it contradicts the token.
    pub organization: Option<String>,
}

/// An accepted request.
#[derive(Clone, Debug)]
pub struct Allowed {
    pub token: Arc<KnownToken>,
    /// The token's, or the one that an instance token acts on.
    pub organization: Option<String>,
    pub repository: Option<RepositoryId>,
}

/// What is told of a token to a resource server that introspects it (RFC 7662).
#[derive(Clone, Debug)]
pub enum Introspected {
    /// It works.
    Active(Arc<KnownToken>),
    /// It does not, or it is not the caller's to know: nobody learns which.
    Inactive,
}

impl Service {
    /// Decides about a request. An accepted one counts as a use of the token.
    pub async fn verify(&self, presented: &Presented<'_>, demand: &Demand) -> Result<Allowed, Error> {
        let Principal::ApiToken(token) = self.present(presented).await? else {
            return Err(Denial::ApiTokensOnly.into());
        };
        self.allow(token, presented.origin, demand).await
    }

    /// Decides for a resource server, which learns of the tokens of its own organization only: all others are unknown.
    pub async fn verify_for(
        &self,
        caller: &Caller,
        presented: &Presented<'_>,
        demand: &Demand,
    ) -> Result<Result<Allowed, Error>, Error> {
        let own = caller.introspects()?;
        let secret = match Secret::parse(presented.bearer) {
            Ok(secret) if secret.kind() == SecretKind::ApiToken => secret,
            _ => return Ok(self.verify(presented, demand).await),
        };
        // Before anything else is checked or noted: another organization's token is not used up, nor its nonce.
        match self.inner.known.token(&secret.hash()).await? {
            Some(token) if own.level.contains(token.level) => Ok(match self.admit(&secret, &token, presented).await {
                Ok(()) => self.allow(token, presented.origin, demand).await,
                Err(error) => Err(error),
            }),
            _ => Ok(Err(Refusal::Unknown.into())),
        }
    }

    /// Whether a token works, as RFC 7662 asks. Not a use of it.
    pub async fn introspect(&self, caller: &Caller, bearer: &str) -> Result<Introspected, Error> {
        let own = caller.introspects()?;
        let secret = match Secret::parse(bearer) {
            Ok(secret) if secret.kind() == SecretKind::ApiToken => secret,
            _ => return Ok(Introspected::Inactive),
        };
        let now = self.now();
        Ok(match self.inner.known.token(&secret.hash()).await? {
            Some(token) if own.level.contains(token.level) && lives(&token, now) => Introspected::Active(token),
            _ => Introspected::Inactive,
        })
    }

    /// Checks that the signature is the secret's and made now, and uses its nonce up. Comes last: what is not a right
    /// signature of a token that works leaves no trace in the store of nonces.
    pub(crate) async fn check_signature(
        &self,
        secret: &Secret,
        signature: &Signature,
        request: &SignedRequest<'_>,
    ) -> Result<(), Error> {
        signature.verify(secret, request, self.now()).map_err(Refusal::Signature)?;
        let key = signature.nonce_key(secret);
        let fresh = match &self.inner.nonces {
            Some(nonces) => nonces.take(key, Signature::NONCE_SECONDS).await.map_err(|error| {
                tracing::error!(%error, "the store of nonces does not answer");
                Error::NoncesUnavailable
            })?,
            None => {
                let mut tx = self.begin_system().await?;
                let taken = nonces::take(&mut tx, &key, self.now().plus_seconds(Signature::NONCE_SECONDS)).await?;
                tx.commit().await?;
                taken
            }
        };
        if fresh { Ok(()) } else { Err(Refusal::Replayed.into()) }
    }

    /// Whether an admitted token may do what is asked for; if so, that was a use of it.
    async fn allow(&self, token: Arc<KnownToken>, origin: &Origin, demand: &Demand) -> Result<Allowed, Error> {
        let own = Some(&token.organization_name).filter(|name| !name.is_empty());
        if let (Some(own), Some(named)) = (own, &demand.organization)
            && own != named
        {
            return Err(Denial::OtherOrganization.into());
        }
        if let Some(scope) = &demand.scope
            && !token.scopes.contains(scope.as_str())
        {
            return Err(Denial::MissingScope(scope.clone()).into());
        }
        let repository = match &demand.repository {
            None => None,
            Some(asked) => Some(self.reached(&token, asked, demand.organization.as_deref()).await?),
        };
        let organization = own.or(demand.organization.as_ref()).cloned();
        self.note_use(&token, origin).await?;
        Ok(Allowed { token, organization, repository })
    }

    /// The repository of an id or name, if the token reaches it. One that does not exist is answered like one that is
    /// out of reach.
    async fn reached(&self, token: &KnownToken, asked: &str, named: Option<&str>) -> Result<RepositoryId, Error> {
        let id = asked.parse::<RepositoryId>().ok();
        if !token.all_repositories {
            let listed = token.repositories.iter().find(|(of, name)| id.map_or(name == asked, |id| id == *of));
            return listed.map(|(of, _)| *of).ok_or_else(|| Denial::MissingRepository(id).into());
        }
        let organization = match (token.level.organization(), named) {
            (Some(organization), _) => organization,
            (None, Some(named)) => self.organization_named(named).await?,
            (None, None) => return Err(Denial::NoOrganization.into()),
        };
        let known = self.inner.known.repository(organization, asked).await?;
        known.ok_or_else(|| Denial::MissingRepository(id).into())
    }

    async fn organization_named(&self, name: &str) -> Result<OrganizationId, Error> {
        let found = latchkey_store::organizations::by_name(self.store(), name).await?;
        found.map(|organization| organization.id).ok_or(Error::NotFound("organization"))
    }
}

impl Caller {
    /// The token of a resource server that may ask about others.
    fn introspects(&self) -> Result<&KnownToken, Error> {
        match &self.principal {
            Principal::ApiToken(token) => {
                self.principal.needs_scope("tokens:introspect")?;
                Ok(token)
            }
            Principal::Session(_) | Principal::UserToken(_) => Err(Denial::ApiTokensOnly.into()),
        }
    }
}

fn lives(token: &KnownToken, now: Timestamp) -> bool {
    token.revocation.is_none()
        && token.expires_at.is_none_or(|expires| expires > now)
        && token.check_retired(now).is_ok()
}
