use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

/// Why a request is not let through, and what it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// 400, 401, 403 or 503.
    pub(crate) status: u16,
    /// A word such as `token-revoked`; `unavailable` when Latchkey did not tell.
    pub(crate) reason: String,
    /// The same for people.
    pub(crate) detail: String,
    /// The scope that is missing, if that is why.
    pub(crate) missing_scope: Option<String>,
}

impl Rejection {
    pub(crate) fn new(status: u16, reason: &str, detail: &str) -> Self {
        Self { status, reason: reason.to_owned(), detail: detail.to_owned(), missing_scope: None }
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(503, "unavailable", "Tokens can't be checked for a moment")
    }
}

impl IntoResponse for Rejection {
    /// A problem document (RFC 9457) with the challenge of RFC 6750.
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "type": format!("urn:latchkey:problem:{}", self.reason),
            "status": self.status,
            "detail": self.detail,
            "missing_scope": self.missing_scope,
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let challenge = match (self.status, &self.missing_scope) {
            (401, _) => Some("Bearer realm=\"latchkey\", error=\"invalid_token\"".to_owned()),
            (403, Some(scope)) => {
                Some(format!("Bearer realm=\"latchkey\", error=\"insufficient_scope\", scope=\"{scope}\""))
            }
            _ => None,
        };
        if let Some(value) = challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(WWW_AUTHENTICATE, value);
        }
        response
    }
}
