//! Which answers are compressed.

use axum::http::header;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// Compresses what is text, from 1 KiB on.
pub(crate) fn compression() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new().no_deflate().no_zstd().compress_when(SizeAbove::new(1_024).and(Compressible))
}

/// HTML and JSON, but not an answer that says `no-transform`: compressing a secret together with what an attacker may
/// have put into the same page would let its size tell the secret (BREACH).
#[derive(Clone, Copy)]
struct Compressible;

impl Predicate for Compressible {
    fn should_compress<B>(&self, response: &axum::http::Response<B>) -> bool
    where
        B: axum::body::HttpBody,
    {
        let starts = |name, text: &str| {
            response.headers().get(name).is_some_and(|value| value.as_bytes().starts_with(text.as_bytes()))
        };
        let no_transform = response
            .headers()
            .get(header::CACHE_CONTROL)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("no-transform"));
        let textual = ["text/html", "application/json", "application/problem+json", "text/csv"];
        !no_transform && textual.into_iter().any(|kind| starts(header::CONTENT_TYPE, kind))
    }
}
