//! A tower layer for services that Latchkey guards: each request is passed on only if its token may do what it asks for.
//!
//! Latchkey is asked about each request (`POST /api/verify`), so a revoked token is refused at once; the layer keeps
//! nothing. When Latchkey does not answer, requests are refused with 503, never let through.
//!
//! Whose tokens may pass is what the [`Verifier`] says, never what a request names in a header: with an own token that
//! belongs to an organization only those of that one, with an instance token those of [`Verifier::organization`].
//!
//! A service that stands behind proxies names them with [`Verifier::behind_proxies`]; otherwise the proxy is taken for the
//! client, and a token for the proxy's network is let in.
//!
//! ```no_run
//! use axum::{Extension, Router, routing::get};
//! use latchkey_verify::{Verified, Verifier};
//!
//! # fn app() -> Result<Router, Box<dyn std::error::Error>> {
//! let verifier = Verifier::new("https://tokens.example.com", std::env::var("LATCHKEY_TOKEN")?)?;
//! let app = Router::new()
//!     .route("/api/scans/dashboard", get(|Extension(who): Extension<Verified>| async move { who.name }))
//!     .layer(verifier.scope("scans:read"));
//! # Ok(app) }
//! ```

mod layer;
mod rejection;
mod verifier;

pub use layer::{VerifyLayer, VerifyService};
pub use verifier::{Verified, Verifier, VerifierError};
