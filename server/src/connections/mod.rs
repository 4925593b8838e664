//! Connections: accepted within limits, closed after their timeouts, and finished before the server stops.

mod io;
pub(crate) mod limiter;
mod rarely_woken;
mod state;

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::http::{Request, Version};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use self::io::{MonitoredBody, MonitoredStream};
use self::limiter::{ConnectionLimiter, ConnectionPermit};
use self::rarely_woken::RarelyWoken;
use self::state::IdleDeadline;

/// What answers the requests that come over connections.
pub(crate) trait RequestHandler: Send + Sync + 'static {
    /// Answers a request that came over a connection of `peer`.
    fn handle(&self, request: Request<Body>, peer: SocketAddr) -> impl Future<Output = Response> + Send;
}

/// Largest header section of a request, in bytes. A connection of HTTP/1 buffers no more.
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// Concurrent requests of one HTTP/2 connection.
const MAX_CONCURRENT_STREAMS: u32 = 100;
/// HTTP/2 flow control windows of one request and of a whole connection, in bytes.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// Response bytes that are buffered for an HTTP/2 client that does not read them.
const MAX_SEND_BUFFER: usize = 64 * 1024;
/// HTTP/2 streams that the client may reset before they are accepted (rapid reset, CVE-2023-44487), and streams that the
/// server may reset for the client's errors, before the connection is closed.
const MAX_PENDING_RESETS: usize = 20;
const MAX_LOCAL_RESETS: usize = 256;
/// A silent HTTP/2 client is sent a PING after the interval, and is gone without an answer within the timeout.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection may take to close after a graceful shutdown began.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait after `accept` failed, most likely for want of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(20);

/// Accepts and serves until `stopping`, and returns when all connections have ended.
pub(crate) async fn serve(
    listener: TcpListener,
    handler: Arc<impl RequestHandler>,
    limiter: Arc<ConnectionLimiter>,
    mut stopping: watch::Receiver<bool>,
) {
    let builder = Arc::new(builder());
    // Every connection holds a sender; nothing is ever sent.
    let (open, mut all_ended) = mpsc::channel::<Infallible>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // A connection that the client has given up needs no delay. Anything else would fail again at once.
                if !is_peer_error(&error) {
                    tracing::warn!(%error, "can't accept connections");
                    limiter.evict_one();
                    sleep(ACCEPT_RETRY_DELAY).await;
                }
                continue;
            }
        };
        let Some(permit) = limiter.acquire(peer.ip()) else { continue };
        // Leptos and hyper write in small pieces; without this each response would wait for the delayed acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "can't set TCP_NODELAY");
        }
        let (handler, builder, stopping, open) = (handler.clone(), builder.clone(), stopping.clone(), open.clone());
        tokio::spawn(async move {
            serve_connection(stream, peer, permit, &handler, &builder, stopping).await;
            drop(open);
        });
    }
    drop((listener, open));
    all_ended.recv().await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // hyper's own header timeout is not used: it would also close idle connections that early.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .max_header_list_size(u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_LOCAL_RESETS);
    builder
}

fn is_peer_error(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    permit: ConnectionPermit,
    handler: &Arc<impl RequestHandler>,
    builder: &Builder<TokioExecutor>,
    mut stopping: watch::Receiver<bool>,
) {
    let state = &permit.state;
    let service = service_fn(|request: Request<Incoming>| {
        let active = state.begin_request(request.version() == Version::HTTP_2);
        let request = request.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) });
        let handler = handler.clone();
        // In a box: it has room for all that any route waits for, and hyper moves it about.
        Box::pin(async move {
            let response = handler.handle(request, peer).await;
            Ok::<_, Infallible>(response.map(|body| MonitoredBody::new(body, active)))
        })
    });
    let io = TokioIo::new(MonitoredStream { stream, state: state.clone() });
    let mut serving = pin!(builder.serve_connection(io, service));
    let mut timer = pin!(sleep(Duration::ZERO));
    let mut closing = false;
    loop {
        let event = {
            let mut event = pin!(async {
                tokio::select! {
                    biased;
                    () = state.close_requested() => Event::CloseRequested,
                    () = stopped(&mut stopping, closing) => Event::Stopped,
                    () = timer.as_mut() => Event::TimerElapsed,
                }
            });
            let mut event = RarelyWoken::new(event.as_mut());
            poll_fn(|context| match serving.as_mut().poll(context) {
                // An error of a connection concerns its client only.
                Poll::Ready(_) => Poll::Ready(Event::Ended),
                Poll::Pending => event.poll(context),
            })
            .await
        };
        match event {
            Event::Ended | Event::CloseRequested => return,
            Event::Stopped => closing = true,
            Event::TimerElapsed => match state.deadline() {
                IdleDeadline::Over if closing => return,
                IdleDeadline::Over => closing = true,
                IdleDeadline::Until(at) if !closing => {
                    timer.as_mut().reset(at.into());
                    continue;
                }
                // An unfinished request may end; an idle connection has had its time.
                IdleDeadline::Until(_) if state.is_idle() => return,
                IdleDeadline::Until(_) => {}
            },
        }
        serving.as_mut().graceful_shutdown();
        timer.as_mut().reset((Instant::now() + CLOSE_TIMEOUT).into());
    }
}

/// What happens to a connection.
enum Event {
    /// It has ended.
    Ended,
    /// Another one needs its place.
    CloseRequested,
    /// The server stops.
    Stopped,
    /// It is to be looked at again.
    TimerElapsed,
}

/// Resolves when the server stops, for a connection that does not know yet.
async fn stopped(stopping: &mut watch::Receiver<bool>, known: bool) {
    if known {
        pending().await
    } else {
        let _ = stopping.wait_for(|stop| *stop).await;
    }
}
