//! Bodies are read before anybody looks at the credential: what is checked first could be taken away while a slow client
//! still sends.

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;

use crate::rest::problem::Problem;
use crate::router::BODY_MAX;

/// Bytes that are read only to be dropped.
const DROPPED_MAX: usize = 16 * 1024 * 1024;

/// Reads the body of a form before the handlers around it run.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    if axum::body::HttpBody::is_end_stream(request.body()) {
        return next.run(request).await;
    }
    match whole(request).await {
        Ok((parts, bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(problem) => (problem.status(), problem.detail().to_owned()).into_response(),
    }
}

/// A request whose body has been read, up to what a body may have.
pub(crate) async fn whole(request: Request) -> Result<(Parts, Vec<u8>), Problem> {
    whole_up_to(request, BODY_MAX).await
}

/// A request whose body has been read, up to so many bytes. What is beyond that is read and dropped, within reason: a
/// client that is still sending when the connection ends does not get to see why.
pub(crate) async fn whole_up_to(request: Request, max: usize) -> Result<(Parts, Vec<u8>), Problem> {
    let (parts, mut body) = request.into_parts();
    let (mut kept, mut dropped) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::unreadable())?;
        let Some(data) = frame.data_ref() else { continue };
        if dropped == 0 && kept.len() + data.len() <= max {
            kept.extend_from_slice(data);
        } else {
            dropped += data.len();
        }
        if dropped > DROPPED_MAX {
            break;
        }
    }
    if dropped > 0 { Err(Problem::too_large()) } else { Ok((parts, kept)) }
}
