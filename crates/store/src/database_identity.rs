//! What tells a database from a copy of it that was put in its place.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use latchkey_domain::Timestamp;
use uuid::Uuid;

use crate::{Store, StoreError, engine::Engine, primary};

/// Which database this is. A copy has another identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseIdentity {
    /// PostgreSQL: the database and the table of nonces, which a copy makes anew, and which history the server writes.
    /// SQLite: the inode of the file, and the name that a file beside it has.
    pub name: String,
    /// SQLite: when the file was last written to, or put there. `None` on PostgreSQL.
    pub written_at: Option<Timestamp>,
}

/// The identity of the database that the store is connected to.
pub async fn current(store: &Store) -> Result<DatabaseIdentity, StoreError> {
    const SQL: &str = "SELECT concat_ws(' ', d.oid, 'nonces'::regclass::oid, $1::bigint) \
        FROM pg_database d WHERE d.datname = current_database()";
    match &store.engine {
        Engine::Sqlite(sqlite) => Ok(of_file(&sqlite.file.path)),
        Engine::Postgres(postgres) => {
            let mut connection = postgres.pool.acquire().await?;
            let history = primary::history_id(&mut connection).await?;
            let name = sqlx::query_scalar(SQL).bind(history).fetch_one(&mut *connection).await?;
            Ok(DatabaseIdentity { name, written_at: None })
        }
    }
}

/// The identity that the database had when the store opened it: before a migration, which writes to the file.
pub async fn found(store: &Store) -> Result<DatabaseIdentity, StoreError> {
    match &store.engine {
        Engine::Sqlite(sqlite) => Ok(sqlite.found.clone()),
        Engine::Postgres(_) => current(store).await,
    }
}

/// Gives a SQLite database a new name, in the file beside it; PostgreSQL's is not ours to give. Returns the name. To be
/// called within the write that stores it.
pub async fn assign_name(store: &Store, new: Uuid) -> Result<String, StoreError> {
    if let Engine::Sqlite(sqlite) = &store.engine {
        fs::write(name_file(&sqlite.file.path), new.to_string()).map_err(sqlx::Error::Io)?;
    }
    Ok(current(store).await?.name)
}

/// The inode, and the name that stands in the database and in a file beside it, which a backup of the database alone does
/// not have.
pub(crate) fn of_file(database: &Path) -> DatabaseIdentity {
    let name = fs::read_to_string(name_file(database)).unwrap_or_default();
    let (inode, written_at) = file_status(database).unwrap_or_default();
    DatabaseIdentity { name: format!("{inode} {name}"), written_at }
}

fn name_file(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-place");
    path.into()
}

/// The file's inode, and when it was last written to or put where it is: a time that no program can set (`st_ctime` of
/// POSIX).
#[cfg(unix)]
fn file_status(file: &Path) -> io::Result<(u64, Option<Timestamp>)> {
    use std::os::unix::fs::MetadataExt;
    let status = fs::metadata(file)?;
    let micros = status.ctime().saturating_mul(1_000_000).saturating_add(status.ctime_nsec() / 1_000);
    Ok((status.ino(), Some(Timestamp::from_micros(micros))))
}

#[cfg(not(unix))]
fn file_status(_: &Path) -> io::Result<(u64, Option<Timestamp>)> {
    Ok((0, None))
}
