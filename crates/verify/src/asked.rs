use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::{AllowedNetworks, NetworkError};
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A request waits for Latchkey at most so long.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks Latchkey. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    http: Client,
    url: Url,
    token: String,
    trusted_proxies: Option<AllowedNetworks>,
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
    /// The organization that the request acts on.
    pub organization: Option<String>,
    /// The project that the token is confined to.
    pub project: Option<String>,
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
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
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

impl Verifier {
    /// Asks the Latchkey at `url`, with an API token of its own that has the scope `tokens:introspect`.
    pub fn new(url: &str, token: impl Into<String>) -> Result<Self, VerifierError> {
        let url = Url::parse(url).and_then(|url| url.join("/api/verify")).map_err(|_| VerifierError::Url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(VerifierError::Url);
        }
        let http = Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { inner: Arc::new(Inner { http, url, token: token.into(), trusted_proxies: None }) })
    }

    /// The same behind proxies in these networks, whose `X-Forwarded-For` says who the client is. Without it, a proxy in
    /// front is taken for the client.
    pub fn behind_proxies<S: AsRef<str>>(self, networks: impl IntoIterator<Item = S>) -> Result<Self, VerifierError> {
        let trusted_proxies = Some(AllowedNetworks::new(networks)?).filter(|networks| !networks.is_everywhere());
        let Inner { http, url, token, .. } = &*self.inner;
        let inner = Inner { http: http.clone(), url: url.clone(), token: token.clone(), trusted_proxies };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) fn trusted_proxies(&self) -> Option<&AllowedNetworks> {
        self.inner.trusted_proxies.as_ref()
    }

    pub(crate) async fn ask(&self, question: &Question<'_>) -> Result<Verified, Refused> {
        let unavailable = || Refused {
            status: 503,
            reason: "unavailable".to_owned(),
            detail: "Tokens can't be checked for a moment".to_owned(),
            missing_scope: None,
        };
        let request = self.inner.http.post(self.inner.url.clone()).bearer_auth(&self.inner.token).json(question);
        let answer = match request.send().await.and_then(reqwest::Response::error_for_status) {
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
            Ok(_) => Err(unavailable()),
            Err(error) => {
                tracing::error!(%error, "Latchkey does not tell whether a request may pass");
                Err(unavailable())
            }
        }
    }
}
