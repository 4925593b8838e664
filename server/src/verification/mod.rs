//! Deciding about requests to other services: forward-auth for proxies, a decision API for everything else, and
//! introspection. These are asked for every request of every pipeline, so they stand beside the layers that pages need.

mod decisions;
mod forward_auth;
mod introspect;
mod routes;
mod signed;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, post};
use latchkey_app::portal::Portal;

pub(crate) use routes::Routes;
pub(crate) use signed::{SignedBody, layer as read_signature};

use crate::middleware::context;
use crate::rest::problem;

/// Largest body of a decision, in bytes: a batch of 100 is about 100 KB.
const BODY_MAX: usize = 256 * 1024;

/// State of these handlers; one pointer, since it is copied for each request.
#[derive(Clone)]
pub(crate) struct Verification(Arc<Tools>);

/// What deciding needs.
pub(crate) struct Tools {
    pub(crate) portal: Portal,
    pub(crate) routes: Routes,
    pub(crate) context: context::Context,
}

impl Verification {
    pub(crate) fn new(portal: Portal, routes: Routes, context: context::Context) -> Self {
        Self(Arc::new(Tools { portal, routes, context }))
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
    let decisions = Router::new()
        .route("/api/verify", post(decisions::one))
        .route("/api/verify/batch", post(decisions::batch))
        .route("/oauth/introspect", post(introspect::introspect))
        .method_not_allowed_fallback(crate::rest::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn(read_signature))
        .layer(from_fn(problem::complete))
        .layer(from_fn_with_state(state.context.clone(), context::quiet_layer));
    Router::new()
        .route("/forward-auth", any(forward_auth::forward_auth))
        .route("/forward-auth/", any(forward_auth::forward_auth))
        .route("/forward-auth/{*path}", any(forward_auth::forward_auth))
        .merge(decisions)
        .with_state(state)
}
