//! The outermost layer, around every route: what one request may take in time and memory, and an answer in the form of
//! the route when it took more or failed altogether.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use latchkey_app::portal::Portal;
use latchkey_app::{cookies, pages};
use latchkey_service::Error;
use tower::ServiceExt;

use super::budget::Budget;
use super::context::{self, Context};
use super::leftover::may_be_left;
use super::source::Source;
use crate::grpc;
use crate::log::redacted;
use crate::rest::problem::complete_now;

/// No request waits longer for its answer. What waits for a database, a body or a password gives up before, and says
/// more.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// All routes, within limits.
pub(crate) struct Limited {
    router: Router,
    portal: Portal,
    context: Context,
    budget: Arc<Budget>,
}

/// How the clients of a route read errors.
enum Form {
    Grpc,
    Problem,
    Page,
}

impl Limited {
    pub(crate) fn new(router: Router, portal: Portal, context: Context, budget: Arc<Budget>) -> Self {
        Self { router, portal, context, budget }
    }

    /// Answers a request that came over a connection of `peer`.
    pub(crate) async fn answer(&self, mut request: Request, peer: SocketAddr) -> Response {
        request.extensions_mut().insert(ConnectInfo(peer));
        if !HttpBody::is_end_stream(request.body()) {
            let source = context::client(&self.context, peer.ip(), request.headers()).map(Source::of);
            request.extensions_mut().insert(Arc::new(self.budget.meter(source)));
            request = may_be_left(request);
        }
        let (method, uri, form) = (request.method().clone(), request.uri().clone(), Form::of(&request));
        let theme = if matches!(form, Form::Page) { cookies::theme(request.headers()) } else { None };
        let answering = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind();
        let failed = match tokio::time::timeout(REQUEST_TIMEOUT, answering).await {
            Ok(Ok(Ok(response))) => return response,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_)) => "it panicked",
            Err(_) => "it took too long",
        };
        let id = self.context.service.request_id();
        tracing::warn!(%id, %method, path = redacted(uri.path(), true), "a route gave no answer: {failed}");
        let mut response = match form {
            Form::Grpc => grpc::refused(Error::Unavailable).into_http::<Body>().into_response(),
            Form::Problem => complete_now(Error::Unavailable.into(), uri.path(), &id),
            Form::Page => pages::error_response(&self.portal, theme, &id, &Error::Unavailable),
        };
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("x-request-id", id);
        }
        response
    }
}

impl Form {
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
    use super::*;

    #[test]
    fn each_route_has_errors_that_its_clients_read() {
        let of = |path: &str, kind: &str| {
            let request = Request::builder().uri(path).header(header::CONTENT_TYPE, kind).body(Body::empty()).unwrap();
            match Form::of(&request) {
                Form::Grpc => "gRPC",
                Form::Problem => "problem",
                Form::Page => "page",
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
