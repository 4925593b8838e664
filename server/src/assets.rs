//! The built site (`dist/`), inside the binary; debug builds read the folder instead.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::state::ServerState;

#[derive(RustEmbed)]
#[folder = "../dist"]
#[allow_missing = true]
struct Dist;

/// The folder of the hashed assets, such as `pkg/3f2a…`, or `None` when the site was not built.
pub(crate) fn pkg_dir() -> Option<String> {
    let path = Dist::iter().find(|path| path.starts_with("pkg/"))?;
    let mut parts = path.splitn(3, '/');
    Some(format!("{}/{}", parts.next()?, parts.next()?))
}

/// Everything below `/pkg/`, and the files whose address is given.
pub(crate) fn router() -> Router<ServerState> {
    let plain = |name: &'static str| get(move |headers: HeaderMap| plain_file(name, headers));
    Router::new()
        .route("/pkg/{*path}", get(hashed))
        .route("/favicon.svg", plain("favicon.svg"))
        .route("/robots.txt", plain("robots.txt"))
        .route("/favicon.ico", get(|| async { (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, "/favicon.svg")]) }))
}

/// `/pkg/{hash}/{file}`: the name changes with the content, so it may be kept for ever.
async fn hashed(Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&format!("pkg/{path}"), &headers, "public, max-age=31536000, immutable")
}

/// A file whose name stays the same, such as the favicon.
async fn plain_file(name: &'static str, headers: HeaderMap) -> Response {
    serve(name, &headers, "public, max-age=86400")
}

fn serve(path: &str, headers: &HeaderMap, cache: &'static str) -> Response {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |coding: &str| {
        accepted.split(',').any(|offer| {
            let mut parts = offer.split(';').map(str::trim);
            parts.next() == Some(coding) && parts.next() != Some("q=0")
        })
    };
    let variants = [("br", ".br"), ("gzip", ".gz")];
    let encoded = variants
        .into_iter()
        .filter(|(coding, _)| accepts(coding))
        .find_map(|(coding, suffix)| Dist::get(&format!("{path}{suffix}")).map(|file| (file, Some(coding))));
    let Some((file, coding)) = encoded.or_else(|| Dist::get(path).map(|file| (file, None))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    respond(path, file, coding, cache)
}

fn respond(path: &str, file: EmbeddedFile, coding: Option<&'static str>, cache: &'static str) -> Response {
    let mut response = Response::new(match file.data {
        std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
