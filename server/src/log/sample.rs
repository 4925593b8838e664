//! Lines that are alike are written so many times a second; the rest is counted. So nobody who can cause a line can fill
//! a disk with it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines of one place in the code and one status, in a second: of requests that were refused and of what went wrong, and
/// of all else.
const REFUSED: u32 = 10;
const OTHERS: u32 = 1_000;
const WINDOW: Duration = Duration::from_secs(1);

/// Lets through what is not too much.
#[derive(Clone)]
pub(super) struct Sample(Arc<Shared>);

struct Shared {
    windows: Mutex<Windows>,
    left_out: AtomicU64,
}

struct Windows {
    until: Instant,
    /// By place in the code and status. There are as many as these, not as many as clients.
    lines: HashMap<(Identifier, u16), Window>,
}

struct Window {
    target: &'static str,
    seen: u32,
    left_out: u64,
}

/// Lines that were alike, for the log itself.
pub(super) struct LeftOut {
    /// Where they come from.
    pub(super) of: &'static str,
    /// Status of HTTP, or 1,000 and the one of gRPC; 0 for lines that have none.
    pub(super) status: u16,
    pub(super) lines: u64,
}

impl Sample {
    pub(super) fn new() -> Self {
        let windows = Windows { until: Instant::now() + WINDOW, lines: HashMap::new() };
        Self(Arc::new(Shared { windows: Mutex::new(windows), left_out: AtomicU64::new(0) }))
    }

    /// Lines that were left out so far.
    pub(super) fn left_out(&self) -> u64 {
        self.0.left_out.load(Relaxed)
    }

    /// What was left out since this was asked last.
    pub(super) fn take(&self, now: Instant) -> Vec<LeftOut> {
        let mut windows = self.0.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(now);
        let told = windows.lines.iter_mut().filter(|(_, window)| window.left_out > 0);
        let told = told.map(|((_, status), window)| {
            let lines = std::mem::take(&mut window.left_out);
            LeftOut { of: window.target, status: *status, lines }
        });
        let told = told.collect();
        windows.lines.retain(|_, window| window.seen > 0);
        told
    }

    fn lets_through(&self, event: &Event<'_>, now: Instant) -> bool {
        let metadata = event.metadata();
        // What is looked for at `debug` is looked for by somebody who waits for it.
        if *metadata.level() > Level::INFO {
            return true;
        }
        let mut status = Status(0);
        event.record(&mut status);
        let refused = *metadata.level() < Level::INFO || status.0 >= 400;
        let max = if refused { REFUSED } else { OTHERS };
        let mut windows = self.0.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(now);
        let new = || Window { target: metadata.target(), seen: 0, left_out: 0 };
        let window = windows.lines.entry((metadata.callsite(), status.0)).or_insert_with(new);
        window.seen += 1;
        if window.seen > max {
            window.left_out += 1;
            self.0.left_out.fetch_add(1, Relaxed);
        }
        window.seen <= max
    }
}

impl Windows {
    fn turn(&mut self, now: Instant) {
        if now >= self.until {
            self.until = now + WINDOW;
            self.lines.values_mut().for_each(|window| window.seen = 0);
        }
    }
}

impl<S: Subscriber> Layer<S> for Sample {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.lets_through(event, Instant::now())
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
