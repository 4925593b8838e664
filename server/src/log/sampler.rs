//! Limits how many similar lines a second are logged, and counts the rest: nobody who can cause a line fills a disk.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines a second of one place in the code and one status: warnings, errors and refused requests; all others.
const MAX_FAILURES: u32 = 10;
const MAX_OTHERS: u32 = 1_000;
const WINDOW: Duration = Duration::from_secs(1);

/// The layer that drops events beyond the limit.
#[derive(Clone)]
pub(super) struct Sampler(Arc<Shared>);

struct Shared {
    windows: Mutex<Windows>,
    suppressed: AtomicU64,
}

struct Windows {
    until: Instant,
    /// By place in the code and status. There are as many as these, not as many as clients.
    lines: HashMap<(Identifier, u16), Window>,
}

struct Window {
    target: &'static str,
    seen: u32,
    suppressed: u64,
}

/// Similar lines that were not logged.
pub(super) struct Suppressed {
    /// Target of their events.
    pub(super) target: &'static str,
    /// Status of HTTP, or 1,000 and the one of gRPC; 0 for lines that have none.
    pub(super) status: u16,
    pub(super) lines: u64,
}

impl Sampler {
    pub(super) fn new() -> Self {
        let windows = Windows { until: Instant::now() + WINDOW, lines: HashMap::new() };
        Self(Arc::new(Shared { windows: Mutex::new(windows), suppressed: AtomicU64::new(0) }))
    }

    /// How many lines were suppressed so far.
    pub(super) fn suppressed(&self) -> u64 {
        self.0.suppressed.load(Relaxed)
    }

    /// What was suppressed since the last call.
    pub(super) fn take(&self, now: Instant) -> Vec<Suppressed> {
        let mut windows = self.0.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.roll_over(now);
        let suppressed = windows.lines.iter_mut().filter(|(_, window)| window.suppressed > 0);
        let suppressed = suppressed.map(|((_, status), window)| {
            let lines = std::mem::take(&mut window.suppressed);
            Suppressed { target: window.target, status: *status, lines }
        });
        let suppressed = suppressed.collect();
        windows.lines.retain(|_, window| window.seen > 0);
        suppressed
    }

    fn allows(&self, event: &Event<'_>, now: Instant) -> bool {
        let metadata = event.metadata();
        // Whoever turns on `debug` wants all of it.
        if *metadata.level() > Level::INFO {
            return true;
        }
        let mut status = Status(0);
        event.record(&mut status);
        let is_failure = *metadata.level() < Level::INFO || status.0 >= 400;
        let max = if is_failure { MAX_FAILURES } else { MAX_OTHERS };
        let mut windows = self.0.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.roll_over(now);
        let new = || Window { target: metadata.target(), seen: 0, suppressed: 0 };
        let window = windows.lines.entry((metadata.callsite(), status.0)).or_insert_with(new);
        window.seen += 1;
        if window.seen > max {
            window.suppressed += 1;
            self.0.suppressed.fetch_add(1, Relaxed);
        }
        window.seen <= max
    }
}

impl Windows {
    fn roll_over(&mut self, now: Instant) {
        if now >= self.until {
            self.until = now + WINDOW;
            self.lines.values_mut().for_each(|window| window.seen = 0);
        }
    }
}

impl<S: Subscriber> Layer<S> for Sampler {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.allows(event, Instant::now())
    }
}

/// The status that an event is about.
struct Status(u16);

impl Visit for Status {
    fn record_u64(&mut self, field: &Field, value: u64) {
        let value = u16::try_from(value).unwrap_or_default();
        match field.name() {
            "status" if self.0 == 0 => self.0 = value,
            "grpc_status" if value > 0 => self.0 = 1_000_u16.saturating_add(value),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
