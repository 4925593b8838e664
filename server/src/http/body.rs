//! Bodies are read before anybody looks at the credential: what is checked first could be taken away while a slow client
//! still sends. Who has none that can be right has nothing read.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::request::Parts;
use http_body_util::BodyExt;
use latchkey_domain::Secret;
use latchkey_service::Error;
use tokio::time::{Instant, timeout_at};

use super::body_budget::Meter;
use super::headers::bearer;
use super::problem::Problem;

/// Largest body of a request with a credential, in bytes.
pub(crate) const MAX: usize = 1024 * 1024;
/// Largest body of a request whose credential is in the body, in bytes; the longest that can be right is far shorter.
pub(crate) const SMALL_MAX: usize = 16 * 1024;
/// A body that takes longer to arrive is the client's fault; less than what the whole request may take.
const READ_TIMEOUT: Duration = Duration::from_secs(25);
/// Most that is allocated ahead of what has arrived, in bytes.
const AHEAD: usize = 64 * 1024;

/// Why a body was not read.
pub(crate) enum Unread {
    /// It has more than so many bytes.
    TooLarge(usize),
    TooSlow,
    /// The connection broke, or the framing is wrong.
    Broken,
    /// There is no room for it.
    NoRoom(Error),
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge(max) => Self::too_large(max),
            Unread::TooSlow => Self::too_slow(READ_TIMEOUT),
            Unread::Broken => Self::unreadable(),
            Unread::NoRoom(error) => error.into(),
        }
    }
}

/// A request whose body has been read, up to so many bytes.
pub(crate) async fn read_whole(request: Request, max: usize) -> Result<(Parts, Bytes), Unread> {
    read(request, max, true).await
}

/// The same, but a body that has more goes on cut after so many bytes.
pub(crate) async fn read_prefix(request: Request, max: usize) -> Result<(Parts, Bytes), Unread> {
    read(request, max, false).await
}

/// A request whose body a layer around has read already.
pub(crate) async fn already_read(request: Request) -> Result<(Parts, Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Problem::unreadable())?;
    Ok((parts, body.to_bytes()))
}

/// The same request without its body, if its credential can't be one: of no form of ours, or with a wrong checksum. It is
/// refused by whatever asks for the credential, as it would have been with the body.
pub(crate) fn without_unauthenticated_body(request: Request) -> Request {
    let could_be = bearer(request.headers()).is_ok_and(|bearer| Secret::parse(bearer).is_ok());
    if could_be || HttpBody::is_end_stream(request.body()) {
        return request;
    }
    request.map(|_| Body::empty())
}

/// Keeps so many bytes of a body. One that has more is refused, or goes on cut.
async fn read(request: Request, max: usize, refuse: bool) -> Result<(Parts, Bytes), Unread> {
    let (parts, mut body) = request.into_parts();
    if HttpBody::is_end_stream(&body) {
        return Ok((parts, Bytes::new()));
    }
    let kept = keep(&parts, &mut body, max, refuse).await?;
    Ok((parts, kept))
}

async fn keep(parts: &Parts, body: &mut Body, max: usize, refuse: bool) -> Result<Bytes, Unread> {
    let meter = parts.extensions.get::<Arc<Meter>>();
    let until = Instant::now() + READ_TIMEOUT;
    let mut kept = Vec::new();
    while let Some(frame) = timeout_at(until, body.frame()).await.map_err(|_| Unread::TooSlow)? {
        let frame = frame.map_err(|_| Unread::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        let more = data.len() > max - kept.len();
        if more && refuse {
            return Err(Unread::TooLarge(max));
        }
        let data = &data[..data.len().min(max - kept.len())];
        meter.map_or(Ok(()), |meter| meter.take(data.len())).map_err(Unread::NoRoom)?;
        if kept.capacity() - kept.len() < data.len() {
            kept.reserve_exact(data.len().max(kept.len().min(AHEAD)));
        }
        kept.extend_from_slice(data);
        if more {
            break;
        }
    }
    Ok(kept.into())
}
