//! The outermost layer, around every route: limits the time and the memory of a request, and answers in the error format of
//! the route if the request takes too long or panics.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures::FutureExt;
use latchkey_service::Error;
use tower::ServiceExt;

use crate::connections::RequestHandler;
use crate::grpc;
use crate::http::client_network::ClientNetwork;
use crate::http::context;
use crate::http::problem::complete_response;
use crate::http::timeout::REQUEST_TIMEOUT;
use crate::http::unread_body::drained_on_drop;
use crate::log::redacted;
use crate::portal::FailurePage;
use crate::state::ServerState;

/// All routes, within the limits.
pub(crate) struct RequestLimits {
    router: Router,
    state: ServerState,
    failure_page: FailurePage,
}

/// The error format of a route.
enum ErrorFormat {
    Grpc,
    Problem,
    Page,
}

impl RequestLimits {
    pub(crate) fn new(router: Router, state: ServerState) -> Self {
        Self { router, failure_page: FailurePage::new(&state), state }
    }
}

impl RequestHandler for RequestLimits {
    async fn handle(&self, mut request: Request, peer: SocketAddr) -> Response {
        request.extensions_mut().insert(ConnectInfo(peer));
        if !HttpBody::is_end_stream(request.body()) {
            let source = context::client(&self.state.context, peer.ip(), request.headers()).map(ClientNetwork::of);
            request.extensions_mut().insert(Arc::new(self.state.body_budget.meter(source)));
            request = drained_on_drop(request);
        }
        let (method, uri, format) = (request.method().clone(), request.uri().clone(), ErrorFormat::of(&request));
        let appearance = matches!(format, ErrorFormat::Page).then(|| FailurePage::appearance(request.headers()));
        let answering = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind();
        let failed = match tokio::time::timeout(REQUEST_TIMEOUT, answering).await {
            Ok(Ok(Ok(response))) => return response,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_)) => "it panicked",
            Err(_) => "it took too long",
        };
        let id = self.state.service.request_id();
        tracing::warn!(%id, %method, path = redacted(uri.path(), true), "a route gave no answer: {failed}");
        let mut response = match (format, appearance) {
            (ErrorFormat::Grpc, _) => grpc::error_response(Error::Unavailable),
            (_, Some(appearance)) => self.failure_page.show(appearance, &id, &Error::Unavailable),
            (_, None) => complete_response(Error::Unavailable.into(), uri.path(), &id),
        };
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("x-request-id", id);
        }
        response
    }
}

impl ErrorFormat {
    fn of(request: &Request) -> Self {
        let is_grpc = |kind: &HeaderValue| kind.as_bytes().starts_with(b"application/grpc");
        if request.headers().get(header::CONTENT_TYPE).is_some_and(is_grpc) {
            return Self::Grpc;
        }
        let path = request.uri().path();
        let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let of_programs = ["/api", "/oauth", "/forward-auth", "/healthz", "/readyz", "/infoz", "/statusz", "/metrics"];
        let described = ["/openapi.json", "/openapi.yaml"].contains(&path);
        if described || path.contains("/forward-auth") || of_programs.into_iter().any(below) {
            Self::Problem
        } else {
            Self::Page
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn each_route_has_errors_that_its_clients_read() {
        let of = |path: &str, kind: &str| {
            let request = Request::builder().uri(path).header(header::CONTENT_TYPE, kind).body(Body::empty()).unwrap();
            match ErrorFormat::of(&request) {
                ErrorFormat::Grpc => "gRPC",
                ErrorFormat::Problem => "problem",
                ErrorFormat::Page => "page",
            }
        };
        for path in ["/", "/login", "/orgs/acme/settings/tokens", "/apis", "/metricsx", "/pkg/a/b.js"] {
            assert_eq!(of(path, "text/plain"), "page", "{path}");
        }
        for path in
            ["/api", "/api/verify", "/oauth/introspect", "/forward-auth/x", "/orgs/acme/forward-auth", "/healthz"]
        {
            assert_eq!(of(path, "application/json"), "problem", "{path}");
        }
        assert_eq!(of("/controlplane.v1.APITokenService/List", "application/grpc-web+proto"), "gRPC");
    }
}
