use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use latchkey_api_types::{Login, SecretString, UserToken, WhoAmI};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Url, redirect};
use zeroize::Zeroizing;

use crate::operation::{self, Operation};
use crate::request::Parts;
use crate::response::{self, Response};
use crate::{
    AuditClient, AutoRevokeClient, Error, HealthClient, InvitationsClient, MembersClient, OrganizationsClient,
    ProjectsClient, ReceivedInvitationsClient, RepositoriesClient, Request, Signer, TokensClient, UsersClient,
    VerificationClient,
};

/// Names the organization that a request acts on.
const ORGANIZATION: &str = "latchkey-organization";
/// A little longer than the server takes at most.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A page of 100 tokens that list 500 repositories each has 4 MiB.
const RESPONSE_MAX: usize = 16 * 1024 * 1024;
const OWN_USER_AGENT: &str = concat!("latchkey-client/", env!("CARGO_PKG_VERSION"));

/// Calls the REST API of one Latchkey. Cheap to clone.
///
/// It follows no redirect, since its credential is for the address that it was made with.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    organization: Option<Arc<str>>,
}

struct Inner {
    http: reqwest::Client,
    /// Without the slash at the end.
    base: String,
    authorization: Option<HeaderValue>,
    signer: Option<Signer>,
    response_max: usize,
}

/// How a [`Client`] is to be.
#[derive(Clone, Debug)]
#[must_use = "a builder makes a client with `build`"]
pub struct ClientBuilder {
    url: String,
    token: Option<SecretString>,
    signed: bool,
    organization: Option<String>,
    user_agent: String,
    timeout: Duration,
    connect_timeout: Duration,
    response_max: usize,
}

impl ClientBuilder {
    /// Presents this API token (`ci_…`) or user token (`lku_…`).
    pub fn token(self, token: impl Into<SecretString>) -> Self {
        Self { token: Some(token.into()), ..self }
    }

    /// Signs each request with the API token; see [`Signer`].
    pub fn signed(self) -> Self {
        Self { signed: true, ..self }
    }

    /// Acts on this organization, named or by id; else on the token's own, or on the person's current one.
    pub fn organization(self, organization: impl Into<String>) -> Self {
        Self { organization: Some(organization.into()), ..self }
    }

    /// Names the program, before the client's own name: `my-program/1.0`.
    pub fn user_agent(self, program: &str) -> Self {
        Self { user_agent: format!("{program} {OWN_USER_AGENT}"), ..self }
    }

    /// Waits so long for a whole response; 30 s if not set.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Waits so long for a connection; 10 s if not set.
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// Reads so many bytes of a response at most; 16 MiB if not set.
    pub fn response_max(self, bytes: usize) -> Self {
        Self { response_max: bytes, ..self }
    }

    /// The client.
    pub fn build(self) -> Result<Client, Error> {
        let url = Url::parse(&self.url).map_err(|_| Error::Url)?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if !bare || !matches!(url.scheme(), "http" | "https") {
            return Err(Error::Url);
        }
        let signer = match &self.token {
            Some(token) if self.signed => Some(Signer::new(token.reveal())?),
            None if self.signed => return Err(Error::Secret(latchkey_domain::SecretError::Form)),
            _ => None,
        };
        let authorization = self.token.as_ref().map(|token| {
            let text = Zeroizing::new(format!("Bearer {}", token.reveal()));
            let mut value = HeaderValue::from_str(&text).map_err(|_| Error::Header("authorization"))?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        });
        let user_agent = HeaderValue::from_str(&self.user_agent).map_err(|_| Error::Header("user-agent"))?;
        let http = reqwest::Client::builder()
            .user_agent(user_agent)
            .timeout(self.timeout)
            .connect_timeout(self.connect_timeout)
            .redirect(redirect::Policy::none())
            .build()?;
        let inner = Inner {
            http,
            base: url.as_str().trim_end_matches('/').to_owned(),
            authorization: authorization.transpose()?,
            signer,
            response_max: self.response_max,
        };
        Ok(Client { inner: Arc::new(inner), organization: self.organization.map(Into::into) })
    }
}

impl Client {
    /// A client of the Latchkey at `url`, such as `https://tokens.example.com`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            url: url.into(),
            token: None,
            signed: false,
            organization: None,
            user_agent: OWN_USER_AGENT.to_owned(),
            timeout: REQUEST_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            response_max: RESPONSE_MAX,
        }
    }

    /// The same client, acting on this organization, named or by id.
    pub fn for_organization(&self, organization: impl Into<Arc<str>>) -> Self {
        Self { inner: self.inner.clone(), organization: Some(organization.into()) }
    }

    /// Signs a person in with email and password; the user token works for 24 hours.
    pub fn log_in(&self, login: &Login) -> Request<UserToken> {
        Request::new(self, &operation::LOG_IN, &[], response::json).json(login)
    }

    /// Tells who the credential is and what it may do.
    pub fn who_am_i(&self) -> Request<WhoAmI> {
        Request::new(self, &operation::WHO_AM_I, &[], response::json)
    }

    /// API tokens of an organization, or of the instance.
    pub fn tokens(&self) -> TokensClient<'_> {
        TokensClient { client: self }
    }

    /// Repositories that tokens can be confined to.
    pub fn repositories(&self) -> RepositoriesClient<'_> {
        RepositoriesClient { client: self }
    }

    /// Projects of an organization.
    pub fn projects(&self) -> ProjectsClient<'_> {
        ProjectsClient { client: self }
    }

    /// Organizations.
    pub fn organizations(&self) -> OrganizationsClient<'_> {
        OrganizationsClient { client: self }
    }

    /// The members of an organization.
    pub fn members<'a>(&'a self, organization: &'a str) -> MembersClient<'a> {
        MembersClient { client: self, organization }
    }

    /// The invitations that an organization has sent.
    pub fn invitations<'a>(&'a self, organization: &'a str) -> InvitationsClient<'a> {
        InvitationsClient { client: self, organization }
    }

    /// The invitations of the person who calls.
    pub fn received_invitations(&self) -> ReceivedInvitationsClient<'_> {
        ReceivedInvitationsClient { client: self }
    }

    /// The auto-revoke of an organization.
    pub fn auto_revoke<'a>(&'a self, organization: &'a str) -> AutoRevokeClient<'a> {
        AutoRevokeClient { client: self, organization }
    }

    /// Accounts, and what they are signed in with.
    pub fn users(&self) -> UsersClient<'_> {
        UsersClient { client: self }
    }

    /// The audit log.
    pub fn audit(&self) -> AuditClient<'_> {
        AuditClient { client: self }
    }

    /// Decisions about requests that came with a token.
    pub fn verification(&self) -> VerificationClient<'_> {
        VerificationClient { client: self }
    }

    /// What operators and orchestrators ask.
    pub fn health(&self) -> HealthClient<'_> {
        HealthClient { client: self }
    }

    pub(crate) async fn send(&self, operation: &'static Operation, parts: Parts) -> Result<Response, Error> {
        let Parts { target, headers, body, without_credential } = parts;
        let inner = &*self.inner;
        let mut request =
            inner.http.request(operation.method.clone(), [&*inner.base, &*target].concat()).headers(headers);
        if !operation.public && !without_credential {
            if let Some(value) = &inner.authorization {
                request = request.header(AUTHORIZATION, value);
            }
            if let Some(signer) = &inner.signer {
                for (name, value) in self.signature(signer, operation, &target, &body) {
                    request = request.header(name, value);
                }
            }
        }
        if let Some(organization) = self.organization.as_deref().filter(|_| !operation.public) {
            let value = HeaderValue::from_str(organization).map_err(|_| Error::Header(ORGANIZATION))?;
            request = request.header(ORGANIZATION, value);
        }
        if !body.is_empty() {
            request = request.body(body.to_vec());
        }
        let mut answer = request.send().await.map_err(reqwest::Error::without_url)?;
        let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
        let mut whole = Zeroizing::new(Vec::new());
        while let Some(part) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            if whole.len() + part.len() > inner.response_max {
                return Err(Error::TooLarge(inner.response_max));
            }
            whole.extend_from_slice(&part);
        }
        tracing::debug!(operation = operation.id, status, "called Latchkey");
        Ok(Response { status, headers, body: whole })
    }

    fn signature(
        &self,
        signer: &Signer,
        operation: &Operation,
        target: &str,
        body: &[u8],
    ) -> [(&'static str, String); 3] {
        let method = operation.method.as_str();
        match &self.organization {
            Some(organization) => signer.headers_in(organization, method, target, body),
            None => signer.headers(method, target, body),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.inner.base)
            .field("organization", &self.organization)
            .finish_non_exhaustive()
    }
}
