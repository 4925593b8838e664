//! `POST /api/verify`: a resource server asks about a request that it has received.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use futures::stream::{self, StreamExt, TryStreamExt};
use latchkey_domain::{Level, LevelKind, Pin, ScopeSet, Timestamp};
use latchkey_service::{
    Allowed, AuthenticationError, AuthorizationError, Caller, Error, FieldError, Origin, PresentedCredential,
    Principal, RequiredAccess,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::question::Asked;
use crate::http::credential::Credential;
use crate::http::json::JsonBody;
use crate::http::problem::{Field, Problem};
use crate::http::schema;
use crate::state::ServerState;

/// Most requests that one call asks about.
const BATCH_MAX: usize = 100;
/// How many of them are decided about at the same time: as much as one other request may take.
const AT_ONCE: usize = 8;
/// Requests to decide about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RequestsToDecide)]
pub(crate) struct Batch {
    /// For those that name none.
    #[schema(value_type = Option<schema::Organizations>)]
    organizations: Option<Pin>,
    // Read one by one: what is wrong with one is no matter of the others.
    #[schema(value_type = Vec<Asked>, min_items = 1, max_items = 100)]
    requests: Vec<Box<RawValue>>,
}

/// The decision.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Decision {
    allowed: bool,
    /// 200, 401 or 403: what to answer. In a batch also 422 for a request that can't be read, and 503 for a signed one
    /// while nonces can't be checked, and 429 for one of a token that has too many of them under way.
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
    /// Each field of the request that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Field>,
}

/// The token that was presented.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DecidedToken)]
struct TokenJson {
    #[schema(format = "uuid")]
    id: String,
    name: String,
    #[schema(value_type = schema::Level)]
    level: LevelKind,
    /// The organization that it acts on.
    organization: String,
    #[schema(format = "uuid")]
    organization_id: String,
    /// The project that it is confined to.
    project: Option<String>,
    #[schema(format = "uuid")]
    project_id: Option<String>,
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
/// what the request came with. A refusal is an answer too. A question asked in part is none: whether a token lives is
/// what `/oauth/introspect` tells.
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
    State(state): State<ServerState>,
    credential: Credential,
    JsonBody(asked): JsonBody<Asked>,
) -> Result<Json<Decision>, Problem> {
    Ok(Json(decide(&state, &credential.caller, asked, None).await?))
}

/// Decides about up to 100 requests.
///
/// Answered in their order; one that can't be read is answered with what is wrong with it (422), and the others as if it
/// were not there.
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
    State(state): State<ServerState>,
    credential: Credential,
    JsonBody(batch): JsonBody<Batch>,
) -> Result<Json<Decisions>, Problem> {
    let Batch { organizations, requests } = batch;
    if !(1..=BATCH_MAX).contains(&requests.len()) {
        return Err(invalid("requests", format!("must have 1 to {BATCH_MAX} items")).into());
    }
    let decide = async |text: Box<RawValue>| {
        let asked = serde_json::from_str(text.get()).map_err(|error| invalid("request", error.to_string()));
        let decided = match asked {
            Ok(asked) => decide(&state, &credential.caller, asked, organizations.as_ref()).await,
            Err(error) => Err(error),
        };
        match decided {
            Err(
                error @ (Error::Invalid(_)
                | Error::NoncesUnavailable
                | Error::NoncesLost { .. }
                | Error::TooManyAtOnce { .. }),
            ) => Ok(Decision::refused(error)),
            decided => decided,
        }
    };
    let results = stream::iter(requests).map(decide).buffered(AT_ONCE).try_collect().await?;
    Ok(Json(Decisions { results }))
}

async fn decide(state: &ServerState, caller: &Caller, asked: Asked, default: Option<&Pin>) -> Result<Decision, Error> {
    let question = asked.read(state.service.catalogue())?;
    let signature = match question.signature {
        Ok(signature) => signature,
        Err(error) => return decided(Err(AuthenticationError::Signature(error).into())),
    };
    let mut demand = RequiredAccess {
        scopes: question.scope.into_iter().collect(),
        repositories: asked.repository.clone().into_iter().collect(),
        organization: asked.organization.clone(),
        pins: asked.organizations.as_ref().or(default).into_iter().collect(),
    };
    let named = !demand.pins.is_empty();
    let of_file = match question.request {
        Some((method, path)) => match state.routes.needed(method, path) {
            Ok(needed) => {
                demand.scopes.extend(needed.scope);
                demand.repositories.extend(needed.repository);
                needed.organizations
            }
            Err(_) => return decided(Err(AuthorizationError::NoRoute.into())),
        },
        None if named => Vec::new(),
        None => state.routes.organizations().into_iter().collect(),
    };
    demand.pins.extend(of_file);
    // The configuration speaks for the instance's own proxies and services, not for what an organization runs itself.
    let of_instance = matches!(&caller.principal, Principal::ApiToken(own) if own.level == Level::Instance);
    if of_instance && !named {
        demand.pins.extend(&state.pin);
    }
    let origin = Origin::new(question.address, &asked.user_agent, caller.origin.request_id());
    let signature = signature.as_ref().map(|(signature, request)| (signature, *request));
    let presented = PresentedCredential { bearer: &asked.token, origin: &origin, signature };
    let started = Instant::now();
    let decided = decided(state.service.verify_for(caller, &presented, &demand).await?)?;
    match &decided.reason {
        None => state.metrics.allowed(started.elapsed()),
        Some(reason) => state.metrics.refused(decided.status, reason, started.elapsed()),
    }
    Ok(decided)
}

/// A refusal is an answer; a fault of ours is a problem.
fn decided(result: Result<Allowed, Error>) -> Result<Decision, Error> {
    match result {
        Ok(allowed) => Ok(Decision::allowed(&allowed)),
        Err(error @ (Error::Unauthenticated(_) | Error::Forbidden(_) | Error::NotFound(_))) => {
            Ok(Decision::refused(error))
        }
        Err(error) => Err(error),
    }
}

impl Decision {
    fn allowed(Allowed { token, organization, repository }: &Allowed) -> Self {
        let token = TokenJson {
            id: token.id.to_string(),
            name: token.name.clone(),
            level: token.level.kind(),
            organization: organization.name.to_string(),
            organization_id: organization.id.to_string(),
            project: Some(token.project_name.clone()).filter(|name| !name.is_empty()),
            project_id: token.level.project().map(|id| id.to_string()),
            scopes: token.scopes.clone(),
            all_repositories: token.all_repositories,
            expires_at: token.expires_at,
        };
        let repository = repository.map(|id| id.to_string());
        Self { allowed: true, status: 200, token: Some(token), repository, ..Self::default() }
    }

    fn refused(error: Error) -> Self {
        let problem = Problem::from(error).for_proxy();
        Self {
            allowed: false,
            status: problem.status().as_u16(),
            reason: Some(problem.kind().to_owned()),
            detail: Some(problem.detail().to_owned()),
            missing_scope: problem.missing_scope().map(str::to_owned),
            missing_repository: problem.missing_repository().map(str::to_owned),
            errors: problem.errors().to_vec(),
            ..Self::default()
        }
    }
}

fn invalid(field: &'static str, message: String) -> Error {
    Error::Invalid(vec![FieldError { field, message }])
}
