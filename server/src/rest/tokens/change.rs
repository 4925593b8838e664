use axum::extract::{Path, State};
use axum::response::Response;
use latchkey_api_types as api;
use latchkey_service::{ChosenRepositories, EditToken, Error};

use super::expires;
use super::json::with_tag;
use crate::http::credential::Credential;
use crate::http::etag::IfMatch;
use crate::http::json::JsonBody;
use crate::http::problem::Problem;
use crate::http::schema;
use crate::state::ServerState;

fn request(changes: api::TokenChanges, expected: Option<Vec<String>>) -> Result<EditToken, Error> {
    let repositories = match (changes.all_repositories, changes.repositories) {
        (None, None) => None,
        (all, only) => Some(ChosenRepositories { all: all.unwrap_or_default(), only: only.unwrap_or_default() }),
    };
    let expires = match (changes.expires_at, changes.expires_in) {
        (None, None) => None,
        (at, after) => Some(expires(at.flatten(), after.flatten())?),
    };
    Ok(EditToken {
        name: changes.name,
        description: changes.description,
        scopes: changes.scopes,
        repositories,
        expires,
        allowed_networks: changes.allowed_networks,
        require_signing: changes.require_signing,
        expected,
    })
}

/// Change a token
///
/// The change takes effect immediately, on every replica. Callers can extend a token only as far as they could create it
/// themselves.
#[utoipa::path(
    patch, path = "/api/auth/cli-tokens/{id}", operation_id = "changeToken", tag = "Tokens",
    params(("id" = String, Path, description = "Id of the token", format = "uuid"), schema::IfMatchHeader, schema::OrganizationHeader),
    request_body(content = api::TokenChanges, example = json!({ "scopes": ["repos:read"], "expiresAt": null })),
    responses(
        (status = 200, description = "The changed token", headers(("ETag" = String, description = "For `If-Match`")), body = api::Token, example = json!(schema::token(false))),
        (status = 409, description = "The name is taken, or the token is revoked or expired"),
        (status = 412, description = "The token was changed since `If-Match` was read"),
    ),
)]
pub(crate) async fn change(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    JsonBody(changes): JsonBody<api::TokenChanges>,
) -> Result<Response, Problem> {
    let access = credential.access_or_instance(&state.service).await?;
    let detail = state.service.tokens().edit(&access, &id, request(changes, expected)?).await?;
    Ok(with_tag(detail, state.service.now()))
}
