//! REST: JSON in and out, problem details (RFC 9457) for what goes wrong.

pub(crate) mod audit;
pub(crate) mod auto_revoke;
pub(crate) mod deleted_orgs;
pub(crate) mod invitations;
pub(crate) mod login;
pub(crate) mod members;
pub(crate) mod orgs;
pub(crate) mod projects;
pub(crate) mod repos;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod whoami;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, delete, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use crate::http::admission::{self, Admission};
use crate::http::fallback::{method_not_allowed, not_found};
use crate::http::timeout::api_timeout;
use crate::http::{problem, signature};
use crate::state::ServerState;

/// What pipelines and scripts use. What checks tokens for others is to be as fast as they are, and goes beside these
/// routes, not among them. A test sees that each is in `openapi.rs`.
pub(crate) fn router(admission: Arc<Admission>) -> Router<ServerState> {
    Router::new()
        .route("/api/auth/whoami", get(whoami::whoami))
        .route("/api/auth/cli-tokens", get(tokens::read::list).post(tokens::create::create))
        .route("/api/auth/cli-tokens/revoke", post(tokens::revoke::revoke_many))
        .route(
            "/api/auth/cli-tokens/{id}",
            get(tokens::read::get).patch(tokens::change::change).delete(tokens::revoke::revoke),
        )
        .route("/api/auth/cli-tokens/{id}/rotate", post(tokens::rotate::rotate))
        .route("/api/repos", get(repos::list).post(repos::create))
        .route("/api/repos/{id}", get(repos::get).delete(repos::delete))
        .route("/api/orgs", get(orgs::list).post(orgs::create))
        .route("/api/orgs/{name}", get(orgs::get).delete(orgs::delete))
        .route("/api/orgs/{name}/current", put(orgs::set_current))
        .route("/api/orgs/{name}/auto-revoke", get(auto_revoke::get).put(auto_revoke::set))
        .route("/api/orgs/{name}/auto-revoke/preview", get(auto_revoke::preview))
        .route("/api/orgs/{name}/members", get(members::list))
        .route("/api/orgs/{name}/members/{id}", get(members::get).patch(members::change).delete(members::remove))
        .route("/api/orgs/{name}/invitations", get(invitations::sent).post(invitations::create))
        .route("/api/orgs/{name}/invitations/{id}", delete(invitations::revoke))
        .route("/api/deleted-orgs", get(deleted_orgs::list))
        .route("/api/deleted-orgs/{name}", delete(deleted_orgs::free))
        .route("/api/users", get(users::list))
        .route("/api/users/{id}", get(users::get).patch(users::change))
        .route("/api/users/{id}/password", put(users::set_password))
        .route("/api/users/{id}/credentials", get(users::credentials).delete(users::end_all))
        .route("/api/users/{id}/credentials/{credential}", delete(users::end))
        .route("/api/invitations", get(invitations::received))
        .route("/api/invitations/{id}/accept", post(invitations::accept))
        .route("/api/projects", get(projects::list).post(projects::create))
        .route("/api/projects/{id}", get(projects::get).delete(projects::delete))
        .route("/api/audit", get(audit::list))
        .route("/api", any(not_found))
        .route("/api/", any(not_found))
        .route("/api/{*path}", any(not_found))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(admission.clone(), admission::layer))
        .layer(from_fn(signature::layer))
        // Its credential is in the body.
        .merge(
            Router::new()
                .route("/api/auth/login", post(login::login))
                .method_not_allowed_fallback(method_not_allowed)
                .layer(from_fn_with_state(admission, admission::layer))
                .layer(from_fn(signature::small_layer)),
        )
        .layer(CatchPanicLayer::new())
        .layer(api_timeout())
        .layer(from_fn(problem::complete))
}
