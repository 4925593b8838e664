use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::operation::Operation;
use crate::response::{self, Decode};
use crate::{Client, ETag, Error, Tagged};

/// What stays as it is in a path segment (RFC 3986, section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A call that is sent when it is awaited.
///
/// `K` says which conditions it takes: [`AcceptsIfMatch`] and [`AcceptsIdempotencyKey`] have the methods for them.
#[must_use = "a call is sent when it is awaited"]
pub struct Request<T, K = Unconditional> {
    client: Client,
    operation: &'static Operation,
    parts: Result<Parts, Error>,
    decode: Decode<T>,
    kind: PhantomData<fn() -> K>,
}

/// What is sent, but for the credential.
#[derive(Default)]
pub(crate) struct Parts {
    /// Path with query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// May hold a secret.
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// The credential stands in the body.
    pub(crate) without_credential: bool,
}

/// No conditions.
#[derive(Debug)]
pub enum Unconditional {}
/// Takes `If-Match`.
#[derive(Debug)]
pub enum IfMatch {}
/// Takes `If-None-Match`.
#[derive(Debug)]
pub enum IfNoneMatch {}
/// Takes `Idempotency-Key`.
#[derive(Debug)]
pub enum IdempotencyKey {}
/// Takes both `If-Match` and `Idempotency-Key`.
#[derive(Debug)]
pub enum IfMatchAndIdempotencyKey {}

/// Calls that take `If-Match`.
pub trait AcceptsIfMatch {}
impl AcceptsIfMatch for IfMatch {}
impl AcceptsIfMatch for IfMatchAndIdempotencyKey {}

/// Calls that take `Idempotency-Key`.
pub trait AcceptsIdempotencyKey {}
impl AcceptsIdempotencyKey for IdempotencyKey {}
impl AcceptsIdempotencyKey for IfMatchAndIdempotencyKey {}

impl<T, K> Request<T, K> {
    /// `segments` take the places of the parameters in the path, in their order.
    pub(crate) fn new(client: &Client, operation: &'static Operation, segments: &[&str], decode: Decode<T>) -> Self {
        let parts = target(operation.path, segments).map(|target| Parts { target, ..Parts::default() });
        Self { client: client.clone(), operation, parts, decode, kind: PhantomData }
    }

    pub(crate) fn query(self, query: &impl Serialize) -> Self {
        self.with(|parts| {
            let query = form(query)?;
            if !query.is_empty() {
                parts.target.push('?');
                parts.target.push_str(&query);
            }
            Ok(())
        })
    }

    pub(crate) fn json(self, body: &impl Serialize) -> Self {
        self.with(|parts| {
            let body = serde_json::to_vec(body).map_err(|error| Error::Serialize(error.to_string()))?;
            parts.body = Zeroizing::new(body);
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(())
        })
    }

    pub(crate) fn form(self, body: &impl Serialize) -> Self {
        self.with(|parts| {
            parts.body = Zeroizing::new(form(body)?.into_bytes());
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            Ok(())
        })
    }

    pub(crate) fn header(self, name: &'static str, value: &str) -> Self {
        self.with(|parts| {
            let value = HeaderValue::from_str(value).map_err(|_| Error::Header(name))?;
            parts.headers.insert(HeaderName::from_static(name), value);
            Ok(())
        })
    }

    pub(crate) fn without_credential(self) -> Self {
        self.with(|parts| {
            parts.without_credential = true;
            Ok(())
        })
    }

    /// Sends it; the same as to await it.
    pub async fn send(self) -> Result<T, Error> {
        let parts = self.parts?;
        let response = self.client.send(self.operation, parts).await?;
        (self.decode)(&response)
    }

    fn with(mut self, change: impl FnOnce(&mut Parts) -> Result<(), Error>) -> Self {
        if let Ok(parts) = &mut self.parts
            && let Err(error) = change(parts)
        {
            self.parts = Err(error);
        }
        self
    }
}

impl<T, K: AcceptsIfMatch> Request<T, K> {
    /// Does it only if the object is still the one with this tag; else the error has the status 412.
    pub fn if_match(self, tag: &ETag) -> Self {
        self.header("if-match", tag.as_str())
    }
}

impl<T: DeserializeOwned> Request<Tagged<T>, IfNoneMatch> {
    /// Fetches the object only if it is another version than the one with this tag; else the result is `None`.
    pub fn if_none_match(self, tag: &ETag) -> Request<Option<Tagged<T>>> {
        let Request { client, operation, parts, .. } = self.header("if-none-match", tag.as_str());
        Request { client, operation, parts, decode: response::tagged_if_changed, kind: PhantomData }
    }
}

impl<T, K: AcceptsIdempotencyKey> Request<T, K> {
    /// Names the request, so that it is done once however often it is sent within 24 hours: 1 to 255 visible ASCII
    /// characters.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }
}

impl<T: 'static, K: 'static> IntoFuture for Request<T, K> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// The path with `segments` in the places of its parameters.
fn target(path: &str, segments: &[&str]) -> Result<String, Error> {
    let mut target = String::with_capacity(path.len() + 40);
    let mut segments = segments.iter();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let segment = segments.next().copied().unwrap_or_default();
        // Dots alone would be taken for steps in the path, escaped or not (RFC 3986, section 5.2.4).
        if matches!(segment, "" | "." | "..") {
            return Err(Error::PathSegment(segment.to_owned()));
        }
        target.push_str(before);
        target.extend(utf8_percent_encode(segment, ESCAPED));
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    target.push_str(rest);
    Ok(target)
}

fn form(values: &impl Serialize) -> Result<String, Error> {
    serde_urlencoded::to_string(values).map_err(|error| Error::Serialize(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_one() {
        let of = |segment| target("/api/projects/{id}", &[segment]).ok();
        assert_eq!(of("a b/c?d#é").as_deref(), Some("/api/projects/a%20b%2Fc%3Fd%23%C3%A9"));
        assert_eq!(of("...").as_deref(), Some("/api/projects/..."));
        for segment in ["", ".", ".."] {
            assert_eq!(of(segment), None, "{segment:?}");
        }
        let two = target("/api/users/{id}/credentials/{credential}", &["me", "current"]).unwrap();
        assert_eq!(two, "/api/users/me/credentials/current");
        assert_eq!(target("/api/users/{id}/password", &["me"]).unwrap(), "/api/users/me/password");
    }
}
