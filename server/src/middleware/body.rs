//! Bodies are read before anybody looks at the credential: what is checked first could be taken away while a slow client
//! still sends.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use crate::rest::problem::Problem;
use crate::router::BODY_MAX;

/// A body that takes longer to arrive is the client's fault; less than what the whole request may take.
const PATIENCE: Duration = Duration::from_secs(25);
/// Bytes that are read only to be dropped.
const DROPPED_MAX: usize = 16 * 1024 * 1024;

/// Reads the body of a form before the handlers around it run. One that is too large goes on cut, still too large for the
/// handler, which refuses it with a page.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    if HttpBody::is_end_stream(request.body()) {
        return next.run(request).await;
    }
    match read(request, BODY_MAX + 1).await {
        Ok((parts, bytes, _)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(problem) => (problem.status(), problem.detail().to_owned()).into_response(),
    }
}

/// A request whose body has been read, up to what a body may have.
pub(crate) async fn whole(request: Request) -> Result<(Parts, Vec<u8>), Problem> {
    whole_up_to(request, BODY_MAX).await
}

/// A request whose body has been read, up to so many bytes.
pub(crate) async fn whole_up_to(request: Request, max: usize) -> Result<(Parts, Vec<u8>), Problem> {
    let (parts, bytes, more) = read(request, max).await?;
    if more { Err(Problem::too_large()) } else { Ok((parts, bytes)) }
}

/// Keeps so many bytes of a body; says whether there are more. These are read and dropped, within reason: a client that
/// is still sending when the connection ends does not get to see why.
async fn read(request: Request, max: usize) -> Result<(Parts, Vec<u8>, bool), Problem> {
    let (parts, mut body) = request.into_parts();
    let (mut kept, mut dropped) = (Vec::new(), 0);
    let until = Instant::now() + PATIENCE;
    while let Some(frame) = timeout_at(until, body.frame()).await.map_err(|_| Problem::too_slow(PATIENCE))? {
        let frame = frame.map_err(|_| Problem::unreadable())?;
        let Some(data) = frame.data_ref() else { continue };
        let fits = data.len().min(max - kept.len());
        kept.extend_from_slice(&data[..fits]);
        dropped += data.len() - fits;
        if dropped > DROPPED_MAX {
            break;
        }
    }
    Ok((parts, kept, dropped > 0))
}
