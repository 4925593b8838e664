use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::{AllowedNetworks, NetworkError};
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A request waits for Latchkey at most so long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks Latchkey. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
    organizations: Option<Arc<Organizations>>,
    pub(crate) trusted_proxies: Option<Arc<AllowedNetworks>>,
}

/// Which organizations the service serves.
#[derive(Serialize)]
#[serde(untagged)]
enum Organizations {
    Any(&'static str),
    Only(Vec<String>),
}

struct Inner {
    http: Client,
    url: Url,
    token: String,
}

/// Why a [`Verifier`] can't be made.
#[derive(Debug, Error)]
pub enum VerifierError {
    /// The address is not one.
    #[error("the address of Latchkey must be an http or https URL")]
    Url,
    /// Not a network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

/// Who sent a request that was let through; in its extensions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Of the token.
    #[serde(rename = "id")]
    pub token_id: String,
    /// Of the token.
    pub name: String,
    /// Name of the organization that the request acts on.
    pub organization: String,
    /// Its id, which never changes and never comes back: compare this one.
    pub organization_id: String,
    /// Name of the project that the token is confined to.
    pub project: Option<String>,
    /// Its id.
    pub project_id: Option<String>,
    /// All that the token has.
    pub scopes: Vec<String>,
    /// Id of the repository that was asked about.
    #[serde(default)]
    pub repository: Option<String>,
}

/// Why a request was not let through, with what to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// 400, 401, 403 or 503.
    pub status: u16,
    /// A word such as `token-revoked`; `unavailable` when Latchkey did not tell.
    pub reason: String,
    /// The same for people.
    pub detail: String,
    /// The scope that is missing, if that is why.
    pub missing_scope: Option<String>,
}

/// What is asked; the names of `POST /api/verify`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Question<'a> {
    pub(crate) token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repository: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) organization: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    pub(crate) user_agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<SignatureHeaders<'a>>,
    pub(crate) body_hash: String,
}

#[derive(Serialize)]
pub(crate) struct SignatureHeaders<'a> {
    pub(crate) signature: &'a str,
    pub(crate) timestamp: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
}

/// A question, and where it may be answered with yes.
#[derive(Serialize)]
struct Pinned<'a> {
    #[serde(flatten)]
    question: &'a Question<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organizations: Option<&'a Organizations>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    allowed: bool,
    #[serde(default)]
    status: u16,
    token: Option<Verified>,
    repository: Option<String>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    detail: String,
    missing_scope: Option<String>,
}

/// What is wrong with a question.
#[derive(Deserialize)]
struct Invalid {
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<InvalidField>,
}

#[derive(Deserialize)]
struct InvalidField {
    field: String,
}

impl Verifier {
    /// Asks the Latchkey at `url`, with an API token of its own that has the scope `tokens:introspect`.
    ///
    /// A token of an organization (or project) lets requests of that one through and of no other. With an instance token
    /// say which the service serves: of an instance with several organizations, nothing passes until then.
    pub fn new(url: &str, token: impl Into<String>) -> Result<Self, VerifierError> {
        let url = Url::parse(url).and_then(|url| url.join("/api/verify")).map_err(|_| VerifierError::Url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(VerifierError::Url);
        }
        let http = Client::builder().timeout(REQUEST_TIMEOUT).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self {
            inner: Arc::new(Inner { http, url, token: token.into() }),
            organizations: None,
            trusted_proxies: None,
        })
    }

    /// Serves one organization, by its name or id. What a request's own header names is never taken for this.
    pub fn organization(self, organization: impl Into<String>) -> Self {
        self.organizations([organization])
    }

    /// Serves these organizations, each by its name or id.
    pub fn organizations<S: Into<String>>(self, organizations: impl IntoIterator<Item = S>) -> Self {
        let organizations = Organizations::Only(organizations.into_iter().map(Into::into).collect());
        Self { organizations: Some(Arc::new(organizations)), ..self }
    }

    /// Serves every organization: the service itself looks at [`Verified::organization_id`] before it does anything.
    pub fn any_organization(self) -> Self {
        Self { organizations: Some(Arc::new(Organizations::Any("any"))), ..self }
    }

    /// Stands behind proxies in these networks, whose `X-Forwarded-For` says who the client is. Without it, a proxy in
    /// front is taken for the client.
    pub fn behind_proxies<S: AsRef<str>>(self, networks: impl IntoIterator<Item = S>) -> Result<Self, VerifierError> {
        let trusted = Some(AllowedNetworks::new(networks)?).filter(|networks| !networks.is_everywhere());
        Ok(Self { trusted_proxies: trusted.map(Arc::new), ..self })
    }

    pub(crate) async fn ask(&self, question: &Question<'_>) -> Result<Verified, Refused> {
        let body = Pinned { question, organizations: self.organizations.as_deref() };
        let request = self.inner.http.post(self.inner.url.clone()).bearer_auth(&self.inner.token).json(&body);
        let answer = match request.send().await {
            Ok(answer) if answer.status().as_u16() == 422 => {
                let invalid = answer.json().await.unwrap_or(Invalid { detail: String::new(), errors: Vec::new() });
                return Err(invalid.refused());
            }
            Ok(answer) => answer.error_for_status(),
            Err(error) => Err(error),
        };
        let answer = match answer {
            Ok(answer) => answer.json::<Decision>().await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(Decision { allowed: true, token: Some(verified), repository, .. }) => {
                Ok(Verified { repository, ..verified })
            }
            Ok(Decision { allowed: false, status: status @ (401 | 403), reason, detail, missing_scope, .. }) => {
                Err(Refused { status, reason, detail, missing_scope })
            }
            Ok(_) => Err(Refused::unavailable()),
            Err(error) => {
                tracing::error!(%error, "Latchkey does not tell whether a request may pass");
                Err(Refused::unavailable())
            }
        }
    }
}

impl Invalid {
    /// What a client sends may be of no form; what the service asks for must not be.
    fn refused(self) -> Refused {
        let own = |field: &InvalidField| matches!(&*field.field, "scope" | "organizations");
        if self.errors.is_empty() || self.errors.iter().any(own) {
            tracing::error!(detail = self.detail, "Latchkey can't answer what it is asked");
            return Refused::unavailable();
        }
        Refused { status: 400, reason: "invalid".to_owned(), detail: self.detail, missing_scope: None }
    }
}

impl Refused {
    fn unavailable() -> Self {
        let detail = "Tokens can't be checked for a moment".to_owned();
        Self { status: 503, reason: "unavailable".to_owned(), detail, missing_scope: None }
    }
}
