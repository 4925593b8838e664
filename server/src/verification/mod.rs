//! Deciding about requests to other services: forward-auth for proxies, a decision API for everything else, and
//! introspection. These are asked for every request of every pipeline, so they stand beside the layers that pages need.

pub(crate) mod decisions;
pub(crate) mod forward_auth;
pub(crate) mod introspect;
pub(crate) mod oauth;
mod question;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, post};

use crate::http::admission::{self, Admission};
use crate::http::fallback::method_not_allowed;
use crate::http::timeout::api_timeout;
use crate::http::{context, problem, signature};
use crate::state::ServerState;

/// All routes, in the layers that they need.
pub(crate) fn router(state: &ServerState) -> Router<ServerState> {
    // Quiet: they are asked a thousand times a second.
    let decisions =
        decisions(state.admission.clone()).layer(from_fn_with_state(state.context.clone(), context::quiet_layer));
    forward_auth().merge(decisions)
}

/// Decisions that a service asks for.
pub(crate) fn decisions(admission: Arc<Admission>) -> Router<ServerState> {
    Router::new()
        .route("/api/verify", post(decisions::one))
        .route("/api/verify/batch", post(decisions::batch))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(admission.clone(), admission::layer))
        .layer(from_fn(signature::layer))
        .layer(api_timeout())
        .merge(of_oauth(admission))
        .layer(from_fn(problem::complete))
}

/// What speaks OAuth, in its errors too.
fn of_oauth(admission: Arc<Admission>) -> Router<ServerState> {
    Router::new()
        .route("/oauth/introspect", post(introspect::introspect))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(admission, admission::layer))
        .layer(from_fn(signature::small_layer))
        .layer(api_timeout())
        .layer(from_fn(oauth::errors))
}

/// What needs no layers.
pub(crate) fn forward_auth() -> Router<ServerState> {
    Router::new()
        .route("/forward-auth", any(forward_auth::forward_auth))
        .route("/forward-auth/", any(forward_auth::forward_auth))
        .route("/forward-auth/{*path}", any(forward_auth::forward_auth))
        .route("/orgs/{organization}/forward-auth", any(forward_auth::pinned))
        .route("/orgs/{organization}/forward-auth/", any(forward_auth::pinned))
        .route("/orgs/{organization}/forward-auth/{*path}", any(forward_auth::pinned))
}
