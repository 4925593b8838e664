//! From a view to a response.

use std::sync::Arc;

use axum::response::{Html, IntoResponse, Response};
use hydration_context::SsrSharedContext;
use leptos::{prelude::*, reactive::owner::Owner};

/// Renders a view whose data is all there, in one go: status and headers are still ours to set.
pub fn page<V: IntoView>(view: impl FnOnce() -> V) -> Response {
    let owner = Owner::new_root(Some(Arc::new(SsrSharedContext::new_islands())));
    let (html, nonce) = owner.with(|| {
        provide_nonce();
        (view().into_view().to_html(), use_nonce())
    });
    owner.unset_with_forced_cleanup();
    let mut response = Html(html).into_response();
    if let Some(nonce) = nonce
        && let Ok(policy) = content_security_policy(&nonce).parse()
    {
        response.headers_mut().insert(http::header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Scripts: our own, the one inline starter with this response's nonce, and wasm. No frames, no inline styles.
fn content_security_policy(nonce: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}
