use sqlx::{error::DatabaseError, postgres::PgDatabaseError};
use thiserror::Error;

use crate::servers::Untrusted;

/// What can go wrong below the use cases. Its text is for the log, never for a client.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A unique index refused the row; names what there can be only one of.
    #[error("{0} exists already")]
    Conflict(&'static str),
    /// The database can't be reached, or is too busy to answer in time.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Anything else.
    #[error(transparent)]
    Database(sqlx::Error),
    /// A migration failed, or the database is newer than the program.
    #[error(transparent)]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// Unique indexes: the name, which PostgreSQL reports; the columns, which SQLite reports; what a conflict is called.
const UNIQUE: [(&str, &str, &str); 15] = [
    ("api_tokens_name", "api_tokens.owner_id, api_tokens.name_key", "token name"),
    ("api_tokens_creation_key", "api_tokens.created_by_id, api_tokens.creation_key", "creation key"),
    ("api_tokens_hash", "api_tokens.hash", "secret"),
    ("api_tokens_pkey", "api_tokens.id", "token"),
    ("organizations_name", "organizations.name", "organization name"),
    ("projects_name", "projects.organization_id, projects.name", "project name"),
    ("projects_key", "projects.organization_id, projects.name_key", "project name"),
    ("repositories_name", "repositories.organization_id, repositories.name", "repository name"),
    ("users_email", "users.email", "email"),
    ("memberships_id", "memberships.id", "membership"),
    ("invitations_link", "invitations.link_hash", "secret"),
    ("invitations_pending", "invitations.organization_id, invitations.email", "invitation"),
    ("retired_secrets_pkey", "retired_secrets.hash", "retired secret"),
    ("idempotency_keys_pkey", "idempotency_keys.hash", "idempotency key"),
    ("memberships_pkey", "memberships.organization_id, memberships.user_id", "membership"),
];

impl StoreError {
    /// Why the database is not believed, although it answers.
    pub fn untrusted(&self) -> Option<&'static str> {
        match self {
            Self::Unavailable(error) => Untrusted::of(error).map(|Untrusted(reason)| reason),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(database) = error.as_database_error() {
            if database.is_unique_violation() {
                return Self::Conflict(conflict(database));
            }
            if transient(database) {
                return Self::Unavailable(error);
            }
        }
        if Untrusted::of(&error).is_some() {
            return Self::Unavailable(error);
        }
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(error),
            error => Self::Database(error),
        }
    }
}

fn conflict(error: &dyn DatabaseError) -> &'static str {
    let columns = error.message().rsplit_once("UNIQUE constraint failed: ").map(|(_, columns)| columns);
    UNIQUE
        .into_iter()
        .find(|(index, theirs, _)| error.constraint() == Some(index) || columns == Some(theirs))
        .map_or("row", |(_, _, called)| called)
}

/// Whether the same request could succeed a moment later.
fn transient(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        // Classes of SQLSTATE: connection, resources, shutdown; a database that lets nobody in; then serialization,
        // deadlock and lock time-outs.
        return ["08", "53", "57P", "55000", "40001", "40P01", "55P03"].iter().any(|class| code.starts_with(class));
    }
    // The primary result code is the low byte: BUSY, LOCKED, IOERR, FULL, CANTOPEN.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14))
}

/// A stored value that this program doesn't know.
pub(crate) fn unknown(what: &'static str) -> StoreError {
    StoreError::Database(sqlx::Error::Decode(format!("unknown {what}").into()))
}
