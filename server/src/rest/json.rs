//! Reading bodies and queries, with problems instead of axum's plain texts.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
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
                _ if status == StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
                _ => Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body could not be read"),
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
