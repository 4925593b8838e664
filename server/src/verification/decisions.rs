//! `POST /api/verify`: a resource server asks about a request that it has received.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use futures::future::join_all;
use latchkey_domain::{LevelKind, Needed, Scope, ScopeSet, Signature, SignedRequest, Timestamp, from_hex};
use latchkey_service::{Allowed, Caller, Demand, Denial, Error, FieldError, Origin, Presented, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Verification;
use crate::rest::credential::Credential;
use crate::rest::json::Body;
use crate::rest::openapi;
use crate::rest::problem::Problem;

/// Most requests that one call asks about.
const BATCH_MAX: usize = 100;
/// Longest path, token and so on, in characters.
const TEXT_MAX: usize = 4_096;

/// A request to decide about.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RequestToDecide)]
pub(crate) struct Asked {
    /// What came in `Authorization: Bearer`.
    #[schema(max_length = 4096)]
    token: String,
    #[schema(max_length = 4096, pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    method: Option<String>,
    /// Path with query, as it was received.
    #[schema(max_length = 4096)]
    path: Option<String>,
    /// What the request needs; when neither is named, the route file tells from the method and path.
    #[schema(max_length = 4096)]
    scope: Option<String>,
    /// Id or full name.
    #[schema(max_length = 4096)]
    repository: Option<String>,
    /// For instance tokens.
    #[schema(max_length = 4096)]
    organization: Option<String>,
    /// Where the request came from, for allowed networks and the last use.
    #[schema(value_type = Option<openapi::Address>)]
    address: Option<String>,
    #[serde(default)]
    #[schema(max_length = 4096)]
    user_agent: String,
    signature: Option<SignatureHeaders>,
    /// SHA-256 of the body in hexadecimal; of nothing when there is none.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    body_hash: Option<String>,
}

/// The three headers of a signed request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignatureHeaders {
    signature: String,
    timestamp: String,
    nonce: String,
}

/// Requests to decide about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RequestsToDecide)]
pub(crate) struct Batch {
    #[schema(min_items = 1, max_items = 100)]
    requests: Vec<Asked>,
}

/// The decision.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Decision {
    allowed: bool,
    /// 200, 401 or 403: what to answer.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenJson>,
    /// Id of the repository that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    /// A word that never changes, such as `token-revoked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_repository: Option<String>,
}

/// The token that was presented.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DecidedToken)]
struct TokenJson {
    #[schema(format = "uuid")]
    id: String,
    name: String,
    #[schema(value_type = openapi::Level)]
    level: LevelKind,
    organization: Option<String>,
    project: Option<String>,
    #[schema(value_type = Vec<String>)]
    scopes: ScopeSet,
    all_repositories: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// The decisions, in the order of the requests.
#[derive(Serialize, ToSchema)]
pub(crate) struct Decisions {
    results: Vec<Decision>,
}

/// Decides about a request.
///
/// For a service that has received it: the credential is the service's own, with `tokens:introspect`; the `token` is
/// what the request came with. A refusal is an answer too.
#[utoipa::path(
    post, path = "/api/verify", operation_id = "decide", tag = "Verification",
    request_body(content = Asked, example = json!({
        "token": "ci_7Qm2xEXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE", "scope": "scans:trigger", "address": "192.0.2.7",
    })),
    responses((status = 200, description = "The decision", body = Decision, example = json!({
        "allowed": false, "status": 401, "reason": "token-checksum", "detail": "The token has a wrong checksum",
    }))),
)]
pub(crate) async fn one(
    State(state): State<Verification>,
    credential: Credential,
    Body(asked): Body<Asked>,
) -> Result<Json<Decision>, Problem> {
    Ok(Json(decide(&state, &credential.caller, asked).await?))
}

/// Decides about up to 100 requests.
///
/// Answered in their order.
#[utoipa::path(
    post, path = "/api/verify/batch", operation_id = "decideMany", tag = "Verification",
    request_body(content = Batch, example = json!({ "requests": [{
        "token": "ci_7Qm2xEXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE", "method": "GET", "path": "/api/scans?page=2",
    }] })),
    responses((status = 200, description = "The decisions", body = Decisions, example = json!({ "results": [{
        "allowed": false, "status": 401, "reason": "token-checksum", "detail": "The token has a wrong checksum",
    }] }))),
)]
pub(crate) async fn batch(
    State(state): State<Verification>,
    credential: Credential,
    Body(batch): Body<Batch>,
) -> Result<Json<Decisions>, Problem> {
    if !(1..=BATCH_MAX).contains(&batch.requests.len()) {
        return Err(invalid("requests", format!("must have 1 to {BATCH_MAX} items")).into());
    }
    let decided = join_all(batch.requests.into_iter().map(|asked| decide(&state, &credential.caller, asked))).await;
    Ok(Json(Decisions { results: decided.into_iter().collect::<Result<_, _>>()? }))
}

async fn decide(state: &Verification, caller: &Caller, asked: Asked) -> Result<Decision, Error> {
    let texts = [&asked.path, &asked.repository, &asked.scope, &asked.organization, &asked.method];
    if texts.into_iter().flatten().chain([&asked.token, &asked.user_agent]).any(|text| text.chars().count() > TEXT_MAX)
    {
        return Err(invalid("requests", format!("no text may have more than {TEXT_MAX} characters")));
    }
    let address = asked.address.as_deref().map(str::parse).transpose();
    let address = address.map_err(|_| invalid("address", "must be an IP address".to_owned()))?;
    let method = asked.method.as_deref().map(|method| Method::from_bytes(method.as_bytes())).transpose();
    let method = method.map_err(|_| invalid("method", "must be a method of HTTP".to_owned()))?;
    let body_hash = asked.body_hash.as_deref().map_or(Some(SignedRequest::NO_BODY), from_hex);
    let body_hash = body_hash.ok_or_else(|| invalid("bodyHash", "must have 64 hexadecimal digits".to_owned()))?;

    let signature = asked.signature.as_ref().map(|headers| {
        let SignatureHeaders { signature, timestamp, nonce } = headers;
        Signature::from_headers(Some(signature), Some(timestamp), Some(nonce))
    });
    let signature = match signature.transpose() {
        Ok(signature) => signature.flatten(),
        Err(error) => return decided(Err(Refusal::Signature(error).into())),
    };
    let signature = match (&signature, &method, &asked.path) {
        (None, ..) => None,
        (Some(signature), Some(method), Some(target)) => {
            Some((signature, SignedRequest { method: method.as_str(), target, body_hash }))
        }
        _ => return Err(invalid("signature", "is of a method and path: send both".to_owned())),
    };
    let mut demand = match demand(state, &asked, method.as_ref()) {
        Ok(demand) => demand,
        Err(error) => return decided(Err(error)),
    };
    demand.organization = asked.organization;
    let origin = Origin::new(address, &asked.user_agent, caller.origin.request_id());
    let presented = Presented { bearer: &asked.token, origin: &origin, signature };
    let started = Instant::now();
    let decided = decided(state.portal.service.verify_for(caller, &presented, &demand).await?)?;
    match &decided.reason {
        None => state.metrics.allowed(started.elapsed()),
        Some(reason) => state.metrics.refused(decided.status, reason, started.elapsed()),
    }
    Ok(decided)
}

/// What the request needs: what the caller names, or else what the route file says.
fn demand(state: &Verification, asked: &Asked, method: Option<&Method>) -> Result<Demand, Error> {
    match (&asked.scope, &asked.repository, method, &asked.path) {
        (None, None, Some(method), Some(path)) => {
            let Needed { scope, repository } =
                state.routes.needed(method.as_str(), path).map_err(|_| Denial::NoRoute)?;
            Ok(Demand { scope, repository, organization: None })
        }
        (scope, repository, ..) => Ok(Demand {
            scope: scope.as_deref().map(Scope::stored),
            repository: repository.clone(),
            organization: None,
        }),
    }
}

/// A refusal is an answer; a fault of ours is a problem.
fn decided(result: Result<Allowed, Error>) -> Result<Decision, Error> {
    match result {
        Ok(Allowed { token, organization, repository }) => Ok(Decision {
            allowed: true,
            status: 200,
            token: Some(TokenJson {
                id: token.id.to_string(),
                name: token.name.clone(),
                level: token.level.kind(),
                organization,
                project: Some(token.project_name.clone()).filter(|name| !name.is_empty()),
                scopes: token.scopes.clone(),
                all_repositories: token.all_repositories,
                expires_at: token.expires_at,
            }),
            repository: repository.map(|id| id.to_string()),
            reason: None,
            detail: None,
            missing_scope: None,
            missing_repository: None,
        }),
        Err(error @ (Error::Unauthenticated(_) | Error::Forbidden(_) | Error::NotFound(_))) => {
            let problem = Problem::from(error);
            Ok(Decision {
                allowed: false,
                status: if problem.status().as_u16() == 401 { 401 } else { 403 },
                token: None,
                repository: None,
                reason: Some(problem.kind().to_owned()),
                detail: Some(problem.detail().to_owned()),
                missing_scope: problem.missing_scope().map(str::to_owned),
                missing_repository: problem.missing_repository().map(str::to_owned),
            })
        }
        Err(error) => Err(error),
    }
}

fn invalid(field: &'static str, message: String) -> Error {
    Error::Invalid(vec![FieldError { field, message }])
}
