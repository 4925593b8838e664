//! What operators and orchestrators ask.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use latchkey_api_types::{Info, Problem, Readiness, Status, StatusQuery};
use latchkey_app::portal::Portal;

use super::json::Parameters;
use super::openapi;

/// Tells that the process runs.
#[utoipa::path(
    get, path = "/healthz", operation_id = "isLive", tag = "Operations", security(()),
    responses((status = 200, description = "It runs", body = Status, example = json!({ "status": "live" }))),
)]
pub(crate) async fn live() -> Response {
    Json(Status { status: "live".to_owned() }).into_response()
}

/// Tells what existing clients ask for.
///
/// Both of the others, for clients that read nothing but the status.
#[utoipa::path(
    get, path = "/statusz", operation_id = "status", tag = "Operations", security(()), params(StatusQuery),
    responses(
        (status = 200, description = "It runs, and the database answers and can be written if that was asked", body = Status,
            example = json!({ "status": "live" })),
        (status = 400, description = "`readiness` is neither `true` nor `false`", body = Problem,
            content_type = "application/problem+json", example = json!({
                "type": "urn:latchkey:problem:malformed-query", "title": "Bad Request", "status": 400,
                "detail": "readiness: provided string was not `true` or `false`", "instance": "/statusz",
                "request_id": openapi::ID,
            })),
        (status = 503, description = "The database does not answer, or can't be written", body = Status,
            example = json!({ "status": "the database does not answer" })),
    ),
)]
pub(crate) async fn statusz(State(portal): State<Portal>, Parameters(asked): Parameters<StatusQuery>) -> Response {
    if asked.readiness { ready(State(portal)).await } else { live().await }
}

/// Tells whether requests can be served.
///
/// Whether the database answers and is the one to ask (no standby, no file that was replaced), and whether something can
/// be written to it: if not, nothing can be revoked. The answer is up to a second old.
#[utoipa::path(
    get, path = "/readyz", operation_id = "isReady", tag = "Operations", security(()),
    responses(
        (status = 200, description = "They can", body = Readiness, example = json!({ "status": "ready" })),
        (status = 503, description = "The database does not answer, is not the one to ask, or can't be written: its disk \
            is full or read-only", body = Status, example = json!({ "status": "the database can't be written" })),
    ),
)]
pub(crate) async fn ready(State(portal): State<Portal>) -> Response {
    let service = &portal.service;
    match service.ready().await {
        Ok(()) => {
            let warnings = service.database_warnings().await.unwrap_or_default();
            Json(Readiness { status: "ready".to_owned(), warnings }).into_response()
        }
        Err(unready) => {
            let body = Json(Status { status: unready.to_string() });
            let mut response = (StatusCode::SERVICE_UNAVAILABLE, body).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
    }
}

/// Tells about the instance.
///
/// Its version, and where people sign in.
#[utoipa::path(
    get, path = "/infoz", operation_id = "info", tag = "Operations", security(()),
    responses((status = 200, description = "About this instance", body = Info, example = json!({
        "loginURL": "https://tokens.example.com/login", "version": env!("CARGO_PKG_VERSION"),
    }))),
)]
pub(crate) async fn info(State(portal): State<Portal>) -> Json<Info> {
    Json(Info { login_url: format!("{}/login", portal.site.public_url), version: portal.site.version.to_owned() })
}
