use std::sync::Arc;
use std::time::Duration;

use latchkey_api_types::{
    Decision, OrganizationId, Pin, PinError, ProjectId, RepositoryId, RequestToDecide, ScopeSet, TokenId,
};
use latchkey_client::{ApiError, Client};
use latchkey_domain::{AllowedNetworks, NetworkError};
use thiserror::Error;

use crate::rejection::Rejection;

/// A request waits for Latchkey at most so long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks Latchkey. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Verifier {
    client: Client,
    organizations: Option<Arc<Result<Pin, PinError>>>,
    pub(crate) trusted_proxies: Option<Arc<AllowedNetworks>>,
}

/// Why a [`Verifier`] can't be made.
#[derive(Debug, Error)]
pub enum VerifierError {
    /// Not a network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Latchkey can't be asked at this address, or with this token.
    #[error(transparent)]
    Client(#[from] latchkey_client::Error),
}

/// Who sent a request that was let through; in its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Of the token.
    pub token_id: TokenId,
    /// Of the token.
    pub name: String,
    /// Name of the organization that the request acts on.
    pub organization: String,
    /// Its id, which never changes and never comes back: compare this one.
    pub organization_id: OrganizationId,
    /// Name of the project that the token is confined to.
    pub project: Option<String>,
    /// Its id.
    pub project_id: Option<ProjectId>,
    /// All that the token has.
    pub scopes: ScopeSet,
    /// Id of the repository that was asked about.
    pub repository: Option<RepositoryId>,
}

impl Verifier {
    /// Asks the Latchkey at `url`, with an API token of its own that has the scope `tokens:introspect`.
    ///
    /// A token of an organization (or project) lets requests of that one through and of no other. With an instance token
    /// say which the service serves: of an instance with several organizations, nothing passes until then.
    pub fn new(url: &str, token: impl Into<String>) -> Result<Self, VerifierError> {
        let user_agent = concat!("latchkey-verify/", env!("CARGO_PKG_VERSION"));
        let client =
            Client::builder(url).token(token.into()).user_agent(user_agent).timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self { client, organizations: None, trusted_proxies: None })
    }

    /// Serves one organization, by its name or id. What a request's own header names is never taken for this.
    pub fn organization(self, organization: impl Into<String>) -> Self {
        self.organizations([organization])
    }

    /// Serves these organizations, each by its name or id. With a name that no organization can have, nothing passes.
    pub fn organizations<S: Into<String>>(self, organizations: impl IntoIterator<Item = S>) -> Self {
        let pin = Pin::only(organizations.into_iter().map(Into::into));
        Self { organizations: Some(Arc::new(pin)), ..self }
    }

    /// Serves every organization: the service itself looks at [`Verified::organization_id`] before it does anything.
    pub fn any_organization(self) -> Self {
        Self { organizations: Some(Arc::new(Ok(Pin::Any))), ..self }
    }

    /// Stands behind proxies in these networks, whose `X-Forwarded-For` says who the client is. Without it, a proxy in
    /// front is taken for the client.
    pub fn behind_proxies<S: AsRef<str>>(self, networks: impl IntoIterator<Item = S>) -> Result<Self, VerifierError> {
        let trusted = Some(AllowedNetworks::new(networks)?).filter(|networks| !networks.is_everywhere());
        Ok(Self { trusted_proxies: trusted.map(Arc::new), ..self })
    }

    /// Asks about a request; the verifier adds the organizations.
    pub(crate) async fn verify(&self, request: RequestToDecide) -> Result<Verified, Rejection> {
        let organizations = match self.organizations.as_deref() {
            None => None,
            Some(Ok(pin)) => Some(pin.clone()),
            Some(Err(error)) => {
                tracing::error!(%error, "the verifier's organizations are wrong: no request may pass");
                return Err(Rejection::unavailable());
            }
        };
        match self.client.verification().decide(&RequestToDecide { organizations, ..request }).await {
            Ok(decision) => verified(decision),
            Err(error) => match error.api() {
                Some(refused) if refused.status == 422 => Err(invalid(refused)),
                _ => {
                    tracing::error!(%error, "Latchkey does not tell whether a request may pass");
                    Err(Rejection::unavailable())
                }
            },
        }
    }
}

fn verified(decision: Decision) -> Result<Verified, Rejection> {
    match decision {
        Decision { allowed: true, token: Some(token), repository, .. } => Ok(Verified {
            token_id: token.id,
            name: token.name,
            organization: token.organization,
            organization_id: token.organization_id,
            project: token.project,
            project_id: token.project_id,
            scopes: token.scopes,
            repository,
        }),
        Decision { allowed: false, status: status @ (401 | 403), reason, detail, missing_scope, .. } => {
            Err(Rejection {
                status,
                reason: reason.unwrap_or_default(),
                detail: detail.unwrap_or_default(),
                missing_scope,
            })
        }
        _ => Err(Rejection::unavailable()),
    }
}

/// What a client sends may be of no form; what the service asks for must not be.
fn invalid(error: &ApiError) -> Rejection {
    let is_own = |field: &str| matches!(field, "scope" | "organizations");
    if error.fields.is_empty() || error.fields.iter().any(|wrong| is_own(&wrong.field)) {
        tracing::error!(detail = error.detail, "Latchkey can't answer what it is asked");
        return Rejection::unavailable();
    }
    Rejection::new(400, "invalid", &error.detail)
}

#[cfg(test)]
mod tests {
    use latchkey_api_types::DecidedToken;

    use super::*;

    #[test]
    fn only_a_yes_with_a_token_lets_through() {
        let token: DecidedToken = serde_json::from_value(serde_json::json!({
            "id": "01a20276-c695-74cc-ab86-ccae0efb2eef", "name": "CI", "level": "organization", "organization": "acme",
            "organizationId": "01a20276-c695-74cc-ab86-ccae0efb2eee", "scopes": ["scans:read"], "allRepositories": true,
            "new": "is ignored",
        }))
        .unwrap();
        let decided = |allowed, status, token| verified(Decision { allowed, status, token, ..Decision::default() });
        assert_eq!(decided(true, 200, Some(token.clone())).unwrap().name, "CI");
        for (allowed, status, token, expected) in
            [(true, 200, None, 503), (false, 200, Some(token.clone()), 503), (false, 401, Some(token), 401)]
        {
            assert_eq!(decided(allowed, status, token).unwrap_err().status, expected);
        }
    }
}
