//! Settings: environment variables, a TOML file and flags, in rising precedence. Each is a field of one of the groups, and
//! written nowhere else: clap reads flags and environment, and the file's values are handed to it as flags.

mod accounts;
mod cli;
mod database;
mod file;
mod limits;
mod log;
mod server;
#[cfg(test)]
mod tests;
mod verification;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches};
use latchkey_domain::{Catalogue, Routes};
use latchkey_service::Settings as InstanceSettings;
use thiserror::Error;

use self::cli::Cli;
pub(crate) use self::cli::{Command, OutboxCommand};
pub(crate) use self::log::{LogConfig, LogFormat};
use self::{
    accounts::AccountsConfig, database::DatabaseConfig, limits::LimitsConfig, server::ServerConfig,
    verification::VerificationConfig,
};

/// Settings as they are given.
#[derive(Args)]
struct Settings {
    /// TOML file with settings; unknown keys are errors
    #[arg(long, env = "LATCHKEY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    server: ServerConfig,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    accounts: AccountsConfig,
    #[command(flatten)]
    verification: VerificationConfig,
    #[command(flatten)]
    limits: LimitsConfig,
    #[command(flatten)]
    log: LogConfig,
}

/// Checked settings.
pub(crate) struct Config {
    pub(crate) server: ServerConfig,
    pub(crate) database: DatabaseConfig,
    pub(crate) accounts: AccountsConfig,
    pub(crate) verification: VerificationConfig,
    pub(crate) limits: LimitsConfig,
    pub(crate) log: LogConfig,
    pub(crate) catalogue: Catalogue,
    pub(crate) routes: Routes,
}

/// What is wrong with the settings, and where.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("can't read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}: {message}")]
    Syntax { path: PathBuf, message: String },
    #[error("{name} is {value:?}; it must be {expected}")]
    Value { name: String, value: String, expected: String },
    #[error("LATCHKEY_BOOTSTRAP_ADMIN_EMAIL and LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD go together; one is missing")]
    HalfBootstrap,
    #[error("a password is never given as a flag: other processes can read it")]
    PasswordFlag,
    /// What clap answers to anything else, the help among it.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
}

impl ConfigError {
    fn syntax(path: impl AsRef<Path>, message: impl ToString) -> Self {
        Self::Syntax { path: path.as_ref().to_owned(), message: message.to_string() }
    }
}

/// Reads the command line, the settings file and the environment.
pub(crate) fn load(arguments: impl IntoIterator<Item = OsString>) -> Result<(Command, Config), ConfigError> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    // First without a look at the values: what is overruled may be wrong.
    let given = any_value(command()).try_get_matches_from(&arguments)?;
    let is_flag = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    if is_flag("bootstrap_admin_password") {
        return Err(ConfigError::PasswordFlag);
    }
    if let Some(path) = given.get_one::<OsString>("config") {
        let flags = file::flags(path.as_ref(), &command(), is_flag)?;
        arguments.splice(1..1, flags);
    }
    let parse = |matches: ArgMatches| Cli::from_arg_matches(&matches);
    let cli = command().try_get_matches_from(arguments).and_then(parse).map_err(of_value)?;
    Ok((cli.command, Config::check(cli.settings)?))
}

impl Config {
    fn check(settings: Settings) -> Result<Self, ConfigError> {
        let Settings { config: _, server, database, accounts, verification, limits, log } = settings;
        accounts.bootstrap_admin()?;
        let (catalogue, routes) = (verification.catalogue()?, verification.routes()?);
        Ok(Self { server, database, accounts, verification, limits, log, catalogue, routes })
    }

    /// Settings of the use cases.
    pub(crate) fn instance(&self) -> InstanceSettings {
        InstanceSettings {
            restricted_organization_creation: self.accounts.restricted_org_creation,
            memory: u64::from(self.limits.memory_mib) * 1024 * 1024,
            tokens_per_organization: self.limits.tokens_per_organization,
        }
    }
}

/// The command line: every subcommand takes every setting, an empty environment variable is none, and the help shows
/// the names of variables without their values, which may be secrets.
fn command() -> clap::Command {
    Cli::command().mut_args(|arg| {
        let Some(name) = arg.get_env() else { return arg };
        let is_empty = std::env::var_os(name).is_some_and(|value| value.is_empty());
        let arg = arg.global(true).hide_env_values(true);
        if is_empty { arg.env(None::<&'static str>) } else { arg }
    })
}

/// The same command line, whatever the values of settings are.
fn any_value(command: clap::Command) -> clap::Command {
    let parser = ValueParser::os_string();
    command.mut_args(|arg| if arg.is_global_set() { arg.value_parser(parser.clone()) } else { arg })
}

/// The error of a setting's value, in our words.
fn of_value(error: clap::Error) -> ConfigError {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(" or ")),
        _ => None,
    };
    let expected = match error.kind() {
        ErrorKind::InvalidValue => text(ContextKind::ValidValue),
        ErrorKind::ValueValidation => std::error::Error::source(&error).map(ToString::to_string),
        _ => None,
    };
    // Such as `--public-url <URL>`.
    let name = text(ContextKind::InvalidArg)
        .and_then(|flag| Some(flag.strip_prefix("--")?.split(' ').next()?.replace('-', "_")));
    match (name, text(ContextKind::InvalidValue), expected) {
        (Some(name), Some(value), Some(expected)) => ConfigError::Value { name, value, expected },
        _ => error.into(),
    }
}
