use std::path::PathBuf;

use clap::Args;

use crate::secret_key;

/// Where data is kept.
#[derive(Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DatabaseConfig {
    /// sqlite://PATH or postgres://…
    #[arg(long, env = "LATCHKEY_DATABASE_URL", value_name = "URL", default_value = "sqlite://data/latchkey.db")]
    pub(crate) database_url: String,
    /// redis://… for the nonces of signed requests, shared by replicas; the database keeps them without
    #[arg(long, env = "LATCHKEY_REDIS_URL", value_name = "URL")]
    pub(crate) redis_url: Option<String>,
    /// Root key, 32 random bytes; made at the first start
    /// [default: secret.key beside SQLite's database, or data/secret.key]
    #[arg(long, env = "LATCHKEY_SECRET_KEY_FILE", value_name = "FILE")]
    secret_key_file: Option<PathBuf>,
}

impl DatabaseConfig {
    /// The file of the root key.
    pub(crate) fn secret_key_file(&self) -> PathBuf {
        self.secret_key_file.clone().unwrap_or_else(|| secret_key::beside(&self.database_url))
    }
}
