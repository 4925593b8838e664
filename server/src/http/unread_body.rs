//! Bodies that no handler reads to the end.

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

/// At most so many bytes are read and discarded, in at most this time.
const DRAIN_MAX: usize = 16 * 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A body whose rest is read and discarded, within limits, when it is dropped. By then the answer is being sent; a client
/// that is still sending when the connection closes would not see it. After the end of the body the connection is reused.
struct DrainOnDrop {
    /// `None` after its end.
    body: Option<Body>,
    /// The client waits for `100 Continue`, which is sent when the body is polled (RFC 9110, section 10.1.1).
    expects_continue: bool,
}

/// Lets a request's body be dropped unread. In HTTP/2, dropping the stream resets it, which the client sees at once.
pub(crate) fn drained_on_drop(request: Request) -> Request {
    if request.version() == Version::HTTP_2 || HttpBody::is_end_stream(request.body()) {
        return request;
    }
    let expects_continue = request.headers().contains_key(header::EXPECT);
    request.map(|body| Body::new(DrainOnDrop { body: Some(body), expects_continue }))
}

impl HttpBody for DrainOnDrop {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.expects_continue = false;
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

impl Drop for DrainOnDrop {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !self.expects_continue && !HttpBody::is_end_stream(body))
        else {
            return;
        };
        // There is none when the program ends.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(drain(body));
        }
    }
}

async fn drain(mut body: Body) {
    let (mut dropped, until) = (0, Instant::now() + DRAIN_TIMEOUT);
    while let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await {
        dropped += frame.data_ref().map_or(0, Bytes::len);
        if dropped > DRAIN_MAX {
            return;
        }
    }
}
