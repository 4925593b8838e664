//! Everything that the server answers.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, delete, get, post, put};
use latchkey_app::pages;
use latchkey_app::portal::Portal;
use latchkey_app::server_fns;
use latchkey_domain::AllowedNetworks;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::timeout::TimeoutLayer;

use crate::middleware::{context, same_origin, security, visitor};
use crate::verification::{self, Routes, Verification};
use crate::{assets, grpc, rest};

/// Largest body of a request, in bytes.
const BODY_MAX: usize = 1024 * 1024;
/// No answer takes longer; what waits for the database gives up before.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the router needs beside the portal.
pub(crate) struct Settings {
    pub(crate) trusted_proxies: Option<AllowedNetworks>,
    pub(crate) routes: Routes,
    /// Origins of pages that may use gRPC-Web.
    pub(crate) cors_origins: Vec<HeaderValue>,
    /// True once the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

pub(crate) async fn router(portal: Portal, settings: Settings) -> Result<Router, Box<dyn Error>> {
    let Settings { trusted_proxies, routes, cors_origins, stopping } = settings;
    let context = context::Context { service: portal.service.clone(), trusted_proxies: trusted_proxies.map(Arc::new) };
    let verification = Verification::new(portal.clone(), routes, context.clone());
    let grpc = grpc::router(portal.clone(), context.clone(), cors_origins, stopping).await?;
    Ok(portal_and_api(portal, context).merge(verification::router(verification)).merge(grpc))
}

/// Everything but the decisions about other services' requests, in the layers that it needs.
fn portal_and_api(portal: Portal, context: context::Context) -> Router {
    Router::new()
        .merge(portal_routes(&portal))
        .merge(rest_routes())
        .merge(operations())
        .merge(built_files())
        .with_state(portal.clone())
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(CompressionLayer::new().no_deflate().no_zstd().compress_when(SizeAbove::new(1_024).and(Compressible)))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(portal, security::layer))
        .layer(from_fn_with_state(context, context::layer))
}

/// What people see, and what its islands ask for.
fn portal_routes(portal: &Portal) -> Router<Portal> {
    Router::new()
        .merge(pages::routes())
        .merge(server_fns::routes())
        .fallback(pages::not_found)
        .layer(from_fn_with_state(portal.clone(), visitor::layer))
        .layer(from_fn_with_state(portal.clone(), same_origin::layer))
        .layer(from_fn(grpc::unimplemented))
}

/// What pipelines and scripts use.
fn rest_routes() -> Router<Portal> {
    Router::new()
        .route("/api/auth/login", post(rest::login::login))
        .route("/api/auth/whoami", get(rest::whoami::whoami))
        .route("/api/auth/cli-tokens", get(rest::tokens::list).post(rest::tokens::create))
        .route("/api/auth/cli-tokens/{id}", get(rest::tokens::get).delete(rest::tokens::revoke))
        .route("/api/repos", get(rest::repos::list).post(rest::repos::create))
        .route("/api/repos/{id}", get(rest::repos::get).delete(rest::repos::delete))
        .route("/api/orgs", get(rest::orgs::list).post(rest::orgs::create))
        .route("/api/orgs/{name}", get(rest::orgs::get).delete(rest::orgs::delete))
        .route("/api/orgs/{name}/current", put(rest::orgs::set_current))
        .route("/api/orgs/{name}/auto-revoke", get(rest::auto_revoke::get).put(rest::auto_revoke::set))
        .route("/api/orgs/{name}/auto-revoke/preview", get(rest::auto_revoke::preview))
        .route("/api/orgs/{name}/members", get(rest::members::list))
        .route(
            "/api/orgs/{name}/members/{id}",
            get(rest::members::get).patch(rest::members::change).delete(rest::members::remove),
        )
        .route("/api/orgs/{name}/invitations", get(rest::invitations::sent).post(rest::invitations::create))
        .route("/api/orgs/{name}/invitations/{id}", delete(rest::invitations::revoke))
        .route("/api/invitations", get(rest::invitations::received))
        .route("/api/invitations/{id}/accept", post(rest::invitations::accept))
        .route("/api/projects", get(rest::projects::list).post(rest::projects::create))
        .route("/api/projects/{id}", get(rest::projects::get).delete(rest::projects::delete))
        .route("/api/audit", get(rest::audit::list))
        .route("/api", any(rest::not_found))
        .route("/api/", any(rest::not_found))
        .route("/api/{*path}", any(rest::not_found))
        .method_not_allowed_fallback(rest::method_not_allowed)
        .layer(from_fn(verification::read_signature))
        .layer(from_fn(rest::problem::complete))
}

/// What operators and orchestrators ask.
fn operations() -> Router<Portal> {
    Router::new()
        .route("/healthz", get(rest::operations::live))
        .route("/readyz", get(rest::operations::ready))
        .route("/infoz", get(rest::operations::info))
        .route("/statusz", get(rest::operations::statusz))
}

fn built_files() -> Router<Portal> {
    let plain = |name: &'static str| get(move |headers: HeaderMap| assets::plain(name, headers));
    Router::new()
        .route("/pkg/{*path}", get(assets::hashed))
        .route("/favicon.svg", plain("favicon.svg"))
        .route("/robots.txt", plain("robots.txt"))
        .route("/favicon.ico", get(|| async { (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, "/favicon.svg")]) }))
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
