//! `/forward-auth`: decisions for proxies.
//!
//! Where the method and target of the original request are depends on the proxy: nginx is configured to send
//! `X-Original-Method` and `X-Original-URI` (its ingress sends `X-Original-URL`), Traefik and Caddy send
//! `X-Forwarded-Method` and `X-Forwarded-Uri`, Envoy uses the same method and appends the target to `/forward-auth`. A
//! client can send any of these headers itself, so all that are present must agree.
//!
//! The organization is in the path, in the route file or in the configuration: the client controls none of them.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use latchkey_domain::{
    NoRule, OriginalError, OriginalRequest, Pin, Routes, SignatureError, SignedRequest, may_have_body,
};
use latchkey_service::{
    Allowed, AuthenticationError, AuthorizationError, Bearer, Error, Origin, PresentedCredential, RequiredAccess,
};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::token_headers;
use crate::http::admission::RequestKind;
use crate::http::context;
use crate::http::headers::{RareHeaders, bearer, named_organization};
use crate::http::problem::{Problem, complete_response};
use crate::http::schema;
use crate::http::signature::read_signature;
use crate::state::ServerState;

/// Every method and every path below is accepted, as Envoy needs it. The document has the plain form.
pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new()
        .routes(routes!(forward_auth).map(|_| any(forward_auth)))
        .route("/forward-auth/", any(forward_auth))
        .route("/forward-auth/{*path}", any(forward_auth))
        .routes(routes!(pinned).map(|_| any(pinned)))
        .route("/orgs/{organization}/forward-auth/", any(pinned))
        .route("/orgs/{organization}/forward-auth/{*path}", any(pinned))
}

// Where the original request may be, by proxy.
static X_ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
static X_ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
static X_ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
static X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
static X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// The original request, in the headers that nginx is configured to send.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read from many places at once")]
struct OriginalHeaders {
    /// Its method; Traefik and Caddy call it `X-Forwarded-Method`.
    #[param(rename = "X-Original-Method", example = "GET")]
    method: Option<String>,
    /// Its path with query; nginx's ingress calls it `X-Original-URL`, Traefik and Caddy `X-Forwarded-Uri`.
    #[param(rename = "X-Original-URI", example = "/api/scans")]
    target: Option<String>,
}

/// The organization that the decision is about.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "read from the address as it came")]
struct OrganizationPath {
    /// Its name or id.
    #[param(inline)]
    organization: schema::OrganizationName,
}

/// Why a request may pass.
enum Verdict {
    Token(Allowed),
    /// It is a CORS preflight, which has no credential.
    Preflight,
}

/// Authorize a request for a proxy
///
/// Decides by the token and the route rules whether the request that the proxy received may pass. Every method is accepted.
/// Envoy appends the path to `/forward-auth`. If the method and path are given in several places, all must agree. On an
/// instance with several organizations, the route file, the configuration or the path (`/orgs/{organization}/forward-auth`)
/// must name one. A refusal has its reason in `X-Latchkey-Reason`.
#[utoipa::path(
    get, path = "/forward-auth", operation_id = "forwardAuth", tag = "Verification",
    params(OriginalHeaders, schema::OrganizationHeader),
    responses(
        (status = 200, description = "The request may pass; the headers describe the token", headers(
            ("X-Latchkey-Token-Id" = String, description = "Id of the token"),
            ("X-Latchkey-Organization-Id" = String, description = "Id of the organization that the token acts on"),
            ("X-Latchkey-Organization" = String, description = "Name of the organization"),
            ("X-Latchkey-Project-Id" = String, description = "Id of the project that the token is restricted to, if any"),
            ("X-Latchkey-Project" = String, description = "Name of the project, percent-encoded UTF-8 (RFC 3986)"),
            ("X-Latchkey-Scopes" = String, description = "All scopes of the token, separated by spaces"),
            ("X-Latchkey-Repository" = String, description = "Id of the repository in the path, if any"),
        )),
        (status = 400, description = "The method or path of the original request is missing"),
    ),
)]
pub(crate) async fn forward_auth(State(state): State<ServerState>, request: Request) -> Response {
    // Not as an extractor, which would copy the headers.
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let has_body = !HttpBody::is_end_stream(&body);
    answer(&state, &parts, has_body, peer).await
}

/// Whether it is a request to these routes. Most requests are: the router is left out for them.
pub(crate) fn is_forward_auth(method: &Method, path: &str) -> bool {
    let below =
        path.strip_prefix('/').map(|path| match path.strip_prefix("orgs/").and_then(|rest| rest.split_once('/')) {
            Some((organization, below)) if !organization.is_empty() => below,
            _ => path,
        });
    let below = below.and_then(|below| below.strip_prefix("forward-auth"));
    // The router has rules of its own for the answers to these two.
    let plain = method != Method::HEAD && method != Method::CONNECT;
    plain && below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// Answers a request of a peer.
pub(crate) async fn answer(state: &ServerState, parts: &Parts, has_body: bool, peer: Option<IpAddr>) -> Response {
    let own_target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let origin = context::origin_of(&state.context, peer, parts, "");
    let started = Instant::now();
    match decide_when_admitted(state, own_target, parts, has_body, &origin).await {
        Ok(verdict) => {
            state.metrics.allowed(started.elapsed());
            verdict.into_response()
        }
        Err(problem) => {
            let problem = problem.for_proxy();
            state.metrics.refused(problem.status().as_u16(), problem.kind(), started.elapsed());
            complete_response(problem, own_target, &state.service.request_id())
        }
    }
}

/// Authorize a request for a proxy of one organization
///
/// As `/forward-auth`, but only tokens of this organization pass, and instance tokens act on it. The configuration of the
/// proxy names the organization, so that clients can't choose it.
#[utoipa::path(
    get, path = "/orgs/{organization}/forward-auth", operation_id = "forwardAuthOfOrganization", tag = "Verification",
    params(OrganizationPath, OriginalHeaders, schema::OrganizationHeader),
    responses(
        (status = 200, description = "The request may pass; the headers are those of `/forward-auth`"),
        (status = 400, description = "The method or path of the original request is missing"),
    ),
)]
pub(crate) async fn pinned(state: State<ServerState>, request: Request) -> Response {
    forward_auth(state, request).await
}

/// Decides when there is a permit for it.
async fn decide_when_admitted(
    state: &ServerState,
    own_target: &str,
    parts: &Parts,
    has_body: bool,
    origin: &Origin,
) -> Result<Verdict, Problem> {
    let permit = state.admission.acquire(&parts.headers, origin.address, RequestKind::Decision).await?;
    let verdict = decide(state, own_target, parts, has_body, origin).await?;
    if let Verdict::Token(allowed) = &verdict {
        state.admission.mark_authenticated(&permit, &allowed.token);
    }
    Ok(verdict)
}

async fn decide(
    state: &ServerState,
    own_target: &str,
    parts: &Parts,
    has_body: bool,
    origin: &Origin,
) -> Result<Verdict, Problem> {
    let (organization, below) = address(own_target);
    let rare = RareHeaders::of(&parts.headers);
    let original = original(&parts.method, below, &parts.headers, rare.forwarded).map_err(original_request_problem)?;
    if is_preflight(&state.routes, &original, &parts.headers) {
        return Ok(Verdict::Preflight);
    }
    let bearer = bearer(&parts.headers)?;
    let named = if rare.organization { named_organization(&parts.headers)? } else { None };
    let signature = if rare.signature { read_signature(&parts.headers) } else { Ok(None) };
    let signature = signature.map_err(|error| Error::from(AuthenticationError::Signature(error)))?;
    let signature = match &signature {
        None => None,
        Some(signature) => {
            if let Some(name) = duplicate_header(&parts.headers) {
                return Err(ambiguous(&format!("A signed request has {name} once")));
            }
            let may_have_body = has_body || may_have_body(original.method) || announces_body(&parts.headers);
            let body_hash = body_hash(&parts.headers, may_have_body);
            let body_hash = body_hash.map_err(|error| Error::from(AuthenticationError::Signature(error)))?;
            let request = SignedRequest { method: original.method, target: &original.target, body_hash };
            Some((signature, request))
        }
    };
    let needed = state.routes.needed(original.method, &original.target).map_err(|reason| match reason {
        NoRule::Unmatched => Problem::from(Error::from(AuthorizationError::NoRoute)),
        NoRule::Ambiguous => ambiguous("The path can be read in more than one way; send it in its plain form"),
    })?;
    let pinned = organization.map(|text| Pin::only([text])).transpose();
    let pinned = pinned.map_err(|_| Error::from(AuthorizationError::PinnedToNone))?;
    let required = RequiredAccess {
        scopes: needed.scope.into_iter().collect(),
        repositories: needed.repository.into_iter().collect(),
        organization: named.transpose()?.map(str::to_owned),
        pins: pinned.iter().chain(needed.organizations).chain(&state.pin).collect(),
    };
    let presented = PresentedCredential { bearer: &Bearer::parse(bearer), origin, signature };
    Ok(Verdict::Token(state.service.verification().verify(&presented, &required).await?))
}

/// The organization in the path, and the path below.
fn address(own_target: &str) -> (Option<&str>, &str) {
    let named = own_target.strip_prefix("/orgs/").and_then(|rest| rest.split_once("/forward-auth"));
    match named {
        Some((organization, below)) => (Some(organization), below),
        None => (None, own_target.strip_prefix("/forward-auth").unwrap_or_default()),
    }
}

/// Whether the original request is a CORS preflight of a route that allows it.
fn is_preflight(routes: &Routes, original: &OriginalRequest<'_>, headers: &HeaderMap) -> bool {
    let one = |name: HeaderName| single(headers, &name).ok().flatten();
    original.method == Method::OPTIONS.as_str()
        && !headers.contains_key(AUTHORIZATION)
        && one(ORIGIN).is_some_and(|origin| !origin.is_empty())
        && one(ACCESS_CONTROL_REQUEST_METHOD)
            .is_some_and(|method| routes.allow_preflight(method, &original.target) == Ok(true))
}

fn original_request_problem(error: OriginalError) -> Problem {
    match error {
        OriginalError::Ambiguous => ambiguous(&error.to_string()),
        OriginalError::NoMethod | OriginalError::NoTarget | OriginalError::Missing => {
            Problem::new(StatusCode::BAD_REQUEST, "no-original-request", error.to_string())
        }
    }
}

fn ambiguous(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "ambiguous-request", detail)
}

/// The original request, from all places where it may be; `below` is the path below ours. Without `forwarded`, there are
/// no headers of Traefik and Caddy.
fn original<'a>(
    own_method: &'a Method,
    below: &'a str,
    headers: &'a HeaderMap,
    forwarded: bool,
) -> Result<OriginalRequest<'a>, OriginalError> {
    let method = single(headers, &X_ORIGINAL_METHOD)?;
    let [uri, url] = [single(headers, &X_ORIGINAL_URI)?, single(headers, &X_ORIGINAL_URL)?];
    if method.is_some() && uri.or(url).is_none() {
        return Err(OriginalError::NoTarget);
    }
    let forwarded = |name| if forwarded { single(headers, name) } else { Ok(None) };
    let (forwarded_method, forwarded_uri) = (forwarded(&X_FORWARDED_METHOD)?, forwarded(&X_FORWARDED_URI)?);
    if forwarded_method.is_some() && forwarded_uri.is_none() {
        return Err(OriginalError::NoTarget);
    }
    // Envoy. The target may be `/` alone.
    let appended = Some(below).filter(|below| below.starts_with('/'));
    let places =
        [(method, uri), (method, url), (forwarded_method, forwarded_uri), (Some(own_method.as_str()), appended)];
    OriginalRequest::agreed(places.into_iter().filter_map(|(method, target)| Some((method, target?))))
}

/// The value of a header; a repeated one is ambiguous.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, OriginalError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(OriginalError::Ambiguous);
    }
    first.map(|value| value.to_str().map_err(|_| OriginalError::Ambiguous)).transpose()
}

/// A header that a signed request has twice, but may have once: it is unknown which value the service reads.
fn duplicate_header(headers: &HeaderMap) -> Option<&'static str> {
    let twice = |name| {
        let mut lines = headers.get_all(name).iter();
        lines.next().is_some_and(|line| line.as_bytes().contains(&b',')) || lines.next().is_some()
    };
    ["host", "x-forwarded-host"].into_iter().find(|name| twice(*name))
}

/// Whether the headers announce a body of the original request. Most proxies send nothing, and some 0 for their own request.
fn announces_body(headers: &HeaderMap) -> bool {
    let says =
        |name: &str, nothing: &[&[u8]]| headers.get_all(name).iter().any(|value| !nothing.contains(&value.as_bytes()));
    ["content-length", "x-original-content-length"].into_iter().any(|name| says(name, &[b"", b"0"]))
        || ["transfer-encoding", "x-original-transfer-encoding"].into_iter().any(|name| says(name, &[b""]))
}

/// The hash of the original body. Proxies don't send the body: a client that signs one sends its hash in `Content-Digest`
/// (RFC 9530), which the service compares with what it receives. Other digest headers, which the service might read
/// instead, are refused.
fn body_hash(headers: &HeaderMap, may_have_body: bool) -> Result<[u8; 32], SignatureError> {
    let mut lines = headers.get_all("content-digest").iter();
    let line = match (lines.next(), lines.next()) {
        _ if headers.contains_key("repr-digest") || headers.contains_key("digest") => None,
        (Some(line), None) => line.to_str().ok(),
        (None, _) if !may_have_body => return Ok(SignedRequest::NO_BODY),
        _ => None,
    };
    // A second digest would follow after a comma.
    let encoded = line.and_then(|line| line.trim().strip_prefix("sha-256=:")?.strip_suffix(':'));
    let bytes = encoded.and_then(|encoded| BASE64.decode(encoded).ok()).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or(SignatureError::Digest)
}

impl IntoResponse for Verdict {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        if let Self::Token(allowed) = &self {
            *response.headers_mut() = token_headers::of(allowed);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn original_of(method: &str, target: &str, headers: &[(&'static str, &'static str)]) -> Result<String, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        match original(&method.parse().unwrap(), address(target).1, &map, RareHeaders::of(&map).forwarded) {
            Ok(OriginalRequest { method, target }) => Ok(format!("{method} {target}")),
            Err(error) => Err(original_request_problem(error).kind().to_owned()),
        }
    }

    #[test]
    fn each_proxy_is_understood() {
        let nginx = [("x-original-method", "POST"), ("x-original-uri", "/api/scans?x=1")];
        assert_eq!(original_of("GET", "/forward-auth", &nginx).unwrap(), "POST /api/scans?x=1");
        let ingress = [("x-original-method", "GET"), ("x-original-url", "https://api.example.com/api/scans")];
        assert_eq!(original_of("GET", "/forward-auth", &ingress).unwrap(), "GET /api/scans");
        let traefik = [("x-forwarded-method", "PUT"), ("x-forwarded-uri", "/api/runners/7")];
        assert_eq!(original_of("GET", "/forward-auth", &traefik).unwrap(), "PUT /api/runners/7");
        for envoy in ["", "/orgs/acme"] {
            for target in ["/api/repos/7?a=b", "/", "/?a=b", "/forward-auth", "/orgs/globex/forward-auth/x"] {
                let asked = format!("{envoy}/forward-auth{target}");
                assert_eq!(original_of("DELETE", &asked, &[]).unwrap(), format!("DELETE {target}"));
            }
        }
    }

    #[test]
    fn the_router_is_left_out_for_these_routes_and_no_others() {
        let asked = |path: &str| is_forward_auth(&Method::GET, path);
        for path in [
            "/forward-auth",
            "/forward-auth/",
            "/forward-auth/orgs/x",
            "/orgs/acme/forward-auth",
            "/orgs/a/forward-auth/b",
        ] {
            assert!(asked(path) && !is_forward_auth(&Method::HEAD, path), "{path}");
        }
        for path in [
            "/",
            "/forward-authx",
            "/x/forward-auth",
            "/orgs/forward-auth",
            "/orgs//forward-auth",
            "/orgs/a/b/forward-auth",
        ] {
            assert!(!asked(path), "{path}");
        }
    }

    #[test]
    fn the_address_names_the_organization() {
        assert_eq!(address("/forward-auth"), (None, ""));
        assert_eq!(address("/forward-auth/orgs/acme/forward-auth/x"), (None, "/orgs/acme/forward-auth/x"));
        assert_eq!(address("/orgs/acme/forward-auth"), (Some("acme"), ""));
        assert_eq!(address("/orgs/acme/forward-auth/orgs/b/forward-auth?x"), (Some("acme"), "/orgs/b/forward-auth?x"));
        assert_eq!(address("/orgs/acme/forward-auth?x=/y"), (Some("acme"), "?x=/y"));
        // No name, and so nobody's.
        assert_eq!(address("/orgs/%61cme/forward-auth/"), (Some("%61cme"), "/"));
    }

    #[test]
    fn a_digest_is_there_once() {
        let hash = |lines: &[(&'static str, &'static str)], may_have_body| {
            let mut map = HeaderMap::new();
            for (name, line) in lines {
                map.append(*name, HeaderValue::from_static(line));
            }
            body_hash(&map, may_have_body)
        };
        const NAME: &str = "content-digest";
        const ONE: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        const BOTH: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:, \
            sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        const MIXED: &str = "sha-512=:AA==:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        assert_eq!(hash(&[], false), Ok(SignedRequest::NO_BODY));
        assert_eq!(hash(&[], true), Err(SignatureError::Digest));
        for may_have_body in [false, true] {
            assert_eq!(hash(&[(NAME, ONE)], may_have_body), Ok(SignedRequest::NO_BODY), "of nothing");
            for lines in [
                &[(NAME, ONE), (NAME, ONE)][..],
                &[(NAME, BOTH)],
                &[(NAME, MIXED)],
                &[(NAME, "sha-512=:AA==:")],
                &[(NAME, "sha-256=:AA==:")],
                &[(NAME, "sha-256=AA")],
                &[(NAME, "")],
                &[(NAME, ONE), ("repr-digest", ONE)],
                &[(NAME, ONE), ("digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")],
                &[("repr-digest", ONE)],
            ] {
                assert_eq!(hash(lines, may_have_body), Err(SignatureError::Digest), "{lines:?}");
            }
        }
    }

    #[test]
    fn a_body_is_told_of() {
        let tells = |name: &'static str, value: &'static str| {
            announces_body(&HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]))
        };
        for name in ["content-length", "x-original-content-length"] {
            assert!(tells(name, "2") && !tells(name, "0") && !tells(name, ""), "{name}");
        }
        for name in ["transfer-encoding", "x-original-transfer-encoding"] {
            assert!(tells(name, "chunked") && !tells(name, ""), "{name}");
        }
    }

    #[test]
    fn a_client_cannot_have_another_request_checked() {
        for (target, headers) in [
            // Through Envoy, with headers of its own.
            ("/forward-auth/api/runners", vec![("x-original-method", "GET"), ("x-original-uri", "/api/scans")]),
            // Through Traefik, with those of nginx.
            (
                "/forward-auth",
                vec![
                    ("x-forwarded-method", "DELETE"),
                    ("x-forwarded-uri", "/api/runners/7"),
                    ("x-original-method", "GET"),
                    ("x-original-uri", "/api/scans"),
                ],
            ),
            // The same header twice.
            ("/forward-auth", vec![("x-original-method", "GET"), ("x-original-uri", "/a"), ("x-original-uri", "/b")]),
            // Through Envoy, to the root.
            ("/forward-auth/", vec![("x-original-method", "GET"), ("x-original-uri", "/api/scans")]),
            ("/orgs/acme/forward-auth/", vec![("x-forwarded-method", "GET"), ("x-forwarded-uri", "/api/scans")]),
            // nginx with a slash too many: the target that it means is not the one that we read.
            ("/forward-auth/", vec![("x-original-method", "GET"), ("x-original-uri", "/api/scans?x=1")]),
            // The method alone.
            (
                "/forward-auth",
                vec![
                    ("x-forwarded-method", "DELETE"),
                    ("x-forwarded-uri", "/a"),
                    ("x-original-method", "GET"),
                    ("x-original-uri", "/a"),
                ],
            ),
        ] {
            assert_eq!(original_of("GET", target, &headers), Err("ambiguous-request".to_owned()), "{headers:?}");
        }
        let half = [("x-original-method", "x-original-uri"), ("x-forwarded-method", "x-forwarded-uri")];
        for (method, target) in half {
            for headers in [&[(method, "GET")][..], &[(target, "/a")]] {
                for at in ["/forward-auth", "/forward-auth?x", "/forward-auth/a", "/orgs/acme/forward-auth"] {
                    let refused = original_of("GET", at, headers);
                    assert_eq!(refused, Err("no-original-request".to_owned()), "{at} {headers:?}");
                }
            }
        }
        assert_eq!(original_of("GET", "/forward-auth", &[]), Err("no-original-request".to_owned()));
    }
}
