//! The pages, their server functions, and the layers around them.

mod admission;
mod body;
mod failure;
mod same_origin;
mod session;
mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::{from_fn, from_fn_with_state};
use latchkey_app::portal::{Portal, Site};
use latchkey_app::{pages, server_fns};
use serde_json::Value;

pub(crate) use self::failure::{Appearance, FailurePage};
use crate::state::ServerState;

impl FromRef<ServerState> for Portal {
    fn from_ref(state: &ServerState) -> Self {
        let site = Site {
            public_url: state.site.public_url.clone(),
            secure: state.site.is_https(),
            pkg_dir: state.site.pkg_dir.clone(),
            version: state.site.version,
        };
        Self { service: state.service.clone(), site: Arc::new(site) }
    }
}

/// All pages; `document` is the description of the API that one of them shows.
pub(crate) fn router(state: &ServerState, document: &Value) -> Router {
    let portal = Portal::from_ref(state);
    Router::new()
        .merge(pages::routes(&portal, document))
        .merge(server_fns::routes())
        .layer(DefaultBodyLimit::max(pages::FORM_MAX))
        .layer(from_fn_with_state(portal.clone(), visitor::layer))
        .layer(from_fn(session::hand_over))
        .layer(from_fn_with_state(portal.clone(), session::layer))
        .layer(from_fn_with_state((state.admission.clone(), portal.clone()), admission::layer))
        .layer(from_fn_with_state(portal.clone(), body::layer))
        .layer(from_fn_with_state(portal.clone(), same_origin::layer))
        .with_state(portal)
}
