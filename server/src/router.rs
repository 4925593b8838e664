//! Everything that the server answers.

use std::error::Error;
use std::sync::Arc;

use axum::http::HeaderValue;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use crate::http::compression::compression;
use crate::http::{context, security_headers};
use crate::openapi::Document;
use crate::request_limits::RequestLimits;
use crate::state::ServerState;
use crate::{assets, grpc, openapi, operations, portal, rest, verification};

/// All routes in their limits, which connections are served with. `cors_origins` are those of pages that may use
/// gRPC-Web; `stopping` is true once the server stops.
pub(crate) async fn router(
    state: ServerState,
    cors_origins: Vec<HeaderValue>,
    stopping: watch::Receiver<bool>,
) -> Result<RequestLimits, Box<dyn Error>> {
    let (rest, rest_document) = rest::router(&state).split_for_parts();
    let (verification, verification_document) = verification::router(&state).split_for_parts();
    let (metrics, metrics_document) = operations::metrics_router().split_for_parts();
    let (operations, operations_document) = operations::router().split_for_parts();
    let documents = [rest_document, verification_document, metrics_document, operations_document];
    let document = Arc::new(Document::new(documents, state.service.catalogue()));

    let pages = portal::router(&state, &document.value).layer(from_fn(grpc::unimplemented));
    let compressed = rest
        .merge(operations)
        .merge(openapi::router(document))
        .merge(assets::router())
        .with_state(state.clone())
        .merge(pages)
        .layer(compression())
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(state.site.is_https(), security_headers::layer))
        .layer(from_fn_with_state(state.context.clone(), context::layer));
    // What is asked a thousand times a second needs none of these layers.
    let bare = verification.merge(metrics).with_state(state.clone());
    let grpc = grpc::router(state.clone(), cors_origins, stopping).await?;
    // The outermost layer, which sets the time and memory of a request.
    Ok(RequestLimits::new(compressed.merge(bare).merge(grpc), state))
}
