//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use uuid::Uuid;

use super::LogFormat;

/// Self-hosted portal for API tokens.
#[derive(Debug, Parser)]
#[command(name = "latchkey-server", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the portal and its API
    Serve {
        #[command(flatten)]
        flags: Flags,
        /// Fill an empty database with an example organization
        #[arg(long)]
        demo: bool,
    },
    /// Bring the database schema up to date, and end
    Migrate {
        #[command(flatten)]
        flags: Flags,
    },
    /// Run auto-revoke once now, and end
    Sweep {
        #[command(flatten)]
        flags: Flags,
    },
    /// End the API token, session or user token of an id for good, at once on every replica
    Revoke {
        /// Id of an API token of whatever level, a session or a user token
        #[arg(value_parser = parse_id)]
        id: Uuid,
        #[command(flatten)]
        flags: Flags,
    },
    /// List the instance's own API tokens
    Tokens {
        #[command(flatten)]
        flags: Flags,
    },
    /// List the accounts
    Users {
        #[command(flatten)]
        flags: Flags,
    },
    /// Lock an account, and end all that it is signed in with
    LockUser {
        /// Email of the account
        email: String,
        #[command(flatten)]
        flags: Flags,
    },
    /// Open a locked account again
    UnlockUser {
        /// Email of the account
        email: String,
        #[command(flatten)]
        flags: Flags,
    },
    /// End all that an account is signed in with
    SignOut {
        /// Email of the account
        email: String,
        #[command(flatten)]
        flags: Flags,
    },
    /// Set an account's password, which is read from standard input, and end all that it is signed in with
    SetPassword {
        /// Email of the account
        email: String,
        #[command(flatten)]
        flags: Flags,
    },
    /// Check the configuration, the database and the built assets, and end
    Doctor {
        #[command(flatten)]
        flags: Flags,
    },
}

/// Settings that every command takes. Each can also be set by the environment variable in brackets, or in the file
/// under the flag's name with underscores; a flag wins over the file, the file over the environment.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Flags {
    /// TOML file with settings; unknown keys are errors [env: LATCHKEY_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where to listen [env: LATCHKEY_ADDR] [default: 127.0.0.1:3000]
    #[arg(long)]
    pub(super) addr: Option<String>,
    /// What browsers and clients use [env: LATCHKEY_PUBLIC_URL] [default: http://{addr}]
    #[arg(long, value_name = "URL")]
    pub(super) public_url: Option<String>,
    /// sqlite://PATH or postgres://… [env: LATCHKEY_DATABASE_URL] [default: sqlite://data/latchkey.db]
    #[arg(long, value_name = "URL")]
    pub(super) database_url: Option<String>,
    /// TOML file with the scope catalogue [env: LATCHKEY_SCOPES_FILE] [default: built in]
    #[arg(long, value_name = "FILE")]
    pub(super) scopes_file: Option<PathBuf>,
    /// TOML file that tells which scope and repository a request needs, for forward-auth
    /// [env: LATCHKEY_ROUTES_FILE] [default: built in]
    #[arg(long, value_name = "FILE")]
    pub(super) routes_file: Option<PathBuf>,
    /// Organizations whose tokens forward-auth may let pass, by name or id with commas between; or any, when the
    /// services behind look at the organization themselves [env: LATCHKEY_FORWARD_AUTH_ORGANIZATIONS]
    /// [default: the only one that there is]
    #[arg(long, value_name = "ORGANIZATIONS")]
    pub(super) forward_auth_organizations: Option<String>,
    /// redis://… for the nonces of signed requests, shared by replicas; the database keeps them without
    /// [env: LATCHKEY_REDIS_URL] [default: none]
    #[arg(long, value_name = "URL")]
    pub(super) redis_url: Option<String>,
    /// Email of the first instance admin, for the first start only; its password comes from the environment variable
    /// LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD or the file, never from a flag [env: LATCHKEY_BOOTSTRAP_ADMIN_EMAIL]
    #[arg(long, value_name = "EMAIL")]
    pub(super) bootstrap_admin_email: Option<String>,
    /// Proxies in front, in CIDR notation with commas between: their X-Forwarded-For is believed
    /// [env: LATCHKEY_TRUSTED_PROXIES] [default: none]
    #[arg(long, value_name = "NETWORKS")]
    pub(super) trusted_proxies: Option<String>,
    /// Origins whose pages may call gRPC-Web, with commas between [env: LATCHKEY_CORS_ORIGINS] [default: none]
    #[arg(long, value_name = "ORIGINS")]
    pub(super) cors_origins: Option<String>,
    /// Whether only instance admins and instance tokens create organizations
    /// [env: LATCHKEY_RESTRICTED_ORG_CREATION] [default: false]
    #[arg(long, value_name = "BOOL")]
    pub(super) restricted_org_creation: Option<bool>,
    /// Root key, 32 random bytes; made at the first start [env: LATCHKEY_SECRET_KEY_FILE]
    /// [default: secret.key beside SQLite's database, or data/secret.key]
    #[arg(long, value_name = "FILE")]
    pub(super) secret_key_file: Option<PathBuf>,
    /// Requests a minute that one token or user may send by REST and gRPC together, 0 for no limit
    /// [env: LATCHKEY_API_RATE_LIMIT] [default: 1200]
    #[arg(long, value_name = "REQUESTS")]
    pub(super) api_rate_limit: Option<u32>,
    /// Requests a minute that all API tokens of one organization may send by REST and gRPC together, 0 for no limit
    /// [env: LATCHKEY_ORGANIZATION_RATE_LIMIT] [default: ten times the API rate limit]
    #[arg(long, value_name = "REQUESTS")]
    pub(super) organization_rate_limit: Option<u32>,
    /// Memory for what is remembered of tokens between requests, in MiB [env: LATCHKEY_MEMORY_MIB] [default: 128]
    #[arg(long, value_name = "MIB")]
    pub(super) memory_mib: Option<u32>,
    /// Tokens of an organization that are neither revoked nor expired, 0 for no limit
    /// [env: LATCHKEY_TOKENS_PER_ORGANIZATION] [default: 100000]
    #[arg(long, value_name = "TOKENS")]
    pub(super) tokens_per_organization: Option<u32>,
    /// Connections that may be open at the same time [env: LATCHKEY_MAX_CONNECTIONS]
    /// [default: 20000, or as many as there are files for]
    #[arg(long, value_name = "CONNECTIONS")]
    pub(super) max_connections: Option<usize>,
    /// The same of one address or IPv6 network (/64); this machine and trusted proxies may have more
    /// [env: LATCHKEY_MAX_CONNECTIONS_PER_ADDRESS] [default: 1024, or half of all]
    #[arg(long, value_name = "CONNECTIONS")]
    pub(super) max_connections_per_address: Option<usize>,
    /// What to log, as a tracing filter [env: LATCHKEY_LOG] [default: info]
    #[arg(long, value_name = "FILTER")]
    pub(super) log: Option<String>,
    /// How to log [env: LATCHKEY_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(super) log_format: Option<LogFormat>,
}

fn parse_id(text: &str) -> Result<Uuid, &'static str> {
    text.parse().map_err(|_| "must be an id such as 0193b9a0-0000-7000-8000-000000000001")
}
