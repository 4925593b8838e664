//! Endpoints for operators and orchestrators.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use latchkey_api_types::{Info, Problem, Readiness, Status, StatusQuery};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::fallback::method_not_allowed;
use crate::http::problem;
use crate::http::query::QueryParams;
use crate::http::routes::map_router;
use crate::http::schema;
use crate::state::ServerState;

/// Liveness, readiness, status and information.
pub(crate) fn router() -> OpenApiRouter<ServerState> {
    completed(
        OpenApiRouter::new()
            .routes(routes!(live))
            .routes(routes!(ready))
            .routes(routes!(statusz))
            .routes(routes!(info)),
    )
}

/// The metrics, which need none of the layers of the others.
pub(crate) fn metrics_router() -> OpenApiRouter<ServerState> {
    completed(OpenApiRouter::new().routes(routes!(metrics)))
}

/// Adds the problems for wrong methods.
fn completed(routes: OpenApiRouter<ServerState>) -> OpenApiRouter<ServerState> {
    map_router(routes, |router| router.method_not_allowed_fallback(method_not_allowed))
        .layer(from_fn(problem::complete))
}

/// Show liveness
///
/// The process is running.
#[utoipa::path(
    get, path = "/healthz", operation_id = "isLive", tag = "Operations", security(()),
    responses((status = 200, description = "The process is running", body = Status, example = json!({ "status": "live" }))),
)]
pub(crate) async fn live() -> Response {
    Json(Status { status: "live".to_owned() }).into_response()
}

/// Show the status
///
/// Liveness or readiness, for clients that read only the status code.
#[utoipa::path(
    get, path = "/statusz", operation_id = "status", tag = "Operations", security(()), params(StatusQuery),
    responses(
        (status = 200, description = "The instance is live, or ready if that was asked", body = Status,
            example = json!({ "status": "live" })),
        (status = 400, description = "`readiness` is neither `true` nor `false`", body = Problem,
            content_type = "application/problem+json", example = json!({
                "type": "urn:latchkey:problem:malformed-query", "title": "Bad Request", "status": 400,
                "detail": "readiness: provided string was not `true` or `false`", "instance": "/statusz",
                "request_id": schema::ID,
            })),
        (status = 503, description = "The database does not answer, or can't be written", body = Status,
            example = json!({ "status": "the database does not answer" })),
    ),
)]
pub(crate) async fn statusz(
    State(state): State<ServerState>,
    QueryParams(asked): QueryParams<StatusQuery>,
) -> Response {
    if asked.readiness { ready(State(state)).await } else { live().await }
}

/// Show readiness
///
/// Ready means: the database answers, it is the primary (not a standby, not a file that was replaced), and it can be
/// written. Without that, nothing can be revoked. The answer is up to one second old.
#[utoipa::path(
    get, path = "/readyz", operation_id = "isReady", tag = "Operations", security(()),
    responses(
        (status = 200, description = "The instance is ready", body = Readiness, example = json!({ "status": "ready" })),
        (status = 503, description = "The database does not answer, is not the one to ask, or can't be written: its disk \
            is full or read-only", body = Status, example = json!({ "status": "the database can't be written" })),
    ),
)]
pub(crate) async fn ready(State(state): State<ServerState>) -> Response {
    let service = &state.service;
    match service.health().ready().await {
        Ok(()) => {
            let warnings = service.health().warnings().await.unwrap_or_default();
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

/// Show instance information
///
/// The version, and the address of the sign-in page.
#[utoipa::path(
    get, path = "/infoz", operation_id = "info", tag = "Operations", security(()),
    responses((status = 200, description = "About this instance", body = Info, example = json!({
        "loginURL": "https://tokens.example.com/login", "version": env!("CARGO_PKG_VERSION"),
    }))),
)]
pub(crate) async fn info(State(state): State<ServerState>) -> Json<Info> {
    Json(Info { login_url: format!("{}/login", state.site.public_url), version: state.site.version.to_owned() })
}

/// Show metrics
///
/// For Prometheus, in the OpenMetrics text format.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "Operations", security(()),
    responses((status = 200, description = "The metrics", body = String,
        content_type = "application/openmetrics-text", example = "cached_tokens 12")),
)]
pub(crate) async fn metrics(State(state): State<ServerState>) -> Response {
    state.metrics.answer()
}
