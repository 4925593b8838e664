//! A service that Latchkey guards: who may look at scans, and who may start one for which repository.

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Extension, Router};
use latchkey_verify::{Verified, Verifier};

/// The service; `verifier` has a token with the scope `tokens:introspect`.
pub fn app(verifier: &Verifier) -> Router {
    let trigger = verifier.scope_and_repository("scans:trigger", |path| path.rsplit('/').next().map(str::to_owned));
    Router::new()
        .route("/api/scans/dashboard", get(dashboard).layer(verifier.scope("scans:read")))
        .route("/api/scans/trigger/{repository}", post(start).layer(trigger))
}

async fn dashboard(Extension(who): Extension<Verified>) -> String {
    format!("The scans of {}\n", who.organization)
}

async fn start(Extension(who): Extension<Verified>, Path(repository): Path<String>) -> String {
    format!("{} has started a scan of {repository}\n", who.name)
}
