//! The reference: axum with nothing behind it, served as the server serves.

use std::path::Path;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt;

use crate::{Failure, print};

#[derive(Clone)]
struct Captured {
    headers: HeaderMap,
    body: Bytes,
}

pub(crate) async fn run(head: &Path, body: &Path) -> Result<(), Failure> {
    let head = std::fs::read_to_string(head)?;
    let mut headers = HeaderMap::new();
    for line in head.lines().skip(1) {
        let Some((name, value)) = line.split_once(": ") else { continue };
        let name: HeaderName = name.parse()?;
        // hyper writes these itself.
        if ![header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::DATE].contains(&name) {
            headers.append(name, HeaderValue::from_str(value)?);
        }
    }
    let captured = Captured { headers, body: std::fs::read(body)?.into() };
    let app = Router::new().route("/{*path}", get(answer)).with_state(captured);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    print(&listener.local_addr()?.port().to_string())?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, app).await?)
}

async fn answer(State(captured): State<Captured>, headers: HeaderMap) -> Response {
    let credential = [header::COOKIE, header::AUTHORIZATION].into_iter().find_map(|name| headers.get(name));
    let mut response = Response::new(Body::from(captured.body));
    if credential.is_none_or(HeaderValue::is_empty) {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    response.headers_mut().extend(captured.headers);
    response
}
