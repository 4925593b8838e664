use sqlx::{error::DatabaseError, postgres::PgDatabaseError};
use thiserror::Error;

/// What can go wrong below the use cases. Its text is for the log, never for a client.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A unique index refused the row; names what there can be only one of.
    #[error("{0} exists already")]
    Conflict(&'static str),
    /// The database can't be reached, or is too busy to answer in time.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// So many writes wait already that this one would be in vain.
    #[error("too many writes wait for the database")]
    Busy,
    /// The database has undone this transaction because of another one. The same may work at once.
    #[error("the database gave this up for another transaction: {0}")]
    GivenUp(#[source] sqlx::Error),
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

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(database) = error.as_database_error() {
            if database.is_unique_violation() {
                return Self::Conflict(conflict(database));
            }
            if is_any(database, &["40001", "40P01"], &[]) {
                return Self::GivenUp(error);
            }
            if transient(database) {
                return Self::Unavailable(error);
            }
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
    // Connection, read-only, resources, a file of the server; shutdown; a database that lets nobody in; lock time-outs.
    // BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN.
    is_any(error, &["08", "25006", "53", "57P", "58", "55000", "55P03"], &[5, 6, 7, 8, 10, 13, 14])
}

/// Whether PostgreSQL takes no writes, or this session of it.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| is_any(error, &["25006"], &[]))
}

/// Whether the server has hung up, or can't be understood.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => is_any(error.as_ref(), &["08", "57P"], &[]),
        error => doubtful(error),
    }
}

/// Whether nobody knows after this error what state the connection is in, or another one may do better: it is not used
/// again. What only says something about the statement is not among these.
pub(crate) fn doubtful(error: &sqlx::Error) -> bool {
    use sqlx::Error;
    match error {
        // Connection, transaction (read-only ones, too: a session stays so), prepared statements that are gone or have
        // changed, memory, shutdown, files, faults of the server.
        // NOMEM, READONLY (SQLite falls back to that when it opens a file), IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL,
        // MISUSE, NOTADB.
        Error::Database(error) => is_any(
            error.as_ref(),
            &["08", "0A000", "25", "26", "53200", "57P", "58", "XX"],
            &[7, 8, 10, 11, 13, 14, 15, 21, 26],
        ),
        Error::RowNotFound
        | Error::TypeNotFound { .. }
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::ColumnNotFound(_)
        | Error::ColumnDecode { .. }
        | Error::Encode(_)
        | Error::Decode(_) => false,
        _ => true,
    }
}

/// Whether an error of PostgreSQL is of one of these classes of SQLSTATE, or one of SQLite has one of these primary
/// result codes (the low byte).
fn is_any(error: &dyn DatabaseError, postgres: &[&str], sqlite: &[u32]) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        return postgres.iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|code| sqlite.contains(&(code & 0xff)))
}

/// A stored value that this program doesn't know.
pub(crate) fn unknown(what: &'static str) -> StoreError {
    StoreError::Database(sqlx::Error::Decode(format!("unknown {what}").into()))
}
