use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, atomic::AtomicBool},
};

use latchkey_domain::Timestamp;
use sqlx::{
    ConnectOptions, Connection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Mutex;

use uuid::Uuid;

use crate::{
    StoreError,
    engine::Engine,
    file::DatabaseFile,
    lanes::{Lanes, QUEUE_TIMEOUT},
    nonces::Place,
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

const READERS: u32 = 4;

/// There is one writer: one write is under way, and one more may wait for it already.
pub(crate) fn lanes() -> Lanes {
    Lanes::new(2, 1)
}

pub(crate) async fn open(url: &str) -> Result<Engine, StoreError> {
    let file = SqliteConnectOptions::from_str(url)?;
    if url.contains(":memory:") || url.contains("mode=memory") {
        // Every connection would see a database of its own.
        let reason = "an in-memory database can't be shared by several connections; name a file";
        return Err(StoreError::Database(sqlx::Error::Configuration(reason.into())));
    }
    create(file.get_filename()).map_err(sqlx::Error::Io)?;

    let (options, file) = (file.clone(), DatabaseFile::open(file.get_filename()).map_err(sqlx::Error::Io)?);
    let file = Arc::new(file);
    let options = options
        .filename(&file.path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(QUEUE_TIMEOUT)
        .statement_cache_capacity(500)
        // A page of rows crosses from the thread of the connection in one go, not row by row.
        .row_buffer_size(1_024)
        .pragma("temp_store", "memory")
        .pragma("mmap_size", "268435456");
    let pool = || {
        let file = file.clone();
        SqlitePoolOptions::new()
            .after_connect(move |_, _| {
                // It may have been opened after the file was replaced.
                let fit = file.fit();
                Box::pin(async { fit })
            })
            .acquire_timeout(QUEUE_TIMEOUT)
            // There is no server that could hang up, so connections are neither tested nor replaced.
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    let writing = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL would lose the last commits in a power cut: an acknowledged revocation would come undone.
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-32768")
        .pragma("journal_size_limit", "67108864");
    let writer = pool().max_connections(1).connect_with(writing).await?;
    let reading = options.pragma("cache_size", "-8192").pragma("query_only", "on");
    let readers = pool().max_connections(READERS).connect_with(reading.clone()).await?;
    let mut anchor = reading.connect().await?;
    // Only who has read has opened the WAL.
    sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&mut anchor).await?;
    let anchor = Arc::new(Mutex::new(Some(anchor)));
    Ok(Engine::Sqlite { writer, readers, sweeping: Arc::new(AtomicBool::new(false)), file, anchor })
}

pub(crate) async fn migrate(writer: &SqlitePool, file: &DatabaseFile) -> Result<(), StoreError> {
    // On a connection of its own, which nobody uses afterwards, whatever became of it.
    let mut connection = writer.connect_options().connect().await?;
    // sqlx takes no lock on SQLite: this transaction is it, should two processes start at once.
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    MIGRATIONS.run_direct(None, &mut *tx, false).await.map_err(failed)?;
    tx.commit().await?;
    // Writes a page, whatever its value was.
    let commit = async { sqlx::query("PRAGMA user_version = 0").execute(&mut connection).await.map(|_| ()) };
    file.prove(commit).await;
    Ok(connection.close().await?)
}

/// Tells a database that can't be reached from a migration that is wrong.
pub(crate) fn failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) => match error.into() {
            unavailable @ StoreError::Unavailable(_) => unavailable,
            StoreError::Database(error) => StoreError::Migrate(MigrateError::Execute(error)),
            other => other,
        },
        error => StoreError::Migrate(error),
    }
}

/// Makes the file and its folder when they are missing, for nobody else to read. The WAL takes the file's mode.
fn create(path: &Path) -> io::Result<()> {
    let mut file = fs::OpenOptions::new();
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true);
    file.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        file.mode(0o600);
        folder.mode(0o700);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        folder.create(parent)?;
    }
    match file.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// What tells the file from a copy: its number, and a name that stands in the database and in a file beside it, which a
/// backup of the database alone does not have.
pub(crate) fn place(file: &Path) -> Place {
    let name = fs::read_to_string(beside(file)).unwrap_or_default();
    let (number, written_at) = of_file(file);
    Place { name: format!("{number} {name}"), written_at }
}

/// Writes that name.
pub(crate) fn name_place(file: &Path, new: Uuid) -> io::Result<()> {
    fs::write(beside(file), new.to_string())
}

fn beside(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push("-place");
    path.into()
}

/// The file's number, and when it was last written to or put where it is: a time that no program can set (`st_ctime` of
/// POSIX).
#[cfg(unix)]
fn of_file(file: &Path) -> (u64, Option<Timestamp>) {
    use std::os::unix::fs::MetadataExt;
    let Ok(of) = fs::metadata(file) else { return (0, None) };
    let micros = of.ctime().saturating_mul(1_000_000).saturating_add(of.ctime_nsec() / 1_000);
    (of.ino(), Some(Timestamp::from_micros(micros)))
}

#[cfg(not(unix))]
fn of_file(_: &Path) -> (u64, Option<Timestamp>) {
    (0, None)
}
