//! Everything that the server answers.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, delete, get, post, put};
use axum::{Extension, Router};
use latchkey_app::pages;
use latchkey_app::portal::Portal;
use latchkey_app::server_fns;
use latchkey_domain::{AllowedNetworks, Pin, Routes};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::timeout::TimeoutLayer;

use crate::connections::places::Places;
use crate::metrics::{Counted, Metrics};
use crate::middleware::admission::{self, Admission};
use crate::middleware::budget::Budget;
use crate::middleware::limit::{self, Limiter};
use crate::middleware::limits::Limited;
use crate::middleware::{body, context, same_origin, security, session, visitor};
use crate::rest::tokens;
use crate::verification;
use crate::{assets, grpc, rest};

/// A little less than what any request may take (`middleware/limits.rs`), so that the answer has all that a problem has.
pub(crate) const API_TIMEOUT: Duration = Duration::from_secs(29);

/// What the router needs beside the portal.
pub(crate) struct Settings {
    pub(crate) trusted_proxies: Option<Arc<AllowedNetworks>>,
    pub(crate) routes: Routes,
    /// Which organizations forward-auth is about.
    pub(crate) forward_auth_organizations: Option<Pin>,
    /// Requests a minute that one credential may send to REST and gRPC together; 0 for no limit.
    pub(crate) api_rate_limit: u32,
    /// The same for all API tokens of one organization.
    pub(crate) organization_rate_limit: u32,
    /// Origins of pages that may use gRPC-Web.
    pub(crate) cors_origins: Vec<HeaderValue>,
    /// Whose connections are counted.
    pub(crate) places: Arc<Places>,
    /// True once the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// All routes in their limits, which connections are served with.
pub(crate) async fn router(portal: Portal, settings: Settings) -> Result<Limited, Box<dyn Error>> {
    let Settings {
        trusted_proxies,
        routes,
        forward_auth_organizations,
        api_rate_limit,
        organization_rate_limit,
        cors_origins,
        places,
        stopping,
    } = settings;
    let context = context::Context { service: portal.service.clone(), trusted_proxies };
    let (admission, budget) = (Admission::new(), Budget::new());
    let counted =
        Counted { service: portal.service.clone(), places, budget: budget.clone(), admission: admission.clone() };
    let tools = verification::Tools {
        portal: portal.clone(),
        routes,
        pin: forward_auth_organizations,
        context: context.clone(),
        admission: admission.clone(),
        metrics: Metrics::new(counted),
    };
    let limiter = Limiter::new(api_rate_limit, organization_rate_limit);
    let grpc =
        grpc::router(portal.clone(), context.clone(), admission.clone(), limiter.clone(), cors_origins, stopping)
            .await?;
    let all = portal_and_api(portal.clone(), context.clone(), admission, limiter)
        .merge(verification::router(tools.into()))
        .merge(grpc);
    // The outermost layer, which has set the time and memory of a request.
    Ok(Limited::new(all, portal, context, budget))
}

/// Everything but the decisions about other services' requests, in the layers that it needs.
fn portal_and_api(
    portal: Portal,
    context: context::Context,
    admission: Arc<Admission>,
    limiter: Option<Arc<Limiter>>,
) -> Router {
    let written = Arc::new(rest::openapi::Written::new(portal.service.catalogue()));
    Router::new()
        .merge(portal_routes(&portal, &written, admission.clone()))
        .merge(rest_routes(admission).layer(from_fn_with_state(limiter, limit::layer)))
        .merge(operations())
        .merge(descriptions().layer(Extension(written)))
        .merge(built_files())
        .with_state(portal.clone())
        .layer(CompressionLayer::new().no_deflate().no_zstd().compress_when(SizeAbove::new(1_024).and(Compressible)))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(portal, security::layer))
        .layer(from_fn_with_state(context, context::layer))
}

/// What people see, and what its islands ask for.
fn portal_routes(portal: &Portal, written: &rest::openapi::Written, admission: Arc<Admission>) -> Router<Portal> {
    Router::new()
        .merge(pages::routes())
        .merge(pages::reference::routes(&written.document))
        .merge(server_fns::routes())
        .fallback(pages::not_found)
        .layer(DefaultBodyLimit::max(pages::FORM_MAX))
        .layer(from_fn_with_state(portal.clone(), visitor::layer))
        .layer(from_fn(session::inner))
        .layer(from_fn_with_state(portal.clone(), session::layer))
        .layer(from_fn_with_state((admission, portal.clone()), admission::page_layer))
        // A form is read whole before anybody looks whose it is: a session that ends meanwhile sends none.
        .layer(from_fn_with_state(portal.clone(), body::layer))
        .layer(from_fn_with_state(portal.clone(), same_origin::layer))
        .layer(from_fn(grpc::unimplemented))
}

/// What pipelines and scripts use, so many requests a minute for each credential. What checks tokens for others is to be
/// as fast as they are, and goes beside these routes, not among them. A test sees that each is in `rest/openapi.rs`.
fn rest_routes(admission: Arc<Admission>) -> Router<Portal> {
    Router::new()
        .route("/api/auth/whoami", get(rest::whoami::whoami))
        .route("/api/auth/cli-tokens", get(tokens::read::list).post(tokens::create::create))
        .route("/api/auth/cli-tokens/revoke", post(tokens::revoke::revoke_many))
        .route(
            "/api/auth/cli-tokens/{id}",
            get(tokens::read::get).patch(tokens::change::change).delete(tokens::revoke::revoke),
        )
        .route("/api/auth/cli-tokens/{id}/rotate", post(tokens::rotate::rotate))
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
        .route("/api/deleted-orgs", get(rest::deleted_orgs::list))
        .route("/api/deleted-orgs/{name}", delete(rest::deleted_orgs::free))
        .route("/api/users", get(rest::users::list))
        .route("/api/users/{id}", get(rest::users::get).patch(rest::users::change))
        .route("/api/users/{id}/password", put(rest::users::set_password))
        .route("/api/users/{id}/credentials", get(rest::users::credentials).delete(rest::users::end_all))
        .route("/api/users/{id}/credentials/{credential}", delete(rest::users::end))
        .route("/api/invitations", get(rest::invitations::received))
        .route("/api/invitations/{id}/accept", post(rest::invitations::accept))
        .route("/api/projects", get(rest::projects::list).post(rest::projects::create))
        .route("/api/projects/{id}", get(rest::projects::get).delete(rest::projects::delete))
        .route("/api/audit", get(rest::audit::list))
        .route("/api", any(rest::not_found))
        .route("/api/", any(rest::not_found))
        .route("/api/{*path}", any(rest::not_found))
        .method_not_allowed_fallback(rest::method_not_allowed)
        .layer(from_fn_with_state(admission.clone(), admission::layer))
        .layer(from_fn(verification::read_body))
        // Its credential is in the body.
        .merge(
            Router::new()
                .route("/api/auth/login", post(rest::login::login))
                .method_not_allowed_fallback(rest::method_not_allowed)
                .layer(from_fn_with_state(admission, admission::layer))
                .layer(from_fn(verification::read_small_body)),
        )
        .layer(CatchPanicLayer::new())
        .layer(in_time())
        .layer(from_fn(rest::problem::complete))
}

/// Gives up in time for the layers around it to say so in the form of their routes.
pub(crate) fn in_time() -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, API_TIMEOUT)
}

/// What operators and orchestrators ask.
fn operations() -> Router<Portal> {
    Router::new()
        .route("/healthz", get(rest::operations::live))
        .route("/readyz", get(rest::operations::ready))
        .route("/infoz", get(rest::operations::info))
        .route("/statusz", get(rest::operations::statusz))
        .method_not_allowed_fallback(rest::method_not_allowed)
        .layer(from_fn(rest::problem::complete))
}

/// What describes the API to programs; `/docs/api` is the same for people.
fn descriptions() -> Router<Portal> {
    Router::new()
        .route("/openapi.json", get(rest::openapi::as_json))
        .route("/openapi.yaml", get(rest::openapi::as_yaml))
        .method_not_allowed_fallback(rest::method_not_allowed)
        .layer(from_fn(rest::problem::complete))
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// The methods of each route, from what axum writes of a router: its `Debug` is the one list that there is.
    fn routes<S>(router: &Router<S>) -> BTreeMap<String, BTreeSet<String>> {
        let text = format!("{router:?}");
        let (text, _) = text.split_once("fallback_router").unwrap();
        let (allowed, paths) = text.split_once("node: Node").unwrap();
        let numbered = |text: &str| -> BTreeMap<String, String> {
            let entries = text.split("RouteId(").skip(1);
            // A path, or what `Allow` says; nothing for a route that takes every method.
            let quoted = entries.map(|entry| {
                let (number, rest) = entry.split_once(')').unwrap();
                (number.to_owned(), rest.split('"').nth(1).unwrap_or_default().to_owned())
            });
            quoted.collect()
        };
        let (allowed, paths) = (numbered(allowed), numbered(paths));
        let methods = |number: &String| {
            let methods = allowed[number].split(',').filter(|method| !matches!(*method, "" | "HEAD"));
            methods.map(str::to_lowercase).collect()
        };
        paths.into_iter().map(|(number, path)| (path, methods(&number))).collect()
    }

    #[test]
    fn the_routes_and_the_description_are_the_same() {
        let mut served = routes(&rest_routes(Admission::new()).merge(operations()));
        served.extend(routes(&verification::plain().merge(verification::decisions(Admission::new()))));
        for nobodys in ["/api", "/api/", "/api/{*path}"] {
            assert!(served.remove(nobodys).is_some(), "{nobodys}");
        }
        // Envoy's way to `/forward-auth`, which takes any method: its description tells.
        for of in ["", "/orgs/{organization}"] {
            for below in ["/", "/{*path}"] {
                assert_eq!(served.remove(&format!("{of}/forward-auth{below}")), Some(BTreeSet::new()), "{of}{below}");
            }
            served.insert(format!("{of}/forward-auth"), BTreeSet::from(["get".to_owned()]));
        }
        assert!(served["/api/auth/cli-tokens/{id}"].contains("patch"), "{served:?}");
        assert_eq!(served["/healthz"].len(), 1);
        assert_eq!(served, rest::openapi::documented(), "add it to `paths` in rest/openapi.rs");
    }
}
