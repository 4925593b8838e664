//! What `POST /api/verify` is asked, and what can be wrong with it.

use std::net::IpAddr;

use axum::http::Method;
use latchkey_api_types::{RequestToDecide, SignatureHeaders};
use latchkey_domain::{Catalogue, Scope, Signature, SignatureError, SignedRequest, from_hex, may_have_body};
use latchkey_service::{Error, FieldError};

/// Longest path, token and so on, in characters.
const TEXT_MAX: usize = 4_096;

/// A question that can be answered.
pub(super) struct Question<'a> {
    /// What the route file is asked about.
    pub(super) request: Option<(&'a str, &'a str)>,
    pub(super) scope: Option<Scope>,
    pub(super) address: Option<IpAddr>,
    pub(super) signature: Result<Option<(Signature, SignedRequest<'a>)>, SignatureError>,
}

/// The question, or everything that is wrong with it. One that is asked in part is wrong: the rest of it may be what
/// would have been refused.
pub(super) fn read<'a>(asked: &'a RequestToDecide, catalogue: &Catalogue) -> Result<Question<'a>, Error> {
    let mut errors = Vec::new();
    let mut wrong = |field, message: String| errors.push(FieldError { field, message });
    let signed = asked.signature.as_ref();
    for (field, text) in [
        ("signature", signed.and_then(|signed| signed.method.as_deref())),
        ("signature", signed.and_then(|signed| signed.path.as_deref())),
        ("token", Some(asked.token.reveal())),
        ("userAgent", Some(&*asked.user_agent)),
        ("method", asked.method.as_deref()),
        ("path", asked.path.as_deref()),
        ("repository", asked.repository.as_deref()),
        ("organization", asked.organization.as_deref()),
    ] {
        if text.is_some_and(|text| text.chars().count() > TEXT_MAX) {
            wrong(field, format!("must have at most {TEXT_MAX} characters"));
        }
    }
    for (field, text) in [("repository", &asked.repository), ("organization", &asked.organization)] {
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            wrong(field, "must not be empty".to_owned());
        }
    }
    match (&asked.scope, &asked.method, &asked.path) {
        (_, Some(_), None) => wrong("path", "is missing: a method is asked about with its path".to_owned()),
        (_, None, Some(_)) => wrong("method", "is missing: a path is asked about with its method".to_owned()),
        (None, None, None) => wrong("scope", "is missing: ask for a scope, or about a method and path".to_owned()),
        _ => {}
    }
    let is_method = |method: &String| Method::from_bytes(method.as_bytes()).is_ok();
    if !asked.method.as_ref().is_none_or(is_method) {
        wrong("method", "must be a method of HTTP".to_owned());
    }
    if !asked.path.as_ref().is_none_or(|path| path.starts_with('/')) {
        wrong("path", "must begin with /, as it stood in the request".to_owned());
    }
    let mut scope = None;
    match asked.scope.as_deref().map(|scope| catalogue.choose([scope])).transpose() {
        Ok(_) => scope = asked.scope.as_deref().map(Scope::stored),
        Err(error) => wrong("scope", error.to_string()),
    }
    let address = asked.address.as_deref().map(str::parse).transpose().unwrap_or_else(|_| {
        wrong("address", "must be an IP address".to_owned());
        None
    });
    let body_hash = asked.body_hash.as_deref().map_or(Some(SignedRequest::NO_BODY), from_hex);
    let body_hash = body_hash.unwrap_or_else(|| {
        wrong("bodyHash", "must have 64 hexadecimal digits".to_owned());
        SignedRequest::NO_BODY
    });
    let mut signature = Ok(None);
    if let Some(headers) = &asked.signature {
        let SignatureHeaders { signature: text, timestamp, nonce, method, path } = headers;
        match (method.as_ref().or(asked.method.as_ref()), path.as_ref().or(asked.path.as_ref())) {
            // A body that nobody names may be there all the same.
            (Some(method), Some(_)) if asked.body_hash.is_none() && may_have_body(method) => {
                wrong("bodyHash", format!("is missing: a signed {method} names it, also of nothing"));
            }
            (Some(method), Some(target)) => {
                let read = Signature::from_headers(Some(text), Some(timestamp), Some(nonce));
                let request = SignedRequest { method, target, body_hash };
                signature = read.map(|read| read.map(|read| (read, request)));
            }
            _ => wrong("signature", "is of a method and path: send both".to_owned()),
        }
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let request = asked.method.as_deref().zip(asked.path.as_deref());
    Ok(Question { request, scope, address, signature })
}
