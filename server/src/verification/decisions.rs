//! `POST /api/verify`: decisions for resource servers about requests that they received.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use futures::stream::{self, StreamExt, TryStreamExt};
use latchkey_api_types::{DecidedToken, Decision, Decisions, RequestToDecide, RequestsToDecide};
use latchkey_domain::{Level, Pin};
use latchkey_service::{
    Allowed, AuthenticationError, AuthorizationError, Bearer, Caller, Error, FieldError, Origin, PresentedCredential,
    Principal, RequiredAccess,
};
use serde_json::value::RawValue;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::question::read;
use crate::http::credential::Credential;
use crate::http::json::JsonBody;
use crate::http::problem::Problem;
use crate::state::ServerState;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(one)).routes(routes!(batch))
}

/// Most requests in one call.
const BATCH_MAX: usize = 100;
/// How many of them are decided concurrently.
const AT_ONCE: usize = 8;

/// Verify a request
///
/// For a service that received the request. The service authenticates with its own credential, which needs the scope
/// `tokens:introspect`; `token` is the token of the request. A request that is refused is also answered with `200`. To ask
/// only whether a token is active, use `/oauth/introspect`.
#[utoipa::path(
    post, path = "/api/verify", operation_id = "decide", tag = "Verification",
    request_body(content = RequestToDecide, example = json!({
        "token": "ci_7Qm2xEXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE", "scope": "scans:trigger", "address": "192.0.2.7",
    })),
    responses((status = 200, description = "The decision", body = Decision, example = json!({
        "allowed": false, "status": 401, "reason": "token-checksum", "detail": "The token has a wrong checksum",
    }))),
)]
pub(crate) async fn one(
    State(state): State<ServerState>,
    credential: Credential,
    JsonBody(asked): JsonBody<RequestToDecide>,
) -> Result<Json<Decision>, Problem> {
    Ok(Json(decide(&state, &credential.caller, asked, None).await?))
}

/// Verify several requests
///
/// Up to 100, answered in their order. A request that can't be read gets a result with status 422 and does not affect the
/// others.
#[utoipa::path(
    post, path = "/api/verify/batch", operation_id = "decideMany", tag = "Verification",
    request_body(content = RequestsToDecide, example = json!({ "requests": [{
        "token": "ci_7Qm2xEXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE", "method": "GET", "path": "/api/scans?page=2",
    }] })),
    responses((status = 200, description = "The decisions", body = Decisions, example = json!({ "results": [{
        "allowed": false, "status": 401, "reason": "token-checksum", "detail": "The token has a wrong checksum",
    }] }))),
)]
pub(crate) async fn batch(
    State(state): State<ServerState>,
    credential: Credential,
    // Parsed one by one, so that an invalid one does not affect the others.
    JsonBody(batch): JsonBody<RequestsToDecide<Box<RawValue>>>,
) -> Result<Json<Decisions>, Problem> {
    let RequestsToDecide { organizations, requests } = batch;
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
            ) => Ok(refused(error)),
            decided => decided,
        }
    };
    let results = stream::iter(requests).map(decide).buffered(AT_ONCE).try_collect().await?;
    Ok(Json(Decisions { results }))
}

async fn decide(
    state: &ServerState,
    caller: &Caller,
    asked: RequestToDecide,
    default: Option<&Pin>,
) -> Result<Decision, Error> {
    let question = read(&asked, state.service.catalogue())?;
    let signature = match question.signature {
        Ok(signature) => signature,
        Err(error) => return decided(Err(AuthenticationError::Signature(error).into())),
    };
    let mut required = RequiredAccess {
        scopes: question.scope.iter().collect(),
        repositories: asked.repository.clone().into_iter().collect(),
        organization: asked.organization.clone(),
        pins: asked.organizations.as_ref().or(default).into_iter().collect(),
    };
    let named = !required.pins.is_empty();
    let of_file = match question.request {
        Some((method, path)) => match state.routes.needed(method, path) {
            Ok(needed) => {
                required.scopes.extend(needed.scope);
                required.repositories.extend(needed.repository);
                needed.organizations
            }
            Err(_) => return decided(Err(AuthorizationError::NoRoute.into())),
        },
        None if named => Vec::new(),
        None => state.routes.organizations().into_iter().collect(),
    };
    required.pins.extend(of_file);
    // The configured organizations hold for the instance's own proxies and services, not for those of an organization.
    let of_instance = matches!(&caller.principal, Principal::ApiToken(own) if own.level == Level::Instance);
    if of_instance && !named {
        required.pins.extend(&state.pin);
    }
    let origin = Origin::new(question.address, &asked.user_agent, caller.origin.request_id());
    let signature = signature.as_ref().map(|(signature, request)| (signature, *request));
    let presented = PresentedCredential { bearer: &Bearer::parse(asked.token.reveal()), origin: &origin, signature };
    let started = Instant::now();
    let decided = decided(state.service.verification().verify_for(caller, &presented, &required).await?)?;
    match &decided.reason {
        None => state.metrics.allowed(started.elapsed()),
        Some(reason) => state.metrics.refused(decided.status, reason, started.elapsed()),
    }
    Ok(decided)
}

/// A refusal is a decision; anything else is an error.
fn decided(result: Result<Allowed, Error>) -> Result<Decision, Error> {
    match result {
        Ok(granted) => Ok(allowed(&granted)),
        Err(error @ (Error::Unauthenticated(_) | Error::Forbidden(_) | Error::NotFound(_))) => Ok(refused(error)),
        Err(error) => Err(error),
    }
}

fn allowed(Allowed { token, organization, repository }: &Allowed) -> Decision {
    let token = DecidedToken {
        id: token.id,
        name: token.name.clone(),
        level: token.level.kind(),
        organization: organization.name.to_string(),
        organization_id: organization.id,
        project: Some(token.project_name.clone()).filter(|name| !name.is_empty()),
        project_id: token.level.project(),
        scopes: token.scopes.clone(),
        all_repositories: token.all_repositories,
        expires_at: token.expires_at,
    };
    Decision { allowed: true, status: 200, token: Some(token), repository: *repository, ..Decision::default() }
}

fn refused(error: Error) -> Decision {
    let problem = Problem::from(error).for_proxy();
    Decision {
        allowed: false,
        status: problem.status().as_u16(),
        reason: Some(problem.kind().to_owned()),
        detail: Some(problem.detail().to_owned()),
        missing_scope: problem.missing_scope().map(str::to_owned),
        missing_repository: problem.missing_repository().map(str::to_owned),
        errors: problem.errors().to_vec(),
        ..Decision::default()
    }
}

fn invalid(field: &'static str, message: String) -> Error {
    Error::Invalid(vec![FieldError { field, message }])
}
