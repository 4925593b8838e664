//! `/docs/api`: the reference of the API, made from its OpenAPI description. For anybody, without scripts, offline.

mod curl;
mod model;
mod schema;
mod view;

use std::sync::Arc;

use axum::{Extension, Router, extract::State, response::Response, routing::get};
use serde_json::Value;

use crate::{
    page_request::no_store,
    portal::{Portal, Visitor},
    render,
};
use model::Reference;

/// The page, for a description of the API.
pub fn routes(description: &Value) -> Router<Portal> {
    let reference = Arc::new(Reference::of(description));
    Router::new().route("/docs/api", get(show)).layer(Extension(reference))
}

async fn show(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Extension(reference): Extension<Arc<Reference>>,
) -> Response {
    let (site, theme) = (portal.site.clone(), visitor.theme);
    no_store(render::page(|| view::page(site, theme, reference)))
}
