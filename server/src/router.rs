//! Everything that the server answers.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use crate::http::compression::compression;
use crate::http::{context, rate_limit, security_headers};
use crate::request_limits::RequestLimits;
use crate::state::ServerState;
use crate::{assets, grpc, openapi, operations, portal, rest, verification};

/// All routes in their limits, which connections are served with. `cors_origins` are those of pages that may use
/// gRPC-Web; `stopping` is true once the server stops.
pub(crate) async fn router(
    state: ServerState,
    cors_origins: Vec<HeaderValue>,
    stopping: watch::Receiver<bool>,
) -> Result<RequestLimits, Box<dyn Error>> {
    let grpc = grpc::router(state.clone(), cors_origins, stopping).await?;
    let bare = verification::router(&state).merge(operations::metrics_router()).with_state(state.clone());
    // The outermost layer, which sets the time and memory of a request.
    Ok(RequestLimits::new(portal_and_api(&state).merge(bare).merge(grpc), state))
}

/// Everything but the decisions about other services' requests, in the layers that it needs.
fn portal_and_api(state: &ServerState) -> Router {
    let written = Arc::new(openapi::Written::new(state.service.catalogue()));
    let pages = portal::router(state, &written.document).layer(from_fn(grpc::unimplemented));
    Router::new()
        .merge(
            rest::router(state.admission.clone())
                .layer(from_fn_with_state(state.rate_limiter.clone(), rate_limit::layer)),
        )
        .merge(operations::router())
        .merge(openapi::router(written))
        .merge(assets::router())
        .with_state(state.clone())
        .merge(pages)
        .layer(compression())
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(state.site.is_https(), security_headers::layer))
        .layer(from_fn_with_state(state.context.clone(), context::layer))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::http::admission::Admission;

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
        let mut served =
            routes(&rest::router(Admission::new()).merge(operations::router()).merge(operations::metrics_router()));
        served.extend(routes(&verification::forward_auth().merge(verification::decisions(Admission::new()))));
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
        assert_eq!(served, openapi::documented(), "add it to `paths` in openapi.rs");
    }
}
