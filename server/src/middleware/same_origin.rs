//! Cross-site requests change nothing.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use latchkey_app::portal::Portal;

/// Lets a state-changing request through only if the browser says that it comes from this site: by `Sec-Fetch-Site`
/// (Fetch Metadata), or by `Origin` (RFC 6454) where a browser does not send that. Neither header can be set by a page.
pub(crate) async fn layer(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || is_same_origin(request.headers(), &portal.site.public_url) {
        return next.run(request).await;
    }
    let text = "This request came from another site, or from a client that does not say where it comes from. \
                Nothing was changed.\n";
    (StatusCode::FORBIDDEN, text).into_response()
}

fn is_same_origin(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site") {
        // `none`: typed or reloaded by the person, which no page can cause.
        return matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), _) if origin == public_url => true,
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, authority)| authority == host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_same_origin(&headers, "https://tokens.example.com")
    }

    #[test]
    fn attacks_are_refused() {
        assert!(!same(&[]));
        assert!(!same(&[("sec-fetch-site", "cross-site")]));
        assert!(!same(&[("sec-fetch-site", "same-site")]));
        assert!(!same(&[("sec-fetch-site", "cross-site"), ("origin", "https://tokens.example.com")]));
        assert!(!same(&[("origin", "https://evil.example"), ("host", "tokens.example.com")]));
        assert!(!same(&[("origin", "null"), ("host", "tokens.example.com")]));
        assert!(!same(&[("origin", "https://tokens.example.com.evil.example"), ("host", "tokens.example.com")]));
    }

    #[test]
    fn the_portal_itself_is_let_through() {
        assert!(same(&[("sec-fetch-site", "same-origin")]));
        assert!(same(&[("origin", "https://tokens.example.com")]));
        assert!(same(&[("origin", "http://127.0.0.1:3000"), ("host", "127.0.0.1:3000")]));
    }
}
