//! The log, on standard error. A failure to write it affects no request.

mod redact;
mod sampler;
mod writer;

use std::io::{IsTerminal, Write, stderr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

pub(crate) use self::redact::redacted;
use self::sampler::Sampler;
use self::writer::LogQueue;
use crate::config::{LogConfig, LogFormat};

/// How long the end of the process waits until the log is written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The log of this process, for which there is one subscriber.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    queue: LogQueue,
    sampler: Sampler,
    /// Dropped lines that were reported.
    reported: AtomicU64,
}

/// What is missing from the log.
#[derive(Default)]
pub(crate) struct Counts {
    /// Lines that could not be written.
    pub(crate) dropped: u64,
    /// Lines that were suppressed because many similar ones were written.
    pub(crate) suppressed: u64,
}

/// Begins to write what `LATCHKEY_LOG` asks for, as far as it [may be written](is_safe_to_log).
pub(crate) fn start(config: &LogConfig) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| format!("log is {:?}: {error}", config.log))?;
    let queue =
        LogQueue::start(stderr(), report_missing).map_err(|error| format!("can't start to write the log: {error}"))?;
    let sampler = Sampler::new();
    let _ = LOG.set(Log { queue: queue.clone(), sampler: sampler.clone(), reported: AtomicU64::new(0) });
    let written = fmt::layer().with_writer(queue).log_internal_errors(false);
    // Colours are for people at a terminal, unless they have set NO_COLOR.
    let written = if stderr().is_terminal() { written } else { written.with_ansi(false) };
    let written = match config.log_format {
        LogFormat::Text => written.boxed(),
        LogFormat::Json => written.json().flatten_event(true).boxed(),
    };
    registry().with(written).with(filter).with(filter_fn(is_safe_to_log)).with(sampler).init();
    std::panic::set_hook(Box::new(|panic| {
        // Not the message, which may quote a request.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a thread panicked");
    }));
    Ok(())
}

/// What is missing from the log of this process.
pub(crate) fn counts() -> Counts {
    let of = |log: &Log| Counts { dropped: log.queue.dropped(), suppressed: log.sampler.suppressed() };
    LOG.get().map(of).unwrap_or_default()
}

/// Waits until all lines of before are written or lost, which [`counts`] tells apart; false at the timeout.
pub(crate) fn wait_until_written(timeout: Duration) -> bool {
    LOG.get().is_none_or(|log| log.queue.wait_until_written(timeout))
}

/// Writes a last line as it is, and waits until the log is written.
pub(crate) fn shut_down(line: Option<&str>) {
    match (LOG.get(), line) {
        (Some(log), line) => {
            line.into_iter().for_each(|line| log.queue.push(line.as_bytes()));
            log.queue.drain(FLUSH_TIMEOUT);
        }
        (None, Some(line)) => drop(stderr().write_all(line.as_bytes())),
        (None, None) => {}
    }
}

/// Logs what is missing from the log, once it can be written again.
fn report_missing() {
    let Some(log) = LOG.get() else { return };
    let dropped = log.queue.dropped();
    let lines = dropped.saturating_sub(log.reported.swap(dropped, Relaxed));
    if lines > 0 {
        tracing::warn!(lines, "the log could not be written for a while, and lines were dropped");
    }
    for missing in log.sampler.take(Instant::now()) {
        let (of, status, lines) = (missing.target, missing.status, missing.lines);
        tracing::info!(of, status, lines, "similar lines were suppressed");
    }
}

/// Other crates may quote a request at `debug` and `trace`: a URL with a set-up link, headers, a body. Their next version
/// may do so anywhere. So these events are not logged, whatever the filter says.
/// Nor are the spans of `tower-sessions`, which say nothing and are around every handler.
fn is_safe_to_log(metadata: &Metadata<'_>) -> bool {
    if metadata.is_span() && metadata.target().starts_with("tower_sessions") {
        return false;
    }
    *metadata.level() <= Level::INFO || metadata.target().starts_with("latchkey_")
}
