use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use latchkey_api_types as api;
use latchkey_domain::LevelKind;
use latchkey_service::{CreateToken, Error, IdempotentRequest};

use super::json::with_secret;
use super::{expires, field};
use crate::http::credential::Credential;
use crate::http::idempotency::IdempotentJson;
use crate::http::problem::Problem;
use crate::http::schema;
use crate::state::ServerState;

fn request(new: api::NewToken, idempotency: Option<IdempotentRequest>) -> Result<CreateToken, Error> {
    match (new.level, &new.project) {
        (Some(LevelKind::Project), None) => return Err(field("project", "is missing for the level project")),
        (Some(LevelKind::Organization), Some(_)) => {
            return Err(field("level", "is organization, but a project is named"));
        }
        _ => {}
    }
    Ok(CreateToken {
        name: new.name,
        description: new.description,
        scopes: new.scopes,
        all_repositories: new.all_repositories,
        repositories: new.repositories,
        expires: expires(new.expires_at, new.expires_in)?,
        project: new.project,
        instance: new.level == Some(LevelKind::Instance),
        allowed_networks: new.allowed_networks,
        require_signing: new.require_signing,
        creation_key: None,
        idempotency,
    })
}

/// Create a token
///
/// The answer has the secret in `token`; it is shown only once. A token can't have more access than its creator. With an
/// `Idempotency-Key`, the same request can be sent again within 24 hours and gets the same answer.
#[utoipa::path(
    post, path = "/api/auth/cli-tokens", operation_id = "createToken", tag = "Tokens",
    params(schema::IdempotencyKey, schema::OrganizationHeader),
    request_body(content = api::NewToken, example = json!({
        "name": "GitHub Actions CI", "description": "Scans each push to main", "scopes": ["repos:read", "scans:trigger"],
        "allRepositories": true, "expiresIn": "720h",
    })),
    responses(
        (status = 201, description = "The token, with its secret", headers(("ETag" = String, description = "For `If-Match`"), ("Location" = String, description = "Path of the new resource")), body = api::TokenWithSecret, example = json!(schema::token(true))),
        (status = 409, description = "The name is taken, a request with this key is in progress, or the token was rotated since the first request with this key"),
    ),
)]
pub(crate) async fn create(
    State(state): State<ServerState>,
    credential: Credential,
    IdempotentJson { body, idempotency }: IdempotentJson<api::NewToken>,
) -> Result<Response, Problem> {
    let access = credential.access_or_instance(&state.service).await?;
    let created = state.service.tokens().create(&access, request(body, idempotency)?).await?;
    Ok(with_secret(StatusCode::CREATED, created, state.service.now()))
}
