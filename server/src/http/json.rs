//! JSON bodies, with problems instead of axum's plain texts.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use latchkey_service::Error;
use serde::de::DeserializeOwned;

use super::body::already_read;
use super::problem::Problem;

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = already_read(request).await?;
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

/// The message of serde, without axum's prefix.
pub(super) fn reason(text: &str) -> String {
    let preambles = ["into the target type: ", "as JSON: ", "query string: "];
    preambles.iter().find_map(|preamble| text.split_once(preamble)).map_or(text, |(_, reason)| reason).to_owned()
}
