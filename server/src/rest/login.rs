use axum::extract::State;
use axum::{Extension, Json};
use latchkey_domain::Timestamp;
use latchkey_service::Origin;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::json::JsonBody;
use crate::http::problem::Problem;
use crate::state::ServerState;

/// Email and password of a local account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    email: String,
    password: String,
}

/// A user token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserToken)]
pub(crate) struct LoggedIn {
    token: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Signs a person in.
///
/// The answer carries a user token, which works for 24 hours. Wrong guesses are slowed down.
#[utoipa::path(
    post, path = "/api/auth/login", operation_id = "logIn", tag = "Credentials", security(()),
    request_body(content = Login, example = json!({ "email": "ada@example.com", "password": "correct horse battery" })),
    responses((status = 200, description = "A user token", body = LoggedIn, example = json!({
        "token": "lku_7Qm2xEXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE", "expiresAt": "2026-11-23T08:00:00Z",
    }))),
)]
pub(crate) async fn login(
    State(state): State<ServerState>,
    Extension(origin): Extension<Origin>,
    JsonBody(login): JsonBody<Login>,
) -> Result<Json<LoggedIn>, Problem> {
    let made = state.service.log_in(&origin, &login.email, &login.password).await?;
    Ok(Json(LoggedIn { token: made.token.reveal().to_owned(), expires_at: made.expires_at }))
}
