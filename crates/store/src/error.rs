use sqlx::{error::DatabaseError, migrate::MigrateError, postgres::PgDatabaseError};
use thiserror::Error;

/// What can go wrong below the use cases. Its text is for the log, never for a client.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A unique index refused the row.
    #[error("{0} exists already")]
    Conflict(Conflict),
    /// The database can't be reached, or is too busy to answer in time.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// So many writes wait already that this one would be in vain.
    #[error("too many writes wait for the database")]
    Busy,
    /// The database has aborted this transaction because of another one (a deadlock or a serialization failure). The same
    /// may work at once.
    #[error("the database aborted this transaction because of another one: {0}")]
    Aborted(#[source] sqlx::Error),
    /// Anything else.
    #[error(transparent)]
    Database(sqlx::Error),
    /// A migration failed, or the database is newer than the program.
    #[error(transparent)]
    Migrate(MigrateError),
}

/// What there can be only one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Conflict {
    #[error("token name")]
    TokenName,
    /// Of a form that was sent twice.
    #[error("creation key")]
    CreationKey,
    #[error("secret")]
    Secret,
    #[error("token")]
    Token,
    #[error("organization name")]
    OrganizationName,
    #[error("project name")]
    ProjectName,
    #[error("repository name")]
    RepositoryName,
    #[error("email")]
    Email,
    #[error("membership")]
    Membership,
    #[error("invitation")]
    Invitation,
    #[error("retired secret")]
    RetiredSecret,
    #[error("idempotency key")]
    IdempotencyKey,
    /// Of any other unique index.
    #[error("row")]
    Other,
}

/// Unique indexes: the name, which PostgreSQL reports; the columns, which SQLite reports; the conflict.
const UNIQUE: [(&str, &str, Conflict); 15] = [
    ("api_tokens_name", "api_tokens.owner_id, api_tokens.name_key", Conflict::TokenName),
    ("api_tokens_creation_key", "api_tokens.created_by_id, api_tokens.creation_key", Conflict::CreationKey),
    ("api_tokens_hash", "api_tokens.hash", Conflict::Secret),
    ("api_tokens_pkey", "api_tokens.id", Conflict::Token),
    ("organizations_name", "organizations.name", Conflict::OrganizationName),
    ("projects_name", "projects.organization_id, projects.name", Conflict::ProjectName),
    ("projects_key", "projects.organization_id, projects.name_key", Conflict::ProjectName),
    ("repositories_name", "repositories.organization_id, repositories.name", Conflict::RepositoryName),
    ("users_email", "users.email", Conflict::Email),
    ("memberships_id", "memberships.id", Conflict::Membership),
    ("invitations_link", "invitations.link_hash", Conflict::Secret),
    ("invitations_pending", "invitations.organization_id, invitations.email", Conflict::Invitation),
    ("retired_secrets_pkey", "retired_secrets.hash", Conflict::RetiredSecret),
    ("idempotency_keys_pkey", "idempotency_keys.hash", Conflict::IdempotencyKey),
    ("memberships_pkey", "memberships.organization_id, memberships.user_id", Conflict::Membership),
];

impl StoreError {
    /// Why the database is not believed, although it answers.
    pub fn untrusted(&self) -> Option<&'static str> {
        match self {
            Self::Unavailable(error) => UntrustedDatabase::of(error).map(|UntrustedDatabase(reason)| reason),
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
            if has_code(database, &["40001", "40P01"], &[]) {
                return Self::Aborted(error);
            }
            if transient(database) {
                return Self::Unavailable(error);
            }
        }
        if UntrustedDatabase::of(&error).is_some() {
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

/// Tells a database that can't be reached from a migration that is wrong.
impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => match error.into() {
                Self::Database(error) => Self::Migrate(MigrateError::Execute(error)),
                other => other,
            },
            error => Self::Migrate(error),
        }
    }
}

fn conflict(error: &dyn DatabaseError) -> Conflict {
    let columns = error.message().rsplit_once("UNIQUE constraint failed: ").map(|(_, columns)| columns);
    UNIQUE
        .into_iter()
        .find(|(index, theirs, _)| error.constraint() == Some(index) || columns == Some(theirs))
        .map_or(Conflict::Other, |(_, _, conflict)| conflict)
}

/// Whether the same request could succeed a moment later.
fn transient(error: &dyn DatabaseError) -> bool {
    // Connection, read-only, resources, a file of the server; shutdown; a database that lets nobody in; lock time-outs.
    // BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN.
    has_code(error, &["08", "25006", "53", "57P", "58", "55000", "55P03"], &[5, 6, 7, 8, 10, 13, 14])
}

/// Whether the connection was lost: the same statement may work on another one.
pub(crate) fn is_connection_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => true,
        // Connection exceptions; a server that hangs up: terminated, crashed, not there yet.
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P0"))
        }
        _ => false,
    }
}

/// Whether PostgreSQL takes no writes, or this session of it.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| has_code(error, &["25006"], &[]))
}

/// Whether a migration waited longer for a lock than `lock_timeout` says.
pub(crate) fn is_lock_timeout(error: &MigrateError) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error) {
            return has_code(error, &["55P03"], &[]);
        }
        source = error.source();
    }
    false
}

/// Whether nobody knows after this error what state the connection is in, or another one may do better: it is not used
/// again. What only says something about the statement is not among these.
pub(crate) fn is_connection_suspect(error: &sqlx::Error) -> bool {
    use sqlx::Error;
    match error {
        // Connection, transaction (read-only ones, too: a session stays so), prepared statements that are gone or have
        // changed, memory, shutdown, files, faults of the server.
        // NOMEM, READONLY (SQLite falls back to that when it opens a file), IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL,
        // MISUSE, NOTADB.
        Error::Database(error) => has_code(
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
fn has_code(error: &dyn DatabaseError, postgres: &[&str], sqlite: &[u32]) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        return postgres.iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|code| sqlite.contains(&(code & 0xff)))
}

/// A stored value that this program doesn't know.
pub(crate) fn invalid_value(what: &'static str) -> StoreError {
    StoreError::Database(sqlx::Error::Decode(format!("unknown {what}").into()))
}

/// The database answers, but not with what was committed last.
pub(crate) fn untrusted(reason: &'static str) -> sqlx::Error {
    sqlx::Error::Configuration(Box::new(UntrustedDatabase(reason)))
}

/// Why what a database answers is not believed.
#[derive(Clone, Copy, Debug, Error)]
#[error("{0}")]
pub(crate) struct UntrustedDatabase(&'static str);

impl UntrustedDatabase {
    pub(crate) fn of(error: &sqlx::Error) -> Option<Self> {
        match error {
            sqlx::Error::Configuration(error) => error.downcast_ref().copied(),
            _ => None,
        }
    }
}
