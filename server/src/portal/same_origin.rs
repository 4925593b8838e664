//! Refuses cross-site writes.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use latchkey_app::portal::Portal;
use url::{Origin, Url};

/// Lets a state-changing request through only if the browser says that it comes from this site: by `Sec-Fetch-Site`
/// (Fetch Metadata), by `Origin` (RFC 6454), or by both, which must agree. Neither header can be set by a page.
pub(super) async fn layer(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || is_same_origin(request.headers(), request.uri(), &portal.site.public_url) {
        return next.run(request).await;
    }
    let text = "This request came from another site, or from a client that does not say where it comes from. \
                Nothing was changed. Go back to have what you typed.\n\n\
                If you run this instance and it was a page of its own: LATCHKEY_PUBLIC_URL has to be the address that \
                browsers use, with https:// where they use it.\n";
    (StatusCode::FORBIDDEN, text).into_response()
}

fn is_same_origin(headers: &HeaderMap, uri: &Uri, public_url: &str) -> bool {
    let (Ok(site), Ok(origin)) =
        (only(headers, HeaderName::from_static("sec-fetch-site")), only(headers, header::ORIGIN))
    else {
        return false;
    };
    // `none`: typed or reloaded by the person, which no page can cause.
    let from_here = site.map(|site| matches!(site, "same-origin" | "none"));
    let from_us = origin.map(|origin| parse(origin).is_some_and(|origin| is_ours(&origin, headers, uri, public_url)));
    match (from_here, from_us) {
        (None, None) => false,
        (from_here, from_us) => from_here.unwrap_or(true) && from_us.unwrap_or(true),
    }
}

/// The origin of the public URL, whole. Where that is plain http, and so perhaps the default, any name of this server
/// will do that the browser has asked for by plain http.
fn is_ours(origin: &Origin, headers: &HeaderMap, uri: &Uri, public_url: &str) -> bool {
    if parse(public_url).as_ref() == Some(origin) {
        return true;
    }
    // HTTP/2 has `:authority` instead of `Host`.
    let host =
        only(headers, header::HOST).ok().flatten().or_else(|| uri.authority().map(|authority| authority.as_str()));
    public_url.starts_with("http://")
        && host.is_some_and(|host| parse(&["http://", host].concat()).as_ref() == Some(origin))
}

/// The value of a header that may be there once: who sends two is not asked which one counts.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

/// Scheme, host and port, and nothing but them. `null`, with which browsers hide an origin, is none.
fn parse(text: &str) -> Option<Origin> {
    let (_, authority) = text.split_once("://")?;
    let bare = authority.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\?#@".contains(&byte));
    let url = Url::parse(text).ok().filter(|url| bare && matches!(url.scheme(), "http" | "https"))?;
    Some(url.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "https://tokens.example.com";

    fn same(public_url: &str, pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        is_same_origin(&headers, &Uri::from_static("/login"), public_url)
    }

    #[test]
    fn attacks_are_refused() {
        assert!(!same(PUBLIC, &[]));
        for site in ["cross-site", "same-site", "same-origin, cross-site", "Same-Origin", "unheard-of", ""] {
            assert!(!same(PUBLIC, &[("sec-fetch-site", site)]), "{site}");
            assert!(!same(PUBLIC, &[("sec-fetch-site", site), ("origin", PUBLIC)]), "{site}");
        }
        for origin in [
            "null",
            "",
            "https://evil.example",
            "http://tokens.example.com",
            "http://tokens.example.com:443",
            "https://tokens.example.com:8443",
            "https://tokens.example.com:80",
            "https://tokens.example.com.",
            "https://tokens.example.com.evil.example",
            "https://tokens.example.com/",
            "https://tokens.example.com/a",
            "https://tokens.example.com@evil.example",
            "https://evil.example@tokens.example.com",
            "https://tokens.example.com, https://evil.example",
            "https://evil.example https://tokens.example.com",
            "ftp://tokens.example.com",
            "wss://tokens.example.com",
            "tokens.example.com",
            "//tokens.example.com",
            "https:tokens.example.com",
            "https://xn--tokens.example.com",
        ] {
            assert!(!same(PUBLIC, &[("origin", origin), ("host", "tokens.example.com")]), "{origin}");
            let both = [("origin", origin), ("host", "tokens.example.com"), ("sec-fetch-site", "same-origin")];
            assert!(!same(PUBLIC, &both), "{origin}: the two must agree");
        }
        // Whoever gets a second header in does not choose.
        assert!(!same(PUBLIC, &[("origin", PUBLIC), ("origin", "https://evil.example")]));
        assert!(!same(PUBLIC, &[("origin", PUBLIC), ("origin", PUBLIC)]));
        assert!(!same(PUBLIC, &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]));
        // Behind https, another name of the host is another site.
        assert!(!same(PUBLIC, &[("origin", "https://other.example.com"), ("host", "other.example.com")]));
    }

    #[test]
    fn a_plain_deployment_compares_the_scheme_too() {
        let plain = "http://127.0.0.1:3000";
        assert!(same(plain, &[("origin", "http://localhost:3000"), ("host", "localhost:3000")]));
        assert!(same(plain, &[("origin", "http://keys.internal"), ("host", "keys.internal:80")]));
        for (origin, host) in [
            ("https://localhost:3000", "localhost:3000"),
            ("https://keys.internal", "keys.internal"),
            ("http://localhost:3001", "localhost:3000"),
            ("http://localhost", "localhost:3000"),
            ("http://localhost.:3000", "localhost:3000"),
            ("null", "null"),
            ("http://keys.internal", "evil@keys.internal"),
        ] {
            assert!(!same(plain, &[("origin", origin), ("host", host)]), "{origin} {host}");
        }
        let two_hosts = [("origin", "http://a.example"), ("host", "a.example"), ("host", "b.example")];
        assert!(!same(plain, &two_hosts));
    }

    #[test]
    fn the_portal_itself_is_let_through() {
        assert!(same(PUBLIC, &[("sec-fetch-site", "same-origin")]));
        assert!(same(PUBLIC, &[("sec-fetch-site", "none")]));
        for origin in [PUBLIC, "https://tokens.example.com:443", "HTTPS://Tokens.Example.COM"] {
            assert!(same(PUBLIC, &[("origin", origin)]), "{origin}: the same, in the form of RFC 6454 or not");
            // A proxy may ask by a name of its own.
            assert!(same(PUBLIC, &[("origin", origin), ("host", "latchkey:3000"), ("sec-fetch-site", "same-origin")]));
        }
        assert!(same("https://xn--mnchen-3ya.example", &[("origin", "https://xn--mnchen-3ya.example")]));
        assert!(same("http://127.0.0.1:3000", &[("origin", "http://127.0.0.1:3000"), ("host", "127.0.0.1:3000")]));
        assert!(same("http://[::1]:3000", &[("origin", "http://[::1]:3000"), ("host", "[::1]:3000")]));
    }
}
