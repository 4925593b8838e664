//! `/docs/api`: the reference of the API, made from its OpenAPI description. For anybody, without scripts, offline.

mod curl;
mod model;
mod schema;
mod view;

use std::sync::Arc;

use axum::{Extension, Router, extract::State, routing::get};
use serde_json::Value;

use crate::{
    page::{Page, PageError},
    portal::{Portal, Visitor},
};
use model::Reference;

/// The page, for a description of the API.
pub(super) fn routes(description: &Value) -> Router<Portal> {
    let reference = Arc::new(Reference::of(description));
    Router::new().route("/docs/api", get(show)).layer(Extension(reference))
}

async fn show(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Extension(reference): Extension<Arc<Reference>>,
) -> Result<Page, PageError> {
    let (site, theme) = (portal.site.clone(), visitor.theme);
    Ok(Page::render(|| view::page(site, theme, reference)))
}
