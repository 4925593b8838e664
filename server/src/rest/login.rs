use axum::extract::State;
use axum::{Extension, Json};
use latchkey_app::portal::Portal;
use latchkey_domain::Timestamp;
use latchkey_service::Origin;
use serde::{Deserialize, Serialize};

use super::json::Body;
use super::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    email: String,
    password: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedIn {
    token: String,
    expires_at: Timestamp,
}

/// `POST /api/auth/login`: a user token for 24 hours.
pub(crate) async fn login(
    State(portal): State<Portal>,
    Extension(origin): Extension<Origin>,
    Body(login): Body<Login>,
) -> Result<Json<LoggedIn>, Problem> {
    let made = portal.service.log_in(&origin, &login.email, &login.password).await?;
    Ok(Json(LoggedIn { token: made.token.reveal().to_owned(), expires_at: made.expires_at }))
}
