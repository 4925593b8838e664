//! Pages of lists.

use axum::Json;
use latchkey_api_types as api;

/// A page of a list, each item of it converted.
pub(crate) fn page<T, U>(page: latchkey_service::Page<T>, item: impl FnMut(T) -> U) -> Json<api::Page<U>> {
    Json(api::Page { items: page.items.into_iter().map(item).collect(), next_cursor: page.next })
}
