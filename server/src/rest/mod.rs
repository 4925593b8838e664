//! REST: JSON, and problem details (RFC 9457) for errors. Each resource has a file with its routes.

mod audit;
mod auto_revoke;
mod deleted_orgs;
mod invitations;
mod login;
mod members;
mod orgs;
mod projects;
mod repos;
mod tokens;
mod users;
mod whoami;

use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::any;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::http::admission;
use crate::http::fallback::{method_not_allowed, not_found};
use crate::http::routes::map_router;
use crate::http::timeout::api_timeout;
use crate::http::{problem, rate_limit, signature};
use crate::state::ServerState;

/// All routes, with their layers.
pub(crate) fn router(state: &ServerState) -> OpenApiRouter<ServerState> {
    // The credential is in the body.
    let login = map_router(login::routes(), |router| {
        router
            .method_not_allowed_fallback(method_not_allowed)
            .layer(from_fn_with_state(state.admission.clone(), admission::layer))
            .layer(from_fn(signature::read_small_body))
    });
    let others = map_router(resources(), |router| {
        router
            .route("/api", any(not_found))
            .route("/api/", any(not_found))
            .route("/api/{*path}", any(not_found))
            .method_not_allowed_fallback(method_not_allowed)
            .layer(from_fn_with_state(state.admission.clone(), admission::layer))
            .layer(from_fn(signature::read_body))
    });
    login
        .merge(others)
        .layer(CatchPanicLayer::new())
        .layer(api_timeout())
        .layer(from_fn(problem::complete))
        .layer(from_fn_with_state(state.rate_limiter.clone(), rate_limit::layer))
}

/// The routes with a credential in `Authorization`.
fn resources() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new()
        .merge(whoami::routes())
        .merge(tokens::routes())
        .merge(repos::routes())
        .merge(orgs::routes())
        .merge(deleted_orgs::routes())
        .merge(users::routes())
        .merge(members::routes())
        .merge(invitations::routes())
        .merge(projects::routes())
        .merge(auto_revoke::routes())
        .merge(audit::routes())
}
