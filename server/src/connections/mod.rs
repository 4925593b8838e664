//! Connections: accepted within limits, closed when they keep the server waiting, and finished before it stops.

mod io;
pub(crate) mod places;

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
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

use self::io::{Answer, Watched};
use self::places::{IdleDeadline, Places, Seat};

/// What answers the requests that come over connections.
pub(crate) trait RequestHandler: Send + Sync + 'static {
    /// Answers a request that came over a connection of `peer`.
    fn handle(&self, request: Request<Body>, peer: SocketAddr) -> impl Future<Output = Response> + Send;
}

/// Largest head of a request, in bytes. A connection of HTTP/1 buffers no more.
const HEAD_MAX: usize = 32 * 1024;
/// Requests that one connection of HTTP/2 may have under way.
const STREAMS: u32 = 100;
/// What one request of HTTP/2, and all of a connection together, may have sent that nobody has read, in bytes.
const WINDOW: u32 = 64 * 1024;
const WINDOWS: u32 = 256 * 1024;
/// What is kept of an answer that a client of HTTP/2 does not take, in bytes.
const UNSENT: usize = 64 * 1024;
/// Streams that are reset before they were looked at (rapid reset), and resets that we cause, that a connection gets
/// away with.
const RESETS: usize = 20;
const OWN_RESETS: usize = 256;
/// A peer of HTTP/2 that says nothing for so long is asked whether it is there, and has so long to answer.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);
/// A connection that has been told to end has so long to do so.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long no connection is accepted when one could not be, most likely for want of files.
const BREATH: Duration = Duration::from_millis(20);

/// Accepts and serves until `stopping`, and returns when all connections have ended.
pub(crate) async fn serve(
    listener: TcpListener,
    handler: Arc<impl RequestHandler>,
    places: Arc<Places>,
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
                // One that its peer has given up costs nothing. Anything else would fail again at once.
                if !is_of_the_peer(&error) {
                    tracing::warn!(%error, "can't accept connections");
                    places.free_one();
                    sleep(BREATH).await;
                }
                continue;
            }
        };
        let Some(seat) = places.enter(peer.ip()) else { continue };
        // Leptos and hyper write in small pieces; without this each answer would wait for the delayed acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "can't set TCP_NODELAY");
        }
        let (handler, builder, stopping, open) = (handler.clone(), builder.clone(), stopping.clone(), open.clone());
        tokio::spawn(async move {
            connection(stream, peer, seat, &handler, &builder, stopping).await;
            drop(open);
        });
    }
    drop((listener, open));
    all_ended.recv().await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // Its own timeout of heads is not used: it would close what is idle as early.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOWS)
        .max_send_buf_size(UNSENT)
        .max_header_list_size(u32::try_from(HEAD_MAX).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(OWN_RESETS);
    builder
}

fn is_of_the_peer(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    seat: Seat,
    handler: &Arc<impl RequestHandler>,
    builder: &Builder<TokioExecutor>,
    mut stopping: watch::Receiver<bool>,
) {
    let place = &seat.place;
    let service = service_fn(|request: Request<Incoming>| {
        let under_way = place.begin(request.version() == Version::HTTP_2);
        let request = request.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) });
        let handler = handler.clone();
        async move {
            let response = handler.handle(request, peer).await;
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, under_way)))
        }
    });
    let io = TokioIo::new(Watched { stream, place: place.clone() });
    let mut serving = pin!(builder.serve_connection(io, service));
    let mut asleep = pin!(sleep(Duration::ZERO));
    let mut leaving = false;
    loop {
        tokio::select! {
            biased;
            // What goes wrong on a connection is its peer's matter.
            _ = serving.as_mut() => return,
            () = place.told_to_leave() => return,
            () = stopped(&mut stopping, leaving) => leaving = true,
            () = asleep.as_mut() => match place.deadline() {
                IdleDeadline::Over if leaving => return,
                IdleDeadline::Over => leaving = true,
                IdleDeadline::Until(at) if !leaving => {
                    asleep.as_mut().reset(at.into());
                    continue;
                }
                // Whatever is under way may end; what is not has had its time.
                IdleDeadline::Until(_) if place.is_waiting() => return,
                IdleDeadline::Until(_) => {}
            },
        }
        serving.as_mut().graceful_shutdown();
        asleep.as_mut().reset((Instant::now() + FAREWELL).into());
    }
}

/// Resolves when the server stops, for a connection that does not know yet.
async fn stopped(stopping: &mut watch::Receiver<bool>, known: bool) {
    if known {
        pending().await
    } else {
        let _ = stopping.wait_for(|stop| *stop).await;
    }
}
