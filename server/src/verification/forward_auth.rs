//! `/forward-auth`: a proxy asks whether a request may pass.
//!
//! Where the request's method and target stand depends on the proxy: nginx is told to send `X-Original-Method` and
//! `X-Original-URI` (its ingress sends `X-Original-URL`), Traefik and Caddy send `X-Forwarded-Method` and
//! `X-Forwarded-Uri`, Envoy uses the request's own method and puts its target below `/forward-auth`. A client can send
//! any of these headers itself, so all that are there must say the same.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use latchkey_domain::{NoRule, OriginalError, OriginalRequest, SignatureError, SignedRequest};
use latchkey_service::{Allowed, Demand, Denial, Error, Origin, Presented, Refusal};

use super::Verification;
use super::signed;
use crate::middleware::context;
use crate::rest::credential::{bearer, named_organization};
use crate::rest::openapi;
use crate::rest::problem::{Problem, complete_now};

const PREFIX: &str = "/forward-auth";

/// The request that the proxy has received, as nginx is told to tell it.
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

/// Decides for a proxy.
///
/// Whether the request that the proxy has received may pass, by its token and the rules of the routes. Any method is
/// taken; Envoy puts the path below `/forward-auth`. Where the method and path come in several places, all must agree.
/// A refusal names its reason in `X-Latchkey-Reason`.
#[utoipa::path(
    get, path = "/forward-auth", operation_id = "forwardAuth", tag = "Verification",
    params(OriginalHeaders, openapi::OrganizationHeader),
    responses(
        (status = 200, description = "It may; headers say who it is", headers(
            ("X-Latchkey-Token-Id" = String, description = "Id of the token"),
            ("X-Latchkey-Organization" = String, description = "The organization that it acts on"),
            ("X-Latchkey-Project" = String, description = "The project that it is confined to, if any"),
            ("X-Latchkey-Scopes" = String, description = "All that it has, with spaces between"),
            ("X-Latchkey-Repository" = String, description = "Id of the repository that the path names, if any"),
        )),
        (status = 400, description = "The proxy does not tell what it has received"),
    ),
)]
pub(crate) async fn forward_auth(State(state): State<Verification>, request: Request) -> Response {
    // Not as an extractor, which would copy the headers.
    let (parts, _) = request.into_parts();
    let uri = &parts.uri;
    let own_target = uri.path_and_query().map_or("", |target| target.as_str());
    let origin = context::origin(&state.context, &parts, "");
    let started = Instant::now();
    match decide(&state, own_target, &parts, &origin).await {
        Ok(allowed) => {
            state.metrics.allowed(started.elapsed());
            passed(&allowed)
        }
        Err(problem) => {
            let problem = problem.for_proxy();
            state.metrics.refused(problem.status().as_u16(), problem.kind(), started.elapsed());
            complete_now(problem, own_target, &state.context.service.request_id())
        }
    }
}

async fn decide(state: &Verification, own_target: &str, parts: &Parts, origin: &Origin) -> Result<Allowed, Problem> {
    let original = original(&parts.method, own_target, &parts.headers).map_err(unclear)?;
    let (bearer, organization) = (bearer(&parts.headers)?, named_organization(&parts.headers)?);
    let signature = signed::signature(&parts.headers).map_err(|error| Error::from(Refusal::Signature(error)))?;
    let signature = match &signature {
        None => None,
        Some(signature) => {
            let body_hash = body_hash(&parts.headers).map_err(|error| Error::from(Refusal::Signature(error)))?;
            let request = SignedRequest { method: original.method.as_str(), target: &original.target, body_hash };
            Some((signature, request))
        }
    };
    let needed = state.routes.needed(&original.method, &original.target).map_err(|reason| match reason {
        NoRule::Unmatched => Problem::from(Error::from(Denial::NoRoute)),
        NoRule::Ambiguous => ambiguous("The path can be read in more than one way; send it in its plain form"),
    })?;
    let organization = organization.transpose()?.map(str::to_owned);
    let demand = Demand { scope: needed.scope, repository: needed.repository, organization };
    Ok(state.portal.service.verify(&Presented { bearer, origin, signature }, &demand).await?)
}

fn unclear(error: OriginalError) -> Problem {
    match error {
        OriginalError::Ambiguous => ambiguous(&error.to_string()),
        OriginalError::NoMethod | OriginalError::Missing => {
            Problem::new(StatusCode::BAD_REQUEST, "no-original-request", error.to_string())
        }
    }
}

fn ambiguous(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "ambiguous-request", detail)
}

/// The request that the proxy was asked for, from all places where it may stand.
fn original(own_method: &Method, own_target: &str, headers: &HeaderMap) -> Result<OriginalRequest, OriginalError> {
    let mut places = Vec::new();
    for (method, target) in [
        ("x-original-method", "x-original-uri"),
        ("x-original-method", "x-original-url"),
        ("x-forwarded-method", "x-forwarded-uri"),
    ] {
        if let Some(target) = single(headers, target)? {
            places.push((single(headers, method)?, target));
        }
    }
    let below = own_target.strip_prefix(PREFIX).unwrap_or_default();
    if below.starts_with('/') && below != "/" {
        places.push((Some(own_method.as_str()), below));
    }
    OriginalRequest::agreed(places)
}

/// A header's value; one that is there twice contradicts itself.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, OriginalError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(OriginalError::Ambiguous);
    }
    first.map(|value| value.to_str().map_err(|_| OriginalError::Ambiguous)).transpose()
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
            Ok(OriginalRequest { method, target }) => Ok(format!("{method} {target}")),
            Err(error) => Err(unclear(error).kind().to_owned()),
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
