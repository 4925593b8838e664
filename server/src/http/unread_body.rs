//! What a client still sends of a body that nobody reads.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{Version, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

/// What is read only to be dropped, in bytes and time.
const MAX: usize = 16 * 1024 * 1024;
const WITHIN: Duration = Duration::from_secs(5);

/// A body whose rest is taken in, within reason, when it is dropped: the answer is on its way by then, and a client that
/// is still sending when the connection ends does not get to see it. If the rest comes to its end, the connection goes on.
struct Received {
    /// `None` once it has come to its end.
    body: Option<Body>,
    /// The client sends nothing before it is told to go on, which is when the body is asked for (RFC 9110, 10.1.1).
    waits: bool,
}

/// A request whose body nobody needs to read. In HTTP/2 a stream that is dropped tells its client at once.
pub(crate) fn drained_on_drop(request: Request) -> Request {
    if request.version() == Version::HTTP_2 || HttpBody::is_end_stream(request.body()) {
        return request;
    }
    let waits = request.headers().contains_key(header::EXPECT);
    request.map(|body| Body::new(Received { body: Some(body), waits }))
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waits = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !self.waits && !HttpBody::is_end_stream(body)) else { return };
        // There is none when the program ends.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(take_in(body));
        }
    }
}

async fn take_in(mut body: Body) {
    let (mut dropped, until) = (0, Instant::now() + WITHIN);
    while let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await {
        dropped += frame.data_ref().map_or(0, Bytes::len);
        if dropped > MAX {
            return;
        }
    }
}
