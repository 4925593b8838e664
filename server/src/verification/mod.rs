//! Verification of requests to other services: forward-auth for proxies, a decision API, and introspection. They are called
//! for every request to those services, so they have none of the layers that only pages need.

mod decisions;
pub(crate) mod forward_auth;
mod introspect;
mod oauth;
mod question;
mod token_headers;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;

use crate::http::admission;
use crate::http::fallback::method_not_allowed;
use crate::http::routes::map_router;
use crate::http::timeout::api_timeout;
use crate::http::{context, problem, signature};
use crate::state::ServerState;

/// All routes, with the layers that they need. Forward-auth needs none.
pub(crate) fn router(state: &ServerState) -> OpenApiRouter<ServerState> {
    decisions(state).merge(forward_auth::routes())
}

/// The decision API and introspection.
fn decisions(state: &ServerState) -> OpenApiRouter<ServerState> {
    let admitted = |router: Router<ServerState>| {
        router
            .method_not_allowed_fallback(method_not_allowed)
            .layer(from_fn_with_state(state.admission.clone(), admission::layer))
    };
    let verify = map_router(decisions::routes(), admitted).layer(from_fn(signature::read_body)).layer(api_timeout());
    // Its errors are those of OAuth.
    let introspect = map_router(introspect::routes(), admitted)
        .layer(from_fn(signature::read_small_body))
        .layer(api_timeout())
        .layer(from_fn(oauth::errors));
    verify
        .merge(introspect)
        .layer(from_fn(problem::complete))
        // Without a line in the log for each request: there can be thousands a second.
        .layer(from_fn_with_state(state.context.clone(), context::unlogged_layer))
}
