use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use latchkey_api_types as api;
use latchkey_service::RotateToken;

use super::json::with_secret;
use crate::http::credential::Credential;
use crate::http::etag::IfMatch;
use crate::http::idempotency::IdempotentJson;
use crate::http::problem::Problem;
use crate::http::schema;
use crate::state::ServerState;

/// Rotate a token
///
/// The token gets a new secret; everything else stays, including the id. The answer has the new secret in `token`; it is
/// shown only once. Callers must have all the access that the token has. With an `Idempotency-Key`, the same request can
/// be sent again within 24 hours and gets the same answer.
#[utoipa::path(
    post, path = "/api/auth/cli-tokens/{id}/rotate", operation_id = "rotateToken", tag = "Tokens",
    params(("id" = String, Path, description = "Id of the token", format = "uuid"), schema::IfMatchHeader,
        schema::IdempotencyKey, schema::OrganizationHeader),
    request_body(content = Option<api::Rotation>, example = json!({ "overlap": "1h" })),
    responses(
        (status = 200, description = "The token, with its new secret", headers(("ETag" = String, description = "For `If-Match`")), body = api::TokenWithSecret, example = json!(schema::token(true))),
        (status = 409, description = "The token is revoked or expired, a request with this key is in progress, or the token was rotated since the first request with this key"),
        (status = 412, description = "The token was changed since `If-Match` was read"),
    ),
)]
pub(crate) async fn rotate(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    IdempotentJson { body, idempotency }: IdempotentJson<Option<api::Rotation>>,
) -> Result<Response, Problem> {
    let asked = RotateToken { overlap: body.and_then(|body| body.overlap), expected, idempotency };
    let access = credential.access_or_instance(&state.service).await?;
    let rotated = state.service.tokens().rotate(&access, &id, asked).await?;
    Ok(with_secret(StatusCode::OK, rotated, state.service.now()))
}
