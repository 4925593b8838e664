//! Metrics: `GET /metrics`, in the text format of Prometheus (OpenMetrics).

use std::fmt::Error as FormatError;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use latchkey_service::{Service, Stats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::connections::limiter::{ConnectionCounts, ConnectionLimiter};
use crate::http::admission::Admission;
use crate::http::body_budget::BodyBudget;
use crate::log;

/// Upper bounds of the latencies, in seconds: from an answer out of memory to one that waits for a database.
const BOUNDS: [f64; 12] = [2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2.5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 1.0];

/// The metrics of this process.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    verifications: Family<Outcome, Counter>,
    /// Apart from the family, whose look-up would be the largest part of the cost.
    allowed: Counter,
    seconds: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
    /// The code of the problem, such as `token-revoked`.
    reason: String,
}

impl Metrics {
    pub(crate) fn new(counted: Counted) -> Self {
        let (verifications, allowed) = (Family::<Outcome, Counter>::default(), Counter::default());
        let seconds = Histogram::new(BOUNDS);
        let mut registry = Registry::with_prefix("latchkey");
        let help = "Requests to other services that were refused, by reason; error: nobody could tell";
        registry.register("verifications_refused", help, verifications.clone());
        registry.register("verifications_allowed", "Requests to other services that were accepted", allowed.clone());
        registry.register("verification_seconds", "Time to decide, without HTTP", seconds.clone());
        registry.register_collector(Box::new(counted));
        Self(Arc::new(Inner { registry, verifications, allowed, seconds }))
    }

    pub(crate) fn allowed(&self, took: Duration) {
        self.0.allowed.inc();
        self.0.seconds.observe(took.as_secs_f64());
    }

    /// `status` is that of the answer, `reason` the code of its problem.
    pub(crate) fn refused(&self, status: u16, reason: &str, took: Duration) {
        let outcome = if status < 500 { "refused" } else { "error" };
        self.0.verifications.get_or_create(&Outcome { outcome, reason: reason.to_owned() }).inc();
        self.0.seconds.observe(took.as_secs_f64());
    }

    /// The answer to `GET /metrics`.
    pub(crate) fn answer(&self) -> Response {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.0.registry);
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text).into_response()
    }
}

/// Sources of metrics that are read when they are asked for.
pub(crate) struct Counted {
    pub(crate) service: Service,
    pub(crate) connections: Arc<ConnectionLimiter>,
    pub(crate) body_budget: Arc<BodyBudget>,
    pub(crate) admission: Arc<Admission>,
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counted")
    }
}

impl Collector for Counted {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), FormatError> {
        let Stats {
            waiting_uses,
            cached_tokens,
            cache_bytes,
            cache_hits,
            cache_misses,
            change_polls,
            signed,
            unsigned,
            hashed,
            outbox_pending,
            outbox_dead,
            sweeps,
            swept,
        } = self.service.health().stats();
        let ConnectionCounts { open, refused, evicted } = self.connections.counts();
        let log::Counts { dropped, suppressed } = log::counts();
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)
        };
        gauge("waiting_uses", "Last uses in memory that are not yet written", waiting_uses)?;
        gauge("cached_tokens", "Tokens in the cache", cached_tokens)?;
        gauge("cache_bytes", "Memory of the cache, about", cache_bytes)?;
        gauge("outbox_pending", "Messages that wait to be delivered; counted to 1,001", outbox_pending)?;
        gauge("outbox_dead", "Messages that were given up; counted to 1,001", outbox_dead)?;
        gauge("connections", "Connections that are open", open)?;
        gauge("body_bytes", "Bytes of requests' bodies in memory", self.body_budget.in_flight())?;
        let mut counter = |name: &str, help: &str, value: u64| {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)
        };
        counter("cache_hits", "Checks of a token that was in the cache", cache_hits)?;
        counter("cache_misses", "Checks of a token that was read from the database", cache_misses)?;
        counter("change_polls", "Polls of the database for changes", change_polls)?;
        counter("signed_requests", "Requests with a signature that was right", signed)?;
        counter("unsigned_requests", "Accepted requests of API tokens without a signature", unsigned)?;
        counter("password_hashes", "Passwords that were hashed, for sign-in, set-up and invitations", hashed)?;
        counter("connections_refused", "Connections that there was no room for", refused)?;
        counter(
            "connections_closed_for_room",
            "Connections that were idle longest and were closed when there was no room",
            evicted,
        )?;
        counter("bodies_refused", "Requests whose body there was no memory for", self.body_budget.refused())?;
        counter("log_lines_dropped", "Lines that could not be written to the log", dropped)?;
        counter(
            "log_lines_left_out",
            "Lines of the log that were suppressed because of many similar ones",
            suppressed,
        )?;
        counter("sweeps", "Auto-revoke sweeps of this replica", sweeps)?;
        counter("swept_tokens", "Tokens that they revoked", swept)?;
        let help = "Requests refused because too many of the same source were under way";
        counter("requests_too_many_at_once", help, self.admission.refused())
    }
}
