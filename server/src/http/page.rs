//! Pages of lists.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema;

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// To send as `cursor` for the next page; `null` on the last one.
    pub(crate) next_cursor: Option<String>,
}

impl<T, U: From<T>> From<latchkey_service::Page<T>> for Page<U> {
    fn from(page: latchkey_service::Page<T>) -> Self {
        Self { items: page.items.into_iter().map(U::from).collect(), next_cursor: page.next }
    }
}

/// The query of a list without filters.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// 1 to 100; 50 if not named.
    #[param(minimum = 1, maximum = 100)]
    pub(crate) limit: Option<u32>,
    /// The `nextCursor` of the page before.
    #[param(inline, value_type = Option<schema::Cursor>)]
    pub(crate) cursor: Option<String>,
}
