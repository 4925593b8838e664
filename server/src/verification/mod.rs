//! Deciding about requests to other services: forward-auth for proxies, a decision API for everything else, and
//! introspection. These are asked for every request of every pipeline, so they stand beside the layers that pages need.

pub(crate) mod decisions;
pub(crate) mod forward_auth;
pub(crate) mod introspect;
pub(crate) mod oauth;
mod question;
mod signed;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get, post};
use latchkey_app::portal::Portal;
use latchkey_domain::{Pin, Routes};

pub(crate) use signed::{SignedBody, layer as read_body, small_layer as read_small_body, with_signature};

use crate::metrics::Metrics;
use crate::middleware::admission::{self, Admission};
use crate::middleware::context;
use crate::rest::{self, problem};
use crate::router::in_time;

/// State of these handlers; one pointer, since it is copied for each request.
#[derive(Clone)]
pub(crate) struct Verification(Arc<Tools>);

/// What deciding needs.
pub(crate) struct Tools {
    pub(crate) portal: Portal,
    pub(crate) routes: Routes,
    /// Which organizations the configuration pins decisions to.
    pub(crate) pin: Option<Pin>,
    pub(crate) context: context::Context,
    pub(crate) admission: Arc<Admission>,
    pub(crate) metrics: Metrics,
}

impl From<Tools> for Verification {
    fn from(tools: Tools) -> Self {
        Self(Arc::new(tools))
    }
}

impl Deref for Verification {
    type Target = Tools;

    fn deref(&self) -> &Tools {
        &self.0
    }
}

impl FromRef<Verification> for Portal {
    fn from_ref(state: &Verification) -> Self {
        state.portal.clone()
    }
}

pub(crate) fn router(state: Verification) -> Router {
    // Quiet: they are asked a thousand times a second.
    let decisions =
        decisions(state.admission.clone()).layer(from_fn_with_state(state.context.clone(), context::quiet_layer));
    plain().merge(decisions).with_state(state)
}

/// Decisions that a service asks for; a test sees that these routes, too, are in `rest/openapi.rs`.
pub(crate) fn decisions(admission: Arc<Admission>) -> Router<Verification> {
    Router::new()
        .route("/api/verify", post(decisions::one))
        .route("/api/verify/batch", post(decisions::batch))
        .method_not_allowed_fallback(rest::method_not_allowed)
        .layer(from_fn_with_state(admission.clone(), admission::layer))
        .layer(from_fn(read_body))
        .layer(in_time())
        .merge(of_oauth(admission))
        .layer(from_fn(problem::complete))
}

/// What speaks OAuth, in its errors too.
fn of_oauth(admission: Arc<Admission>) -> Router<Verification> {
    Router::new()
        .route("/oauth/introspect", post(introspect::introspect))
        .method_not_allowed_fallback(rest::method_not_allowed)
        .layer(from_fn_with_state(admission, admission::layer))
        .layer(from_fn(read_small_body))
        .layer(in_time())
        .layer(from_fn(oauth::errors))
}

/// What needs no layers.
pub(crate) fn plain() -> Router<Verification> {
    let counters = Router::new()
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(rest::method_not_allowed)
        .layer(from_fn(problem::complete));
    Router::new()
        .route("/forward-auth", any(forward_auth::forward_auth))
        .route("/forward-auth/", any(forward_auth::forward_auth))
        .route("/forward-auth/{*path}", any(forward_auth::forward_auth))
        .route("/orgs/{organization}/forward-auth", any(forward_auth::pinned))
        .route("/orgs/{organization}/forward-auth/", any(forward_auth::pinned))
        .route("/orgs/{organization}/forward-auth/{*path}", any(forward_auth::pinned))
        .merge(counters)
}

/// Tells what is counted.
///
/// For Prometheus, as OpenMetrics.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "Operations", security(()),
    responses((status = 200, description = "The counters", body = String,
        content_type = "application/openmetrics-text", example = "cached_tokens 12")),
)]
pub(crate) async fn metrics(State(state): State<Verification>) -> Response {
    state.metrics.answer()
}
