//! Query strings, with problems instead of axum's plain texts.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::json::reason;
use super::problem::Problem;

/// A query string.
pub(crate) struct QueryParams<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) =
            Query::<T>::from_request_parts(parts, state).await.map_err(|rejection: QueryRejection| {
                Problem::new(rejection.status(), "malformed-query", reason(&rejection.body_text()))
            })?;
        Ok(Self(query))
    }
}
