//! The state of the server: what all transports are given.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use latchkey_domain::{Pin, Routes, Secret};
use latchkey_service::Service;

use crate::http::admission::Admission;
use crate::http::body_budget::BodyBudget;
use crate::http::context::RequestContext;
use crate::http::rate_limit::RateLimiter;
use crate::metrics::Metrics;

/// State of all handlers and layers: one pointer, since it is copied for each request.
#[derive(Clone)]
pub(crate) struct ServerState(Arc<Shared>);

/// What is behind [`ServerState`].
pub(crate) struct Shared {
    pub(crate) service: Service,
    pub(crate) site: Site,
    /// The route file: what requests to other services need.
    pub(crate) routes: Routes,
    /// Which organizations the configuration pins decisions to.
    pub(crate) pin: Option<Pin>,
    pub(crate) context: RequestContext,
    pub(crate) admission: Arc<Admission>,
    pub(crate) body_budget: Arc<BodyBudget>,
    /// `None` if requests are not limited.
    pub(crate) rate_limiter: Option<Arc<RateLimiter>>,
    pub(crate) metrics: Metrics,
}

/// Facts about this deployment.
pub(crate) struct Site {
    /// What browsers and clients use, without a slash at the end.
    pub(crate) public_url: String,
    /// Folder of the built assets under `/`, such as `pkg/3f2a…`.
    pub(crate) pkg_dir: String,
    pub(crate) version: &'static str,
}

impl Site {
    /// Whether browsers use https.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// Where somebody who was invited makes their account.
    pub(crate) fn join_url(&self, link: &Secret) -> String {
        [&self.public_url, "/join?link=", link.reveal()].concat()
    }
}

impl From<Shared> for ServerState {
    fn from(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for ServerState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl FromRef<ServerState> for Service {
    fn from_ref(state: &ServerState) -> Self {
        state.service.clone()
    }
}
