//! Reading of bodies. A body is read before the credential is checked: a credential that is checked first could be revoked
//! while a slow client still sends. Without a well-formed credential, nothing is read.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::request::Parts;
use http_body_util::BodyExt;
use latchkey_service::{Bearer, Error};
use tokio::time::{Instant, timeout_at};

use super::body_budget::BodyMeter;
use super::headers::bearer;
use super::problem::Problem;

/// Largest body of a request with a credential, in bytes.
pub(crate) const MAX: usize = 1024 * 1024;
/// Largest body of a request whose credential is in the body, in bytes; the longest that can be right is far shorter.
pub(crate) const SMALL_MAX: usize = 16 * 1024;
/// The body must arrive in this time, which is less than what the whole request may take.
const READ_TIMEOUT: Duration = Duration::from_secs(25);
/// At most so many bytes are allocated before they have arrived.
const PREALLOCATE_MAX: usize = 64 * 1024;

/// Why a body was not read.
pub(crate) enum BodyError {
    /// It has more than so many bytes.
    TooLarge(usize),
    TooSlow,
    /// The connection broke, or the framing is wrong.
    Broken,
    /// The budget for bodies in memory is used up.
    OverBudget(Error),
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(max) => Self::too_large(max),
            BodyError::TooSlow => Self::too_slow(READ_TIMEOUT),
            BodyError::Broken => Self::unreadable(),
            BodyError::OverBudget(error) => error.into(),
        }
    }
}

/// A request whose body has been read, up to so many bytes.
pub(crate) async fn read_whole(request: Request, max: usize) -> Result<(Parts, Bytes), BodyError> {
    read(request, max, true).await
}

/// The same, but a longer body is truncated.
pub(crate) async fn read_prefix(request: Request, max: usize) -> Result<(Parts, Bytes), BodyError> {
    read(request, max, false).await
}

/// A request whose body a layer around has read already.
pub(crate) async fn already_read(request: Request) -> Result<(Parts, Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Problem::unreadable())?;
    Ok((parts, body.to_bytes()))
}

/// The request without its body, if its credential is malformed or has a wrong checksum. Whatever checks the credential
/// refuses it, as it would have with the body.
pub(crate) fn without_unauthenticated_body(mut request: Request) -> Request {
    let bearer = bearer(request.headers()).ok().map(Bearer::parse);
    let could_be = bearer.as_ref().is_some_and(Bearer::is_well_formed);
    if let Some(bearer) = bearer {
        request.extensions_mut().insert(bearer);
    }
    if could_be || HttpBody::is_end_stream(request.body()) {
        return request;
    }
    request.map(|_| Body::empty())
}

/// Reads up to so many bytes of a body. A longer one is refused, or truncated.
async fn read(request: Request, max: usize, refuse: bool) -> Result<(Parts, Bytes), BodyError> {
    let (parts, mut body) = request.into_parts();
    if HttpBody::is_end_stream(&body) {
        return Ok((parts, Bytes::new()));
    }
    let kept = read_frames(&parts, &mut body, max, refuse).await?;
    Ok((parts, kept))
}

async fn read_frames(parts: &Parts, body: &mut Body, max: usize, refuse: bool) -> Result<Bytes, BodyError> {
    let meter = parts.extensions.get::<Arc<BodyMeter>>();
    let until = Instant::now() + READ_TIMEOUT;
    let mut kept = Vec::new();
    while let Some(frame) = timeout_at(until, body.frame()).await.map_err(|_| BodyError::TooSlow)? {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        let more = data.len() > max - kept.len();
        if more && refuse {
            return Err(BodyError::TooLarge(max));
        }
        let data = &data[..data.len().min(max - kept.len())];
        meter.map_or(Ok(()), |meter| meter.take(data.len())).map_err(BodyError::OverBudget)?;
        if kept.capacity() - kept.len() < data.len() {
            kept.reserve_exact(data.len().max(kept.len().min(PREALLOCATE_MAX)));
        }
        kept.extend_from_slice(data);
        if more {
            break;
        }
    }
    Ok(kept.into())
}
