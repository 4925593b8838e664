use clap::{Args, ValueEnum};

/// The log.
#[derive(Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogConfig {
    /// What to log, as a tracing filter
    #[arg(long = "log", env = "LATCHKEY_LOG", value_name = "FILTER", default_value = "info")]
    pub(crate) log: String,
    /// How to log
    #[arg(long = "log-format", env = "LATCHKEY_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    #[arg(ignore_case = true)]
    pub(crate) log_format: LogFormat,
}

/// Lines for people or for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}
