//! The signature of a request to Latchkey itself.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use latchkey_domain::{Signature, SignatureError, SignedRequest, sha256};

use super::body;
use super::problem::Problem;

/// The signature of a request, with what was signed; in the extensions of signed requests.
#[derive(Clone)]
pub(crate) struct ReceivedSignature {
    signature: Result<Signature, SignatureError>,
    method: Method,
    target: String,
    body_hash: [u8; 32],
}

impl ReceivedSignature {
    /// The signature, and the request that it signs.
    pub(crate) fn parts(&self) -> Result<(&Signature, SignedRequest<'_>), SignatureError> {
        let signature = self.signature.as_ref().map_err(|error| *error)?;
        let request = SignedRequest { method: self.method.as_str(), target: &self.target, body_hash: self.body_hash };
        Ok((signature, request))
    }
}

static X_CLI_SIGNATURE: HeaderName = HeaderName::from_static("x-cli-signature");
static X_CLI_TIMESTAMP: HeaderName = HeaderName::from_static("x-cli-timestamp");
static X_CLI_NONCE: HeaderName = HeaderName::from_static("x-cli-nonce");

/// Reads the three signature headers; `None` without any of them. A repeated header is malformed.
pub(crate) fn read_signature(headers: &HeaderMap) -> Result<Option<Signature>, SignatureError> {
    let read = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().map(Some).map_err(|_| SignatureError::Form),
            (Some(_), Some(_)) => Err(SignatureError::Form),
        }
    };
    Signature::from_headers(read(&X_CLI_SIGNATURE)?, read(&X_CLI_TIMESTAMP)?, read(&X_CLI_NONCE)?)
}

/// Reads the body before the credential is checked (see `http/body.rs`), and hashes it if it is signed.
pub(crate) async fn read_body(request: Request, next: Next) -> Response {
    read(body::without_unauthenticated_body(request), body::MAX, next).await
}

/// The same for routes that take the credential in the body.
pub(crate) async fn read_small_body(request: Request, next: Next) -> Response {
    read(request, body::SMALL_MAX, next).await
}

async fn read(request: Request, max: usize, next: Next) -> Response {
    match body::read_whole(request, max).await {
        Ok((parts, bytes)) => next.run(with_signature(parts, bytes)).await,
        Err(unread) => Problem::from(unread).into_response(),
    }
}

/// Puts a request together again, with its signature in the extensions.
pub(crate) fn with_signature(mut parts: Parts, bytes: Bytes) -> Request {
    if let Some(signature) = read_signature(&parts.headers).transpose() {
        parts.extensions.insert(ReceivedSignature {
            signature,
            method: parts.method.clone(),
            target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            body_hash: sha256(&bytes),
        });
    }
    Request::from_parts(parts, Body::from(bytes))
}
