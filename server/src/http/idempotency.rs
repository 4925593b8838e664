//! `Idempotency-Key`: requests that can be repeated.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use latchkey_service::{Error, FieldError, IdempotentRequest};
use serde::de::DeserializeOwned;

use super::body::already_read;
use super::json::JsonBody;
use super::problem::Problem;

const KEY: &str = "idempotency-key";

/// A JSON body with its idempotency key. For an `Option`, the body may be missing.
pub(crate) struct IdempotentJson<T> {
    pub(crate) body: T,
    pub(crate) idempotency: Option<IdempotentRequest>,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for IdempotentJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, bytes) = already_read(request).await?;
        let key = key(&parts.headers)?.map(str::to_owned);
        let idempotency = key.map(|key| IdempotentRequest::new(&key, &bytes)).transpose().map_err(Error::from)?;
        if bytes.is_empty()
            && !parts.headers.contains_key(header::CONTENT_TYPE)
            && let Ok(body) = serde_json::from_slice(b"null")
        {
            return Ok(Self { body, idempotency });
        }
        let JsonBody(body) = JsonBody::from_request(Request::from_parts(parts, bytes.into()), state).await?;
        Ok(Self { body, idempotency })
    }
}

/// The key: a string of RFC 9651, or one without quotes, as most clients send it.
fn key(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let refused = |message: &str| Error::from(FieldError { field: "Idempotency-Key", message: message.to_owned() });
    let mut lines = headers.get_all(KEY).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(refused("must be sent once"));
    }
    let text = line.to_str().map_err(|_| refused("must be 1 to 255 visible ASCII characters"))?.trim();
    Ok(Some(text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)))
}
