//! Reading bodies and queries, with problems instead of axum's plain texts.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use latchkey_service::Error;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::middleware::body::taken;

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = taken(request).await?;
        if parts.headers.get_all(CONTENT_TYPE).iter().nth(1).is_some() {
            return Err(Error::Ambiguous("content type").into());
        }
        let request = Request::from_parts(parts, body.into());
        let Json(body) = Json::<T>::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.status();
            match rejection {
                JsonRejection::MissingJsonContentType(_) => {
                    Problem::new(status, "unsupported-media-type", "Send the body as Content-Type: application/json")
                }
                JsonRejection::JsonDataError(error) => Problem::new(status, "invalid", reason(&error.body_text())),
                JsonRejection::JsonSyntaxError(error) => {
                    Problem::new(status, "malformed-json", reason(&error.body_text()))
                }
                _ => Problem::unreadable(),
            }
        })?;
        Ok(Self(body))
    }
}

/// A query string.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) =
            Query::<T>::from_request_parts(parts, state).await.map_err(|rejection: QueryRejection| {
                Problem::new(rejection.status(), "malformed-query", reason(&rejection.body_text()))
            })?;
        Ok(Self(query))
    }
}

/// What serde says, without axum's preamble.
fn reason(text: &str) -> String {
    let preambles = ["into the target type: ", "as JSON: ", "query string: "];
    preambles.iter().find_map(|preamble| text.split_once(preamble)).map_or(text, |(_, reason)| reason).to_owned()
}
