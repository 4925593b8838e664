//! The command line.

use clap::{Parser, Subcommand};
use uuid::Uuid;

use super::Settings;

/// Self-hosted portal for API tokens.
#[derive(Parser)]
#[command(name = "latchkey-server", version, about)]
#[command(after_help = "Every command takes every setting. A setting comes from its flag, from the file under the \
    flag's name with underscores, or from its environment variable: a flag wins over the file, the file over the \
    environment.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(super) settings: Settings,
}

/// What the program can do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve the portal and its API
    Serve {
        /// Fill an empty database with an example organization
        #[arg(long)]
        demo: bool,
    },
    /// Bring the database schema up to date, and end
    Migrate,
    /// Run auto-revoke once now, and end
    Sweep,
    /// End the API token, session or user token of an id for good, at once on every replica
    Revoke {
        /// Id of an API token of whatever level, a session or a user token
        #[arg(value_parser = parse_id)]
        id: Uuid,
    },
    /// List the instance's own API tokens
    Tokens,
    /// List the accounts
    Users,
    /// Lock an account, and end all that it is signed in with
    LockUser {
        /// Email of the account
        email: String,
    },
    /// Open a locked account again
    UnlockUser {
        /// Email of the account
        email: String,
    },
    /// End all that an account is signed in with
    SignOut {
        /// Email of the account
        email: String,
    },
    /// Set an account's password, which is read from standard input, and end all that it is signed in with
    SetPassword {
        /// Email of the account
        email: String,
    },
    /// List, retry or drop messages that wait to be delivered or were given up
    Outbox {
        #[command(subcommand)]
        command: OutboxCommand,
    },
    /// Check the configuration, the database and the built assets, and end
    Doctor,
}

/// What can be done with messages.
#[derive(Subcommand)]
pub(crate) enum OutboxCommand {
    /// List the messages that are not delivered, oldest first
    List,
    /// Deliver a message that was given up or waits for its next attempt, as if it were new
    Retry {
        /// Id of the message
        #[arg(value_parser = parse_id)]
        id: Uuid,
    },
    /// Remove a message without delivering it
    Drop {
        /// Id of the message
        #[arg(value_parser = parse_id)]
        id: Uuid,
    },
}

fn parse_id(text: &str) -> Result<Uuid, &'static str> {
    text.parse().map_err(|_| "must be an id such as 0193b9a0-0000-7000-8000-000000000001")
}
