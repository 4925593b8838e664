//! `/forward-auth`: a proxy asks whether a request may pass.
//!
//! Where the request's method and target stand depends on the proxy: nginx is told to send `X-Original-Method` and
//! `X-Original-URI` (its ingress sends `X-Original-URL`), Traefik and Caddy send `X-Forwarded-Method` and
//! `X-Forwarded-Uri`, Envoy uses the request's own method and puts its target below `/forward-auth`. A client can send
//! any of these headers itself, so all that are there must say the same.

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use latchkey_domain::{SignatureError, SignedRequest};
use latchkey_service::{Allowed, Denial, Error, Origin, Presented, Refusal};

use super::Verification;
use super::routes::NoRule;
use super::signed;
use crate::middleware::context;
use crate::rest::credential::{bearer, named_organization};
use crate::rest::problem::{Problem, complete_now};

const PREFIX: &str = "/forward-auth";

/// What the proxy was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Original {
    method: Method,
    /// Path with query.
    target: String,
}

/// Why it is not clear what the proxy was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unclear {
    /// It says two things.
    Ambiguous(&'static str),
    /// It says nothing, or what can't be read.
    Missing(&'static str),
}

impl From<Unclear> for Problem {
    fn from(unclear: Unclear) -> Self {
        match unclear {
            Unclear::Ambiguous(detail) => Self::new(StatusCode::FORBIDDEN, "ambiguous-request", detail),
            Unclear::Missing(detail) => Self::new(StatusCode::BAD_REQUEST, "no-original-request", detail),
        }
    }
}

/// Answers 200 with who it is, or 401 or 403 with the reason.
pub(crate) async fn forward_auth(State(state): State<Verification>, request: Request) -> Response {
    // Not as an extractor, which would copy the headers.
    let (parts, _) = request.into_parts();
    let uri = &parts.uri;
    let own_target = uri.path_and_query().map_or("", |target| target.as_str());
    let origin = context::origin(&state.context, &parts, "");
    match decide(&state, own_target, &parts, &origin).await {
        Ok(allowed) => passed(&allowed),
        Err(problem) => complete_now(problem, own_target, &state.context.service.request_id()),
    }
}

async fn decide(state: &Verification, own_target: &str, parts: &Parts, origin: &Origin) -> Result<Allowed, Problem> {
    let original = original(&parts.method, own_target, &parts.headers)?;
    let bearer = bearer(&parts.headers).ok_or(Error::from(Refusal::Missing))?;
    let signature = signed::signature(&parts.headers).map_err(|error| Error::from(Refusal::Signature(error)))?;
    let signature = match &signature {
        None => None,
        Some(signature) => {
            let body_hash = body_hash(&parts.headers).map_err(|error| Error::from(Refusal::Signature(error)))?;
            let request = SignedRequest { method: original.method.as_str(), target: &original.target, body_hash };
            Some((signature, request))
        }
    };
    let mut demand = state.routes.demand(&original.method, &original.target).map_err(|reason| match reason {
        NoRule::Unmatched => Problem::from(Error::from(Denial::NoRoute)),
        NoRule::Ambiguous => {
            Problem::from(Unclear::Ambiguous("The path can be read in more than one way; send it in its plain form"))
        }
    })?;
    demand.organization = named_organization(&parts.headers)?.map(str::to_owned);
    Ok(state.portal.service.verify(&Presented { bearer, origin, signature }, &demand).await?)
}

/// The request that the proxy was asked for, from all places where it may stand.
fn original(own_method: &Method, own_target: &str, headers: &HeaderMap) -> Result<Original, Unclear> {
    let mut found: Option<Original> = None;
    let mut agree = |original: Original| {
        if found.as_ref().is_some_and(|other| *other != original) {
            return Err(Unclear::Ambiguous("The headers that name the original request contradict each other"));
        }
        found = Some(original);
        Ok(())
    };
    for (method, target) in [
        ("x-original-method", "x-original-uri"),
        ("x-original-method", "x-original-url"),
        ("x-forwarded-method", "x-forwarded-uri"),
    ] {
        let Some(target) = single(headers, target)? else { continue };
        let method =
            single(headers, method)?.ok_or(Unclear::Missing("A header names the target, but none the method"))?;
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|_| Unclear::Missing("The original method is not one"))?;
        agree(Original { method, target: without_authority(target).to_owned() })?;
    }
    let below = own_target.strip_prefix(PREFIX).unwrap_or_default();
    if below.starts_with('/') && below != "/" {
        agree(Original { method: own_method.clone(), target: below.to_owned() })?;
    }
    found.ok_or(Unclear::Missing("The proxy does not say which request it asks about; see docs/forward-auth/README.md"))
}

/// A header's value; one that is there twice contradicts itself.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Unclear> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Unclear::Ambiguous("A header that names the original request is there twice"));
    }
    first.map(|value| value.to_str().map_err(|_| Unclear::Ambiguous("The original request is not ASCII"))).transpose()
}

/// The path and query of an absolute address.
fn without_authority(target: &str) -> &str {
    let rest = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://"));
    rest.map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]))
}

/// Proxies don't send the body. A client that signs one names its hash in `Content-Digest` (RFC 9530); the service
/// behind compares that with what it receives.
fn body_hash(headers: &HeaderMap) -> Result<[u8; 32], SignatureError> {
    let Some(value) = headers.get("content-digest") else { return Ok(SignedRequest::NO_BODY) };
    let digests = value.to_str().map_err(|_| SignatureError::Form)?.split(',').map(str::trim);
    let encoded = digests
        .filter_map(|digest| digest.strip_prefix("sha-256=:"))
        .find_map(|digest| digest.strip_suffix(':'))
        .ok_or(SignatureError::Form)?;
    let bytes = BASE64.decode(encoded).map_err(|_| SignatureError::Form)?;
    bytes.try_into().map_err(|_| SignatureError::Form)
}

fn passed(allowed: &Allowed) -> Response {
    let token = &allowed.token;
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    let mut tell = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes())
            && !value.is_empty()
        {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    tell("x-latchkey-token-id", &token.id.to_string());
    tell("x-latchkey-organization", allowed.organization.as_deref().unwrap_or_default());
    tell("x-latchkey-project", &token.project_name);
    tell("x-latchkey-scopes", &token.scopes.to_string());
    tell("x-latchkey-repository", &allowed.repository.map(|id| id.to_string()).unwrap_or_default());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original_of(method: &str, target: &str, headers: &[(&'static str, &'static str)]) -> Result<String, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        match original(&method.parse().unwrap(), target, &map) {
            Ok(Original { method, target }) => Ok(format!("{method} {target}")),
            Err(unclear) => Err(Problem::from(unclear).kind().to_owned()),
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
        assert_eq!(original_of("DELETE", "/forward-auth/api/repos/7?a=b", &[]).unwrap(), "DELETE /api/repos/7?a=b");
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
        assert_eq!(original_of("GET", "/forward-auth", &[]), Err("no-original-request".to_owned()));
        assert_eq!(original_of("GET", "/forward-auth/", &[]), Err("no-original-request".to_owned()));
    }
}
