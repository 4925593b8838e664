//! The context of a request: its id, its origin, and the line in the log when it is answered.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use latchkey_domain::{AllowedNetworks, client_address};
use latchkey_service::{Origin, Service};
use tracing::Instrument;

use super::headers::X_FORWARDED_FOR;
use crate::log::redacted;

/// The state of the layers.
#[derive(Clone)]
pub(crate) struct RequestContext {
    pub(crate) service: Service,
    pub(crate) trusted_proxies: Option<Arc<AllowedNetworks>>,
}

/// Puts [`Origin`] into the request's extensions, and `x-request-id` into the answer.
pub(crate) async fn layer(State(context): State<RequestContext>, request: Request, next: Next) -> Response {
    let id = context.service.request_id();
    let (mut parts, body) = request.into_parts();
    let origin = origin(&context, &parts, &id);
    parts.extensions.insert(origin);
    let request = Request::from_parts(parts, body);

    let (method, uri) = (request.method().clone(), request.uri().clone());
    let span = tracing::info_span!("request", id = %id);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    let grpc_status = response.headers().get("grpc-status").and_then(|code| code.to_str().ok()?.parse::<u16>().ok());
    // The query may have search terms or a set-up link: it is never logged.
    let path = redacted(uri.path(), status >= 400 || grpc_status.is_some_and(|code| code > 0));
    span.in_scope(|| tracing::info!(%method, path, status, grpc_status, micros, "answered"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// The same without the line in the log, for routes with thousands of requests a second.
pub(crate) async fn unlogged_layer(State(context): State<RequestContext>, request: Request, next: Next) -> Response {
    let id = context.service.request_id();
    let (mut parts, body) = request.into_parts();
    let origin = origin(&context, &parts, &id);
    parts.extensions.insert(origin);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// The address of the client, behind trusted proxies; `None` if it can't be determined.
pub(crate) fn client(context: &RequestContext, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    let Some(trusted) = context.trusted_proxies.as_deref() else { return Some(peer.to_canonical()) };
    let lines = headers.get_all(&X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
    client_address(peer, lines, Some(trusted))
}

/// Where a request comes from.
fn origin(context: &RequestContext, parts: &Parts, id: &str) -> Origin {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    origin_of(context, peer, parts, id)
}

/// Where a request of a peer comes from.
pub(crate) fn origin_of(context: &RequestContext, peer: Option<IpAddr>, parts: &Parts, id: &str) -> Origin {
    super::forwarded::warn_if_untrusted(context, peer, &parts.headers);
    let address = peer.and_then(|peer| client(context, peer, &parts.headers));
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Origin::new(address, user_agent.unwrap_or_default(), id)
}
