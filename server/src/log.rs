//! The log, on standard error.

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::config::{Config, LogFormat};

/// Begins to write what `LATCHKEY_LOG` asks for, as far as it [may be written](quotes_nobody).
pub(crate) fn start(config: &Config) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| format!("log is {:?}: {error}", config.log))?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match config.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    registry().with(lines).with(filter).with(filter_fn(quotes_nobody)).init();
    Ok(())
}

/// What other crates say at `debug` and `trace` may quote a request: its address with a set-up link, its headers, its
/// body. Nobody can promise for their next version, so it is not written, whatever the filter asks for.
fn quotes_nobody(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || metadata.target().starts_with("latchkey_")
}
