//! The log, on standard error. Whatever goes wrong with it, nobody who is being served notices.

mod redact;
mod sample;
mod writer;

use std::io::{Write, stderr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

pub(crate) use self::redact::redacted;
use self::sample::Sample;
use self::writer::Lines;
use crate::config::{Config, LogFormat};

/// How long the end of the process waits for a log that nobody reads.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The log of this process, as the subscriber is the one of this process.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    lines: Lines,
    sample: Sample,
    /// Dropped lines that the log has told of.
    told: AtomicU64,
}

/// What is missing from the log.
#[derive(Default)]
pub(crate) struct Counts {
    /// Lines that could not be written.
    pub(crate) dropped: u64,
    /// Lines that were like many others.
    pub(crate) left_out: u64,
}

/// Begins to write what `LATCHKEY_LOG` asks for, as far as it [may be written](quotes_nobody).
pub(crate) fn start(config: &Config) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| format!("log is {:?}: {error}", config.log))?;
    let lines = Lines::start(stderr(), tell).map_err(|error| format!("can't start to write the log: {error}"))?;
    let sample = Sample::new();
    let _ = LOG.set(Log { lines: lines.clone(), sample: sample.clone(), told: AtomicU64::new(0) });
    let written = fmt::layer().with_writer(lines).log_internal_errors(false);
    let written = match config.log_format {
        LogFormat::Text => written.boxed(),
        LogFormat::Json => written.json().flatten_event(true).boxed(),
    };
    registry().with(written).with(filter).with(filter_fn(quotes_nobody)).with(sample).init();
    std::panic::set_hook(Box::new(|panic| {
        // Not what it says, which may quote a request.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a thread panicked");
    }));
    Ok(())
}

/// What is missing from the log of this process.
pub(crate) fn counts() -> Counts {
    let of = |log: &Log| Counts { dropped: log.lines.dropped(), left_out: log.sample.left_out() };
    LOG.get().map(of).unwrap_or_default()
}

/// A last line as it is, for standard error, and the end of the log.
pub(crate) fn end(line: Option<&str>) {
    match (LOG.get(), line) {
        (Some(log), line) => {
            line.into_iter().for_each(|line| log.lines.put(line.as_bytes()));
            log.lines.finish(LAST_WORDS);
        }
        (None, Some(line)) => drop(stderr().write_all(line.as_bytes())),
        (None, None) => {}
    }
}

/// Says what is missing, once it can be said.
fn tell() {
    let Some(log) = LOG.get() else { return };
    let dropped = log.lines.dropped();
    let lines = dropped.saturating_sub(log.told.swap(dropped, Relaxed));
    if lines > 0 {
        tracing::warn!(lines, "the log could not be written for a while, and lines were dropped");
    }
    for missing in log.sample.take(Instant::now()) {
        let (of, status, lines) = (missing.of, missing.status, missing.lines);
        tracing::info!(of, status, lines, "lines that were alike are left out");
    }
}

/// What other crates say at `debug` and `trace` may quote a request: its address with a set-up link, its headers, its
/// body. Nobody can promise for their next version, so it is not written, whatever the filter asks for.
///
/// The spans of `tower-sessions`, around every handler, say nothing.
fn quotes_nobody(metadata: &Metadata<'_>) -> bool {
    if metadata.is_span() && metadata.target().starts_with("tower_sessions") {
        return false;
    }
    *metadata.level() <= Level::INFO || metadata.target().starts_with("latchkey_")
}
