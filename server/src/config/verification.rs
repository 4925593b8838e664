use std::path::PathBuf;

use clap::Args;
use latchkey_domain::{Catalogue, Pin, Routes};

use super::{ConfigError, file::read};

/// What tokens are for, and how requests to other services are decided.
#[derive(Args)]
#[command(next_help_heading = "Verification")]
pub(crate) struct VerificationConfig {
    /// TOML file with the scope catalogue [default: built in]
    #[arg(long, env = "LATCHKEY_SCOPES_FILE", value_name = "FILE")]
    scopes_file: Option<PathBuf>,
    /// TOML file that tells which scope and repository a request needs, for forward-auth [default: built in]
    #[arg(long, env = "LATCHKEY_ROUTES_FILE", value_name = "FILE")]
    routes_file: Option<PathBuf>,
    /// Organizations whose tokens forward-auth may let pass, by name or id with commas between; or any, when the
    /// services behind look at the organization themselves [default: the only one that there is]
    #[arg(long, env = "LATCHKEY_FORWARD_AUTH_ORGANIZATIONS", value_name = "ORGANIZATIONS", value_parser = parse_pin)]
    pub(crate) forward_auth_organizations: Option<Pin>,
}

impl VerificationConfig {
    /// Reads the scope catalogue.
    pub(super) fn catalogue(&self) -> Result<Catalogue, ConfigError> {
        let Some(path) = &self.scopes_file else { return Ok(Catalogue::built_in()) };
        Catalogue::from_toml(&read(path)?).map_err(|error| ConfigError::syntax(path, error))
    }

    /// Reads the routes of forward-auth.
    pub(super) fn routes(&self) -> Result<Routes, ConfigError> {
        match &self.routes_file {
            None => Routes::built_in().map_err(|error| ConfigError::syntax("the built-in routes", error)),
            Some(path) => Routes::from_toml(&read(path)?).map_err(|error| ConfigError::syntax(path, error)),
        }
    }
}

fn parse_pin(text: &str) -> Result<Pin, &'static str> {
    Pin::from_text(text).map_err(|_| "names or ids of organizations such as acme,globex, or the word any by itself")
}
