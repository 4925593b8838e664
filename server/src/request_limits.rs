//! The outermost layer, around every route: limits the time and the memory of a request, and answers in the error format of
//! the route if the request takes too long or panics.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::Response;
use futures::FutureExt;
use latchkey_service::Error;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::connections::RequestHandler;
use crate::grpc;
use crate::http::client_network::ClientNetwork;
use crate::http::context;
use crate::http::problem::complete_response;
use crate::http::timeout::REQUEST_TIMEOUT;
use crate::http::unread_body::drained_on_drop;
use crate::log::redacted;
use crate::portal::{Appearance, FailurePage};
use crate::state::ServerState;
use crate::verification::forward_auth;

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
        if !HttpBody::is_end_stream(request.body()) {
            let source = context::client(&self.state.context, peer.ip(), request.headers()).map(ClientNetwork::of);
            request.extensions_mut().insert(Arc::new(self.state.body_budget.meter(source)));
            request = drained_on_drop(request);
        }
        if forward_auth::is_forward_auth(request.method(), request.uri().path()) {
            // The body is not read.
            let (parts, body) = request.into_parts();
            let has_body = !HttpBody::is_end_stream(&body);
            let answering = pin!(forward_auth::answer(&self.state, &parts, has_body, Some(peer.ip())));
            return match in_time(answering).await {
                Ok(response) => response,
                Err(why) => self.failed(why, &parts.method, &parts.uri, ErrorFormat::Problem, None),
            };
        }
        request.extensions_mut().insert(ConnectInfo(peer));
        let (method, uri, format) = (request.method().clone(), request.uri().clone(), ErrorFormat::of(&request));
        let appearance = matches!(format, ErrorFormat::Page).then(|| FailurePage::appearance(request.headers()));
        match in_time(Box::pin(self.router.clone().oneshot(request)).as_mut()).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(why) => self.failed(why, &method, &uri, format, appearance),
        }
    }
}

/// What is answered, or why nothing is. A timer is made for what is not answered at once.
async fn in_time<A>(answering: Pin<&mut impl Future<Output = A>>) -> Result<A, &'static str> {
    let mut answering = AssertUnwindSafe(answering).catch_unwind();
    let mut timer = pin!(None);
    poll_fn(|context| {
        if let Poll::Ready(answered) = answering.poll_unpin(context) {
            return Poll::Ready(answered.map_err(|_| "it panicked"));
        }
        if timer.is_none() {
            timer.set(Some(sleep(REQUEST_TIMEOUT)));
        }
        match timer.as_mut().as_pin_mut() {
            Some(timer) => timer.poll(context).map(|()| Err("it took too long")),
            None => Poll::Pending,
        }
    })
    .await
}

impl RequestLimits {
    fn failed(
        &self,
        why: &str,
        method: &Method,
        uri: &Uri,
        format: ErrorFormat,
        appearance: Option<Appearance>,
    ) -> Response {
        let id = self.state.service.request_id();
        tracing::warn!(%id, %method, path = redacted(uri.path(), true), "a route gave no answer: {why}");
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
        let path = request.uri().path();
        // First, whatever the request says of itself: errors of gRPC have status 200, which lets a request pass.
        if path.contains("/forward-auth") {
            return Self::Problem;
        }
        let is_grpc = |kind: &HeaderValue| kind.as_bytes().starts_with(b"application/grpc");
        if request.headers().get(header::CONTENT_TYPE).is_some_and(is_grpc) {
            return Self::Grpc;
        }
        let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let of_programs = ["/api", "/oauth", "/healthz", "/readyz", "/infoz", "/statusz", "/metrics"];
        let described = ["/openapi.json", "/openapi.yaml"].contains(&path);
        if described || of_programs.into_iter().any(below) { Self::Problem } else { Self::Page }
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
        assert_eq!(of("/forward-auth", "application/grpc"), "problem", "whatever the original request is");
        assert_eq!(of("/controlplane.v1.APITokenService/List", "application/grpc-web+proto"), "gRPC");
    }
}
