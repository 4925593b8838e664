//! What `POST /api/verify` is asked, and what can be wrong with it.

use std::net::IpAddr;

use axum::http::Method;
use latchkey_domain::{Catalogue, Pin, Scope, Signature, SignatureError, SignedRequest, from_hex, may_have_body};
use latchkey_service::{Error, FieldError};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::schema;

/// Longest path, token and so on, in characters.
const TEXT_MAX: usize = 4_096;

/// A request to decide about: `scope`, or `method` and `path` together; all that is named must hold.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RequestToDecide)]
pub(crate) struct Asked {
    /// What came in `Authorization: Bearer`.
    #[schema(max_length = 4096)]
    pub(super) token: String,
    /// With `path`: what the route file says of them must hold.
    #[schema(max_length = 4096, pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    method: Option<String>,
    /// Path with query, as it was received.
    #[schema(max_length = 4096, pattern = "^/")]
    path: Option<String>,
    /// What the token must have.
    #[schema(value_type = Option<schema::Scope>)]
    scope: Option<String>,
    /// Id or full name of what the token must reach.
    #[schema(min_length = 1, max_length = 4096)]
    pub(super) repository: Option<String>,
    /// What the request itself names, in `latchkey-organization`: needed of instance tokens. It decides nothing.
    #[schema(min_length = 1, max_length = 4096)]
    pub(super) organization: Option<String>,
    /// Which organizations it may be about. An instance token that asks must say so, unless there is but one.
    #[schema(value_type = Option<schema::Organizations>)]
    pub(super) organizations: Option<Pin>,
    /// Where the request came from, for allowed networks and the last use.
    #[schema(value_type = Option<schema::Address>)]
    address: Option<String>,
    #[serde(default)]
    #[schema(max_length = 4096)]
    pub(super) user_agent: String,
    signature: Option<SignatureHeaders>,
    /// SHA-256 of the body in hexadecimal. With a signature of a POST, PUT or PATCH it must be there; of others, none means
    /// that there is no body.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    body_hash: Option<String>,
}

/// The three headers of a signed request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureHeaders {
    signature: String,
    timestamp: String,
    nonce: String,
    /// What was signed, when the question is not about it; else that of the question.
    #[schema(max_length = 4096)]
    method: Option<String>,
    #[schema(max_length = 4096)]
    path: Option<String>,
}

/// A question that can be answered.
pub(super) struct Question<'a> {
    /// What the route file is asked about.
    pub(super) request: Option<(&'a str, &'a str)>,
    pub(super) scope: Option<Scope>,
    pub(super) address: Option<IpAddr>,
    pub(super) signature: Result<Option<(Signature, SignedRequest<'a>)>, SignatureError>,
}

impl Asked {
    /// The question, or everything that is wrong with it. One that is asked in part is wrong: the rest of it may be what
    /// would have been refused.
    pub(super) fn read(&self, catalogue: &Catalogue) -> Result<Question<'_>, Error> {
        let mut errors = Vec::new();
        let mut wrong = |field, message: String| errors.push(FieldError { field, message });
        let signed = self.signature.as_ref();
        for (field, text) in [
            ("signature", signed.and_then(|signed| signed.method.as_ref())),
            ("signature", signed.and_then(|signed| signed.path.as_ref())),
            ("token", Some(&self.token)),
            ("userAgent", Some(&self.user_agent)),
            ("method", self.method.as_ref()),
            ("path", self.path.as_ref()),
            ("repository", self.repository.as_ref()),
            ("organization", self.organization.as_ref()),
        ] {
            if text.is_some_and(|text| text.chars().count() > TEXT_MAX) {
                wrong(field, format!("must have at most {TEXT_MAX} characters"));
            }
        }
        for (field, text) in [("repository", &self.repository), ("organization", &self.organization)] {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                wrong(field, "must not be empty".to_owned());
            }
        }
        match (&self.scope, &self.method, &self.path) {
            (_, Some(_), None) => wrong("path", "is missing: a method is asked about with its path".to_owned()),
            (_, None, Some(_)) => wrong("method", "is missing: a path is asked about with its method".to_owned()),
            (None, None, None) => wrong("scope", "is missing: ask for a scope, or about a method and path".to_owned()),
            _ => {}
        }
        let is_method = |method: &String| Method::from_bytes(method.as_bytes()).is_ok();
        if !self.method.as_ref().is_none_or(is_method) {
            wrong("method", "must be a method of HTTP".to_owned());
        }
        if !self.path.as_ref().is_none_or(|path| path.starts_with('/')) {
            wrong("path", "must begin with /, as it stood in the request".to_owned());
        }
        let mut scope = None;
        match self.scope.as_deref().map(|scope| catalogue.choose([scope])).transpose() {
            Ok(_) => scope = self.scope.as_deref().map(Scope::stored),
            Err(error) => wrong("scope", error.to_string()),
        }
        let address = self.address.as_deref().map(str::parse).transpose().unwrap_or_else(|_| {
            wrong("address", "must be an IP address".to_owned());
            None
        });
        let body_hash = self.body_hash.as_deref().map_or(Some(SignedRequest::NO_BODY), from_hex);
        let body_hash = body_hash.unwrap_or_else(|| {
            wrong("bodyHash", "must have 64 hexadecimal digits".to_owned());
            SignedRequest::NO_BODY
        });
        let mut signature = Ok(None);
        if let Some(headers) = &self.signature {
            let SignatureHeaders { signature: text, timestamp, nonce, method, path } = headers;
            match (method.as_ref().or(self.method.as_ref()), path.as_ref().or(self.path.as_ref())) {
                // A body that nobody names may be there all the same.
                (Some(method), Some(_)) if self.body_hash.is_none() && may_have_body(method) => {
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
        let request = self.method.as_deref().zip(self.path.as_deref());
        Ok(Question { request, scope, address, signature })
    }
}
