use std::sync::Arc;

use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::{
    StoreError,
    limits::Limits,
    list_cache::ListCache,
    postgres::PostgresDatabase,
    sqlite::{SqliteDatabase, SweepFlag},
    write_queue::{QUEUE_TIMEOUT, WriteQueues},
};

/// A database, SQLite or PostgreSQL. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) engine: Engine,
    pub(crate) write_queues: Arc<WriteQueues>,
    pub(crate) limits: Limits,
    pub(crate) list_cache: Arc<ListCache>,
}

#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Sqlite(SqliteDatabase),
    Postgres(PostgresDatabase),
}

/// Held while this replica sweeps; released when dropped or when the process dies.
pub struct SweepLock(SweepLockKind);

enum SweepLockKind {
    Sqlite(#[expect(dead_code, reason = "held for what dropping it does")] SweepFlag),
    /// The lock is the server's, and belongs to this connection.
    Postgres(Box<PgConnection>),
}

impl SweepLock {
    /// Lets the next sweep begin at once. Dropping the lock does the same, but PostgreSQL notices that a little later.
    pub async fn release(self) -> Result<(), StoreError> {
        if let SweepLockKind::Postgres(mut connection) = self.0 {
            sqlx::query("SELECT pg_advisory_unlock_all()").execute(&mut *connection).await?;
            connection.close().await?;
        }
        Ok(())
    }
}

impl Store {
    /// Opens `sqlite://path` (created when missing, WAL, foreign keys, one writer and a pool of readers) or
    /// `postgres://…`.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let (engine, write_queues) = match url.split_once(':') {
            Some(("sqlite", _)) => (Engine::Sqlite(SqliteDatabase::open(url).await?), SqliteDatabase::write_queues()),
            Some(("postgres" | "postgresql", _)) => {
                (Engine::Postgres(PostgresDatabase::open(url).await?), PostgresDatabase::write_queues())
            }
            // The URL may hold a password, so it is not repeated.
            _ => {
                let reason = "the database URL must begin with sqlite:// or postgres://";
                return Err(StoreError::Database(sqlx::Error::Configuration(reason.into())));
            }
        };
        let (write_queues, limits) = (Arc::new(write_queues), Limits::default());
        Ok(Self { engine, write_queues, limits, list_cache: Arc::default() })
    }

    /// The same database with other limits than [`READ_MAX`](crate::tokens::READ_MAX),
    /// [`CANDIDATES_MAX`](crate::tokens::CANDIDATES_MAX) and 5,000 rows a write: for tests, which would need a lot of
    /// rows otherwise.
    #[doc(hidden)]
    pub fn with_limits(self, read: u32, candidates: u32, expired: u32) -> Self {
        Self { limits: Limits { read, candidates, expired }, ..self }
    }

    /// Brings the schema up to date; safe to run from several replicas at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.migrate().await,
            Engine::Postgres(postgres) => postgres.migrate().await,
        }
    }

    /// How many reads there can be at once.
    pub fn readers(&self) -> usize {
        let connections = match &self.engine {
            Engine::Sqlite(sqlite) => return sqlite.readers.size(),
            Engine::Postgres(postgres) => postgres.pool.options().get_max_connections(),
        };
        usize::try_from(connections).unwrap_or(usize::MAX)
    }

    /// Answers when the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.query("SELECT 1").fetch_one::<i32>().await?;
        Ok(())
    }

    /// Runs a future whose reads come one after the other: on SQLite all of them run on one thread and one connection,
    /// which costs less than a change of threads for each. For reads that belong together, like those of a page; a place
    /// among the readers is taken as long as it runs.
    pub async fn reading<F>(&self, future: F) -> Result<F::Output, StoreError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => Ok(sqlite.readers.on_one_thread(future).await?),
            Engine::Postgres(_) => Ok(future.await),
        }
    }

    /// Takes the lock that lets one replica sweep at a time, or `None` when another holds it.
    pub async fn try_lock_sweep(&self) -> Result<Option<SweepLock>, StoreError> {
        let lock = match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.try_lock_sweep().map(SweepLockKind::Sqlite),
            Engine::Postgres(postgres) => postgres.try_lock_sweep().await?.map(Box::new).map(SweepLockKind::Postgres),
        };
        Ok(lock.map(SweepLock))
    }

    /// Closes every connection, after what runs has ended; or gives up, when a database keeps that from ending.
    pub async fn close(&self) {
        let closing = async {
            match &self.engine {
                Engine::Sqlite(sqlite) => sqlite.close().await,
                Engine::Postgres(postgres) => postgres.close().await,
            }
        };
        if timeout(QUEUE_TIMEOUT, closing).await.is_err() {
            tracing::warn!("connections to the database do not close in time");
        }
    }

    /// The text for the engine, where the two don't agree.
    pub(crate) fn dialect(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.engine {
            Engine::Sqlite(_) => sqlite,
            Engine::Postgres(_) => postgres,
        }
    }
}
