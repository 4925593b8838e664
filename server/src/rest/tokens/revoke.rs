use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::credential::Credential;
use crate::http::etag::IfMatch;
use crate::http::json::JsonBody;
use crate::http::problem::Problem;
use crate::http::schema;
use crate::state::ServerState;

/// Revokes a token.
///
/// When this has returned, no replica accepts it. `204` also if it was revoked before.
#[utoipa::path(
    delete, path = "/api/auth/cli-tokens/{id}", operation_id = "revokeToken", tag = "Tokens",
    params(("id" = String, Path, description = "Id of the token", format = "uuid"), schema::IfMatchHeader, schema::OrganizationHeader),
    responses(
        (status = 204, description = "The token is revoked"),
        (status = 412, description = "The token was changed since `If-Match` was read"),
    ),
)]
pub(crate) async fn revoke(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    let organization = credential.organization_if_any();
    state.service.revoke_token_if(&credential.caller, organization, &id, expected.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tokens to be revoked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokensToRevoke)]
pub(crate) struct Many {
    /// 1 to 100 ids.
    #[schema(min_items = 1, max_items = 100)]
    ids: Vec<String>,
}

/// What a bulk revocation did.
#[derive(Serialize, ToSchema)]
#[schema(as = RevokedTokens)]
pub(crate) struct Done {
    /// Revoked by this request.
    revoked: Vec<Revoked>,
    /// How many were revoked before, or are not there.
    skipped: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RevokedToken)]
struct Revoked {
    #[schema(format = "uuid")]
    id: String,
    name: String,
}

/// Revokes up to 100 tokens.
///
/// All of them at once, or none if one of them may not be revoked.
#[utoipa::path(
    post, path = "/api/auth/cli-tokens/revoke", operation_id = "revokeTokens", tag = "Tokens",
    params(schema::OrganizationHeader),
    request_body(content = Many, example = json!({ "ids": [schema::ID] })),
    responses((status = 200, description = "What was done", body = Done,
        example = json!({ "revoked": [{ "id": schema::ID, "name": "GitHub Actions CI" }], "skipped": 0 }))),
)]
pub(crate) async fn revoke_many(
    State(state): State<ServerState>,
    credential: Credential,
    JsonBody(many): JsonBody<Many>,
) -> Result<Json<Done>, Problem> {
    let done = state.service.revoke_tokens(&credential.caller, credential.organization_if_any(), &many.ids).await?;
    let revoked = done.revoked.into_iter().map(|(id, name)| Revoked { id: id.to_string(), name });
    Ok(Json(Done { revoked: revoked.collect(), skipped: done.skipped }))
}
