//! Routes that are documented as they are served.

use axum::Router;
use utoipa_axum::router::OpenApiRouter;

/// Changes the routes by what only axum's router can do. The document stays as it is.
pub(crate) fn map_router<S>(routes: OpenApiRouter<S>, change: impl FnOnce(Router<S>) -> Router<S>) -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let (router, document) = routes.split_for_parts();
    let mut changed = OpenApiRouter::from(change(router));
    *changed.get_openapi_mut() = document;
    changed
}
