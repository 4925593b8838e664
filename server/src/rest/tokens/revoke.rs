use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use latchkey_api_types as api;

use crate::http::credential::Credential;
use crate::http::etag::IfMatch;
use crate::http::json::JsonBody;
use crate::http::problem::Problem;
use crate::http::schema;
use crate::state::ServerState;

/// Revoke a token
///
/// After the answer, no replica accepts the token. The answer is `204` also if it was revoked before.
#[utoipa::path(
    delete, path = "/api/auth/cli-tokens/{id}", operation_id = "revokeToken", tag = "Tokens",
    params(("id" = String, Path, description = "Id of the token", format = "uuid"), schema::IfMatchHeader, schema::OrganizationHeader),
    responses(
        (status = 204, description = "Revoked"),
        (status = 412, description = "The token was changed since `If-Match` was read"),
    ),
)]
pub(crate) async fn revoke(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    let access = credential.access_or_instance(&state.service).await?;
    state.service.tokens().revoke_if_match(&access, &id, expected.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revoke several tokens
///
/// Up to 100. All of them are revoked, or none if the caller may not revoke one of them.
#[utoipa::path(
    post, path = "/api/auth/cli-tokens/revoke", operation_id = "revokeTokens", tag = "Tokens",
    params(schema::OrganizationHeader),
    request_body(content = api::TokensToRevoke, example = json!({ "ids": [schema::ID] })),
    responses((status = 200, description = "What was revoked", body = api::RevokedTokens,
        example = json!({ "revoked": [{ "id": schema::ID, "name": "GitHub Actions CI" }], "skipped": 0 }))),
)]
pub(crate) async fn revoke_many(
    State(state): State<ServerState>,
    credential: Credential,
    JsonBody(tokens): JsonBody<api::TokensToRevoke>,
) -> Result<Json<api::RevokedTokens>, Problem> {
    let access = credential.access_or_instance(&state.service).await?;
    let done = state.service.tokens().revoke_many(&access, &tokens.ids).await?;
    let revoked = done.revoked.into_iter().map(|(id, name)| api::RevokedToken { id, name });
    Ok(Json(api::RevokedTokens { revoked: revoked.collect(), skipped: done.skipped }))
}
