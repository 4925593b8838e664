use std::{
    fs, io,
    path::Path,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{sync::Mutex, time::sleep};

use crate::{
    StoreError,
    database_file::{DatabaseFile, WAIT_AFTER_OPENING},
    database_identity::{self, DatabaseIdentity},
    sqlite_readers::SqliteReaders,
    write_queue::{QUEUE_TIMEOUT, WriteQueues},
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Reads at once, and urgent ones.
const READERS: usize = 4;
const URGENT_READERS: usize = 2;
/// How long a migration waits for another process that migrates.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// The connections to a SQLite database.
#[derive(Clone, Debug)]
pub(crate) struct SqliteDatabase {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqliteReaders,
    /// For what each verification may wait for, so that it never waits for a place that pages and exports have.
    pub(crate) urgent_readers: SqliteReaders,
    /// What the database was when it was opened, before anything was written.
    pub(crate) found: DatabaseIdentity,
    pub(crate) file: Arc<DatabaseFile>,
    sweeping: Arc<AtomicBool>,
    /// Open as long as the store is. The last connection to close removes the files that all processes share, and
    /// after errors all those of the pools may be closed at once.
    keepalive: Arc<Mutex<Option<SqliteConnection>>>,
}

/// Set while this process sweeps.
pub(crate) struct SweepFlag(Arc<AtomicBool>);

impl Drop for SweepFlag {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl SqliteDatabase {
    /// Opens `sqlite://path`; makes the file when it is missing.
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        let configured = SqliteConnectOptions::from_str(url)?;
        if url.contains(":memory:") || url.contains("mode=memory") {
            // Every connection would see a database of its own.
            let reason = "an in-memory database can't be shared by several connections; name a file";
            return Err(StoreError::Database(sqlx::Error::Configuration(reason.into())));
        }
        create(configured.get_filename()).map_err(sqlx::Error::Io)?;

        let file = Arc::new(DatabaseFile::open(configured.get_filename()).map_err(sqlx::Error::Io)?);
        let found = database_identity::of_file(&file.path);
        let options = configured
            .filename(&file.path)
            .create_if_missing(false)
            .foreign_keys(true)
            .busy_timeout(QUEUE_TIMEOUT)
            .statement_cache_capacity(500)
            .pragma("temp_store", "memory")
            .pragma("mmap_size", "268435456");
        let pool = || {
            let file = file.clone();
            SqlitePoolOptions::new()
                .after_connect(move |_, _| {
                    // It may have been opened after the file was replaced.
                    let unchanged = file.check_now();
                    Box::pin(async { unchanged })
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
        let readers = SqliteReaders::new(file.clone(), READERS);
        let urgent_readers = SqliteReaders::new(file.clone(), URGENT_READERS);
        let mut keepalive = options.pragma("query_only", "on").connect().await?;
        // A connection opens the WAL with its first read.
        sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&mut keepalive).await?;
        file.note_wal_files();
        sleep(WAIT_AFTER_OPENING).await;
        let keepalive = Arc::new(Mutex::new(Some(keepalive)));
        Ok(Self { writer, readers, urgent_readers, found, file, sweeping: Arc::default(), keepalive })
    }

    /// There is one writer: one write is under way, and one more may wait for it already.
    pub(crate) fn write_queues() -> WriteQueues {
        WriteQueues::new(2, 1)
    }

    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        // On a connection of its own, which nobody uses afterwards, whatever became of it.
        let options = self.writer.connect_options().as_ref().clone().busy_timeout(MIGRATION_TIMEOUT);
        let mut connection = options.connect().await?;
        self.file.check_now()?;
        let applied: Option<i64> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut connection).await.ok();
        let newest = MIGRATIONS.iter().last().map(|migration| migration.version);
        if applied.is_some() && applied < newest {
            tracing::info!(
                from = applied,
                to = newest,
                "migrating the database; nothing can be written until it is done"
            );
        }
        // sqlx takes no lock on SQLite: this transaction is it, should two processes start at once.
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
        MIGRATIONS.run_direct(None, &mut *tx, false).await?;
        tx.commit().await?;
        // Writes a page, whatever its value was.
        let commit = async { sqlx::query("PRAGMA user_version = 0").execute(&mut connection).await.map(|_| ()) };
        self.file.verify_wal_header(commit).await;
        Ok(connection.close().await?)
    }

    /// `None` while another sweep of this process has it.
    pub(crate) fn try_lock_sweep(&self) -> Option<SweepFlag> {
        let taken = self.sweeping.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        taken.then(|| SweepFlag(self.sweeping.clone()))
    }

    pub(crate) async fn close(&self) {
        // The last to close writes the WAL back and removes it, which readers can't.
        self.readers.close().await;
        self.urgent_readers.close().await;
        if let Some(keepalive) = self.keepalive.lock().await.take()
            && let Err(error) = keepalive.close().await
        {
            tracing::debug!(%error, "a connection to the database did not close in order");
        }
        self.writer.close().await;
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
