//! A body that says that it is too large is refused in a way that its sender gets to know.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use crate::rest::problem::Problem;
use crate::router::BODY_MAX;

/// Of a refused body, so much is read and dropped at most, in bytes.
const DROPPED_MAX: usize = 16 * 1024 * 1024;
/// And for so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers 413. Whoever hangs up while the other side is still sending has the answer lost on the way.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_none_or(|length| length <= BODY_MAX as u64) {
        return next.run(request).await;
    }
    let mut chunks = request.into_body().into_data_stream();
    let drop_all = async {
        let mut dropped = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            dropped += chunk.len();
            if dropped > DROPPED_MAX {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(PATIENCE, drop_all).await;
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "A body has at most 1 MiB").into_response()
}
