//! The settings file, whose values take part in the command line as flags.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clap::{Arg, Command};
use toml::{Table, Value};

use super::ConfigError;

/// The settings of a file as flags such as `--addr=127.0.0.1:3000`, without those that `is_set` knows from elsewhere.
pub(super) fn flags(
    path: &Path,
    command: &Command,
    is_set: impl Fn(&str) -> bool,
) -> Result<Vec<OsString>, ConfigError> {
    let text = read(path)?;
    // Without the line itself, which may hold a password.
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        ConfigError::syntax(path, format!("line {line}: {}", error.message()))
    })?;
    let mut flags = Vec::new();
    for (key, value) in table {
        let Some(flag) = settings(command).find(|arg| arg.get_id() == key.as_str()).and_then(Arg::get_long) else {
            let known: Vec<_> = settings(command).map(|arg| arg.get_id().as_str()).collect();
            let message = format!("unknown key `{key}`, expected one of {}", known.join(", "));
            return Err(ConfigError::syntax(path, message));
        };
        let text = match value {
            Value::String(text) => text,
            Value::Integer(number) => number.to_string(),
            Value::Boolean(boolean) => boolean.to_string(),
            other => {
                let message =
                    format!("{key} must be a string, a number or a boolean, not of the type {}", other.type_str());
                return Err(ConfigError::syntax(path, message));
            }
        };
        if !is_set(&key) {
            flags.push(format!("--{flag}={text}").into());
        }
    }
    Ok(flags)
}

/// Whatever can be set in the file: what every command takes, but for the file itself.
pub(super) fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| arg.is_global_set() && arg.get_id() != "config")
}

pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}
