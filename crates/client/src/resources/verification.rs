use latchkey_api_types::{
    Decision, Decisions, Introspected, Introspection, OrganizationId, ProjectId, RepositoryId, RequestToDecide,
    RequestsToDecide, ScopeSet, TokenId,
};
use percent_encoding::percent_decode_str;

use crate::operation::{DECIDE, DECIDE_MANY, FORWARD_AUTH, FORWARD_AUTH_OF_ORGANIZATION, INTROSPECT};
use crate::response::{self, Response};
use crate::{Client, Error, Request};

/// Decisions about requests that came with a token.
#[derive(Clone, Copy, Debug)]
pub struct VerificationClient<'a> {
    pub(crate) client: &'a Client,
}

/// Who a request was let through for, as a proxy is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardAuth {
    /// Id of the token.
    pub token_id: TokenId,
    /// Id of the organization that the token acts on.
    pub organization_id: OrganizationId,
    /// Name of that organization.
    pub organization: String,
    /// Id of the project that the token is confined to.
    pub project_id: Option<ProjectId>,
    /// Name of that project.
    pub project: Option<String>,
    /// All scopes of the token.
    pub scopes: ScopeSet,
    /// Id of the repository that the path names.
    pub repository: Option<RepositoryId>,
}

impl VerificationClient<'_> {
    /// Decides about a request. A refusal is a decision, too.
    pub fn decide(&self, request: &RequestToDecide) -> Request<Decision> {
        Request::new(self.client, &DECIDE, &[], response::json).json(request)
    }

    /// Decides about up to 100 requests, in their order.
    pub fn decide_many(&self, requests: &RequestsToDecide) -> Request<Decisions> {
        Request::new(self.client, &DECIDE_MANY, &[], response::json).json(requests)
    }

    /// Tells about a token (RFC 7662). With a `client_secret`, that token asks in place of the client's own.
    pub fn introspect(&self, introspection: &Introspection) -> Request<Introspected> {
        let request = Request::new(self.client, &INTROSPECT, &[], response::json).form(introspection);
        if introspection.client_secret.is_some() { request.without_credential() } else { request }
    }

    /// Asks as a proxy does whether a request with the client's own token may pass: `method`, and `target` the path with
    /// its query.
    pub fn forward_auth(&self, method: &str, target: &str) -> Request<ForwardAuth> {
        of_proxy(Request::new(self.client, &FORWARD_AUTH, &[], forward_auth), method, target)
    }

    /// The same for a proxy in front of one organization's services.
    pub fn forward_auth_of(&self, organization: &str, method: &str, target: &str) -> Request<ForwardAuth> {
        let request = Request::new(self.client, &FORWARD_AUTH_OF_ORGANIZATION, &[organization], forward_auth);
        of_proxy(request, method, target)
    }
}

fn of_proxy(request: Request<ForwardAuth>, method: &str, target: &str) -> Request<ForwardAuth> {
    request.header("x-original-method", method).header("x-original-uri", target)
}

fn forward_auth(response: &Response) -> Result<ForwardAuth, Error> {
    response::nothing(response)?;
    let wrong = |name: &str| Error::unexpected(response, format!("the header {name} is missing or of another form"));
    let optional = |name: &str| response.header(name).filter(|text| !text.is_empty());
    let required = |name: &str| optional(name).ok_or_else(|| wrong(name));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (token, organization) = ("x-latchkey-token-id", "x-latchkey-organization-id");
    let (project, repository) = ("x-latchkey-project-id", "x-latchkey-repository");
    Ok(ForwardAuth {
        token_id: required(token)?.parse().map_err(|_| wrong(token))?,
        organization_id: required(organization)?.parse().map_err(|_| wrong(organization))?,
        organization: required("x-latchkey-organization")?.to_owned(),
        project_id: optional(project).map(str::parse).transpose().map_err(|_| wrong(project))?,
        project: optional("x-latchkey-project").map(decoded),
        scopes: ScopeSet::stored(required("x-latchkey-scopes")?),
        repository: optional(repository).map(str::parse).transpose().map_err(|_| wrong(repository))?,
    })
}
