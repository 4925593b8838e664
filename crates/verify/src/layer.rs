use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use latchkey_api_types::{RequestToDecide, SignatureHeaders};
use latchkey_domain::{SignedRequest, client_address, sha256, to_hex};
use tower::{Layer, Service};

use crate::Verifier;
use crate::rejection::Rejection;

/// Largest body that is read to check a signature, in bytes.
const BODY_MAX: usize = 1024 * 1024;

/// What a request must be allowed to do.
#[derive(Clone)]
enum Requirement {
    /// What Latchkey's route file says of its method and path.
    Routes,
    /// This scope, and the repository that a function finds in the path.
    Scope(&'static str, Option<FindRepository>),
}

/// Finds the repository, by id or full name, in a path.
type FindRepository = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// A tower layer that passes requests on only if their token may do what they ask for.
#[derive(Clone)]
pub struct VerifyLayer {
    verifier: Verifier,
    requirement: Requirement,
}

/// A service behind a [`VerifyLayer`].
#[derive(Clone)]
pub struct VerifyService<S> {
    inner: S,
    layer: VerifyLayer,
}

impl Verifier {
    /// A layer that asks for what Latchkey's route file says of each method and path.
    pub fn by_routes(&self) -> VerifyLayer {
        VerifyLayer { verifier: self.clone(), requirement: Requirement::Routes }
    }

    /// A layer that asks for a scope.
    pub fn scope(&self, scope: &'static str) -> VerifyLayer {
        VerifyLayer { verifier: self.clone(), requirement: Requirement::Scope(scope, None) }
    }

    /// A layer that asks for a scope and for the repository that `find` reads from the path. A path in which it finds
    /// none is refused.
    pub fn scope_and_repository(
        &self,
        scope: &'static str,
        find: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> VerifyLayer {
        VerifyLayer { verifier: self.clone(), requirement: Requirement::Scope(scope, Some(Arc::new(find))) }
    }
}

impl<S> Layer<S> for VerifyLayer {
    type Service = VerifyService<S>;

    fn layer(&self, inner: S) -> VerifyService<S> {
        VerifyService { inner, layer: self.clone() }
    }
}

impl<S> Service<Request> for VerifyService<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that is ready is used, its copy is left for the next call.
        let copy = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, copy);
        let layer = self.layer.clone();
        Box::pin(async move {
            match layer.check(request).await {
                Ok(request) => ready.call(request).await,
                Err(rejection) => Ok(rejection.into_response()),
            }
        })
    }
}

impl VerifyLayer {
    /// The request with [`Verified`](crate::Verified) in its extensions.
    async fn check(&self, request: Request) -> Result<Request, Rejection> {
        let (mut parts, mut body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let (scope, repository) = match &self.requirement {
            Requirement::Routes => (None, None),
            Requirement::Scope(scope, None) => (Some(*scope), None),
            Requirement::Scope(scope, Some(find)) => match find(parts.uri.path()) {
                Some(repository) => (Some(*scope), Some(repository)),
                None => return Err(Rejection::new(403, "no-repository", "The path names no repository")),
            },
        };
        let signature = signature(&parts.headers, parts.method.as_str(), &path)?;
        let mut body_hash = SignedRequest::NO_BODY;
        if signature.is_some() {
            let bytes = to_bytes(body, BODY_MAX).await;
            let bytes = bytes.map_err(|_| Rejection::new(403, "too-large", "A signed body has at most 1 MiB"))?;
            body_hash = sha256(&bytes);
            digest(&parts.headers, body_hash)?;
            body = Body::from(bytes);
        }
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let by_routes = matches!(self.requirement, Requirement::Routes);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let lines = parts.headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes);
        let address = peer.and_then(|peer| client_address(peer, lines, self.verifier.trusted_proxies.as_deref()));
        let request = RequestToDecide {
            token: bearer(&parts.headers)?.into(),
            // The route file is asked only where it is to decide: paths of a service of its own are unknown to it.
            method: by_routes.then(|| parts.method.as_str().to_owned()),
            path: by_routes.then_some(path),
            scope: scope.map(str::to_owned),
            repository,
            organization: organization(&parts.headers)?.map(str::to_owned),
            organizations: None,
            address: address.map(|address| address.to_string()),
            user_agent: user_agent.unwrap_or_default().to_owned(),
            signature,
            body_hash: Some(to_hex(&body_hash)),
        };
        let verified = self.verifier.verify(request).await?;
        parts.extensions.insert(verified);
        Ok(Request::from_parts(parts, body))
    }
}

/// The bearer of the header (RFC 6750, section 2.1), never one from the query; empty when there is none.
fn bearer(headers: &HeaderMap) -> Result<&str, Rejection> {
    let credential = single(headers, AUTHORIZATION.as_str(), "credential")?.and_then(|text| text.split_once(' '));
    let bearer = credential.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Ok(bearer.map(|(_, bearer)| bearer.trim()).unwrap_or_default())
}

/// What the headers name; what can't be read names none that there is.
fn organization(headers: &HeaderMap) -> Result<Option<&str>, Rejection> {
    let [ours, theirs] =
        ["latchkey-organization", "chainloop-organization"].map(|name| single(headers, name, "organization"));
    match (ours?, theirs?) {
        (Some(one), Some(other)) if one != other => Err(ambiguous("organization")),
        (one, other) => Ok(one.or(other)),
    }
}

/// The value of a header that may be there once; empty for one that can't be read. As Latchkey, nothing is decided by
/// which of several came first, nor by what a proxy has joined with commas.
fn single<'a>(headers: &'a HeaderMap, name: &str, what: &str) -> Result<Option<&'a str>, Rejection> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) if !line.as_bytes().contains(&b',') => Ok(Some(line.to_str().unwrap_or_default())),
        (None, _) => Ok(None),
        _ => Err(ambiguous(what)),
    }
}

/// What a signed request says of its body must be so, and in one way: a handler may read it.
fn digest(headers: &HeaderMap, body_hash: [u8; 32]) -> Result<(), Rejection> {
    let right = format!("sha-256=:{}:", STANDARD.encode(body_hash));
    let said = headers.get_all("content-digest").iter().collect::<Vec<_>>();
    let other = headers.contains_key("repr-digest") || headers.contains_key("digest");
    match said.as_slice() {
        [] if !other => Ok(()),
        [one] if !other && one.as_bytes() == right.as_bytes() => Ok(()),
        _ => Err(Rejection::new(
            401,
            "signature",
            "Content-Digest must be the SHA-256 of the body, once, and the only digest",
        )),
    }
}

fn ambiguous(what: &str) -> Rejection {
    let detail = format!("The request has more than one {what}, or headers for it that differ; send one");
    Rejection::new(400, "ambiguous-request", &detail)
}

/// The three headers as they came, and what they sign. One that is missing, unreadable or there twice is refused.
fn signature(headers: &HeaderMap, method: &str, path: &str) -> Result<Option<SignatureHeaders>, Rejection> {
    let names = ["x-cli-signature", "x-cli-timestamp", "x-cli-nonce"];
    if names.iter().all(|name| !headers.contains_key(*name)) {
        return Ok(None);
    }
    let read = |name: &str| {
        let mut values = headers.get_all(name).iter();
        match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
            (Some(value), None) => Ok(value.to_owned()),
            _ => Err(Rejection::new(401, "signature", "A signed request has each of the three headers once")),
        }
    };
    let [signature, timestamp, nonce] = names.map(read);
    Ok(Some(SignatureHeaders {
        signature: signature?,
        timestamp: timestamp?,
        nonce: nonce?,
        method: Some(method.to_owned()),
        path: Some(path.to_owned()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_says_what_the_body_is_or_nothing() {
        const NOTHING: [u8; 32] = SignedRequest::NO_BODY;
        const RIGHT: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        const WRONG: &str = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
        let holds = |lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            digest(&headers, NOTHING).is_ok()
        };
        assert!(holds(&[]) && holds(&[("content-digest", RIGHT)]));
        for lines in [
            &[("content-digest", WRONG)][..],
            &[("content-digest", RIGHT), ("content-digest", RIGHT)],
            &[("content-digest", RIGHT), ("repr-digest", RIGHT)],
            &[("digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")],
            &[("content-digest", "sha-512=:AA==:")],
            &[("content-digest", "")],
        ] {
            assert!(!holds(lines), "{lines:?}");
        }
    }
}
