use axum::extract::State;
use axum::{Extension, Json};
use latchkey_api_types as api;
use latchkey_service::Origin;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::json::JsonBody;
use crate::http::problem::Problem;
use crate::state::ServerState;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(login))
}

/// Sign in
///
/// The answer has a user token, which is valid for 24 hours. Failed attempts are rate limited.
#[utoipa::path(
    post, path = "/api/auth/login", operation_id = "logIn", tag = "Credentials", security(()),
    request_body(content = api::Login, example = json!({ "email": "ada@example.com", "password": "correct horse battery" })),
    responses((status = 200, description = "A user token", body = api::UserToken, example = json!({
        "token": "lku_7Qm2xEXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE", "expiresAt": "2026-11-23T08:00:00Z",
    }))),
)]
pub(crate) async fn login(
    State(state): State<ServerState>,
    Extension(origin): Extension<Origin>,
    JsonBody(login): JsonBody<api::Login>,
) -> Result<Json<api::UserToken>, Problem> {
    let made = state.service.authentication().log_in(&origin, &login.email, login.password.reveal()).await?;
    Ok(Json(api::UserToken { secret: made.token.reveal().into(), expires_at: made.expires_at }))
}
