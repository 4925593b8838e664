//! Who sent the request, under which id, and a line in the log when it is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use latchkey_domain::{AllowedNetworks, SecretKind, client_address};
use latchkey_service::{Origin, Service};
use tracing::Instrument;
use url::form_urlencoded;

/// What the layer needs.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) service: Service,
    pub(crate) trusted_proxies: Option<Arc<AllowedNetworks>>,
}

/// Puts [`Origin`] into the request's extensions, and `x-request-id` into the answer.
pub(crate) async fn layer(State(context): State<Context>, request: Request, next: Next) -> Response {
    let id = context.service.request_id();
    let (mut parts, body) = request.into_parts();
    let origin = origin(&context, &parts, &id);
    parts.extensions.insert(origin);
    let request = Request::from_parts(parts, body);

    let method = request.method().clone();
    // The query may hold what somebody searched for, or a set-up link: it is never logged.
    let path = redacted(request.uri().path());
    let span = tracing::info_span!("request", id = %id);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(%method, path, status = response.status().as_u16(), micros, "answered"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// The same without the line in the log, for what is asked a thousand times a second.
pub(crate) async fn quiet_layer(State(context): State<Context>, request: Request, next: Next) -> Response {
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

/// Where a request comes from.
pub(crate) fn origin(context: &Context, parts: &Parts, id: &str) -> Origin {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    super::forwarded::notice(context, peer, &parts.headers);
    let lines = parts.headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes);
    let address = peer.and_then(|peer| client_address(peer, lines, context.trusted_proxies.as_deref()));
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Origin::new(address, user_agent.unwrap_or_default(), id)
}

/// A path without secrets: somebody may paste one where an id belongs.
fn redacted(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        // As it stands there, and as it is read (`lki%5F…`).
        let mut read = form_urlencoded::parse(part.as_bytes()).flat_map(|(name, value)| [name, value]);
        let in_any = |text: &str| SecretKind::ALL.into_iter().any(|kind| text.contains(kind.prefix()));
        if in_any(part) || read.any(|text| in_any(&text)) { "[secret]" } else { part }
    });
    let mut kept = parts.collect::<Vec<_>>().join("/");
    if let Some((cut, _)) = kept.char_indices().nth(300) {
        kept.truncate(cut);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_secret_is_not_logged() {
        assert_eq!(redacted("/api/auth/cli-tokens/ci_Abc"), "/api/auth/cli-tokens/[secret]");
        assert_eq!(redacted("/api/invitations/lkj_Abc/accept"), "/api/invitations/[secret]/accept");
        assert_eq!(redacted("/setup%2Flink=lki%5FAbc/%6Cku_Abc"), "/[secret]/[secret]");
        assert_eq!(redacted("/orgs/acme/settings/tokens"), "/orgs/acme/settings/tokens");
        assert_eq!(redacted(&"é".repeat(400)).chars().count(), 300);
    }
}
