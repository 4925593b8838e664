use clap::{ArgAction, Args};

use super::ConfigError;

/// Accounts and organizations.
#[derive(Args)]
#[command(next_help_heading = "Accounts")]
pub(crate) struct AccountsConfig {
    /// Email of the first instance admin, for the first start only; its password comes from the environment variable
    /// LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD or the file, never from a flag
    #[arg(long, env = "LATCHKEY_BOOTSTRAP_ADMIN_EMAIL", value_name = "EMAIL")]
    bootstrap_admin_email: Option<String>,
    /// Password of the first instance admin. Other processes can read flags: as a flag it is refused
    #[arg(long, env = "LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD", hide = true)]
    bootstrap_admin_password: Option<String>,
    /// Whether only instance admins and instance tokens create organizations
    #[arg(long, env = "LATCHKEY_RESTRICTED_ORG_CREATION", value_name = "BOOL", default_value_t = false)]
    #[arg(action = ArgAction::Set)]
    pub(super) restricted_org_creation: bool,
}

/// The first account, for the first start.
pub(crate) struct BootstrapAdmin<'a> {
    pub(crate) email: &'a str,
    pub(crate) password: &'a str,
}

impl AccountsConfig {
    /// The first account; an error if only half of it is set.
    pub(crate) fn bootstrap_admin(&self) -> Result<Option<BootstrapAdmin<'_>>, ConfigError> {
        match (&self.bootstrap_admin_email, &self.bootstrap_admin_password) {
            (Some(email), Some(password)) => Ok(Some(BootstrapAdmin { email, password })),
            (None, None) => Ok(None),
            _ => Err(ConfigError::HalfBootstrap),
        }
    }
}
