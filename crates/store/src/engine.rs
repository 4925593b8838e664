use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx::{Connection, PgConnection, PgPool, SqliteConnection, SqlitePool};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    StoreError,
    file::DatabaseFile,
    lanes::{Lanes, QUEUE_TIMEOUT},
    postgres,
    servers::Servers,
    sqlite,
    tokens::{CANDIDATES_MAX, EXPIRED_MAX, READ_MAX, Recent},
};

/// A database, SQLite or PostgreSQL. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) engine: Engine,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) limits: Limits,
    pub(crate) recent: Arc<Recent>,
    pub(crate) servers: Servers,
}

#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        sweeping: Arc<AtomicBool>,
        file: Arc<DatabaseFile>,
        /// Open as long as the store is. The last connection to close removes the files that all processes share, and
        /// after errors all those of the pools may be closed at once.
        anchor: Arc<Mutex<Option<SqliteConnection>>>,
    },
    Postgres {
        pool: PgPool,
        /// For urgent writes, so that these never wait for a connection that a stranger's request has.
        urgent: PgPool,
        sessions: Arc<postgres::Sessions>,
    },
}

/// How many rows one statement reads or writes; the defaults are constants of [`crate::tokens`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) read: u32,
    pub(crate) candidates: u32,
    pub(crate) settled: u32,
}

/// Held while this replica sweeps; released when dropped or when the process dies.
pub struct SweepLock {
    held: Held,
}

enum Held {
    Flag(#[expect(dead_code, reason = "held for what dropping it does")] Flag),
    /// The lock is the server's, and belongs to this connection.
    Connection(Box<PgConnection>),
}

struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Runs a body with a connection to read from, whichever engine it is. Once more when the connection turns out to be dead.
macro_rules! reading {
    ($store:expr, $db:ident => $body:expr) => {
        match &$store.engine {
            $crate::engine::Engine::Sqlite { readers, file, .. } => match file.fit() {
                Ok(()) => $crate::engine::reading!(in readers, $db => $body, |_| {}),
                Err(error) => Err(error),
            },
            $crate::engine::Engine::Postgres { pool, sessions, .. } => {
                let failed = |error: &_| sessions.failed(error);
                match $crate::engine::reading!(in pool, $db => $body, failed) {
                    Err(error) if $crate::servers::lost(&error) => {
                        $crate::engine::reading!(in pool, $db => $body, failed)
                    }
                    done => done,
                }
            }
        }
    };
    (in $pool:expr, $db:ident => $body:expr, $failed:expr) => {
        match $pool.acquire().await {
            Ok(mut connection) => {
                let done = {
                    let $db = &mut *connection;
                    $body
                };
                if let Some(error) = done.as_ref().err().filter(|error| $crate::error::doubtful(error)) {
                    let failed: &dyn Fn(&sqlx::Error) = &$failed;
                    failed(error);
                    connection.close_on_drop();
                }
                done
            }
            Err(error) => Err(error),
        }
    };
}
pub(crate) use reading;

impl SweepLock {
    /// Lets the next sweep begin at once. Dropping the lock does the same, but PostgreSQL notices that a little later.
    pub async fn release(self) -> Result<(), StoreError> {
        if let Held::Connection(mut connection) = self.held {
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
        let servers = Servers::default();
        let (engine, lanes) = match url.split_once(':') {
            Some(("sqlite", _)) => (sqlite::open(url).await?, sqlite::lanes()),
            Some(("postgres" | "postgresql", _)) => (postgres::open(url, &servers).await?, postgres::lanes()),
            // The URL may hold a password, so it is not repeated.
            _ => {
                let reason = "the database URL must begin with sqlite:// or postgres://";
                return Err(StoreError::Database(sqlx::Error::Configuration(reason.into())));
            }
        };
        let limits = Limits { read: READ_MAX, candidates: CANDIDATES_MAX, settled: EXPIRED_MAX };
        Ok(Self { engine, lanes: Arc::new(lanes), servers, limits, recent: Arc::default() })
    }

    /// The same database with other limits than [`READ_MAX`], [`CANDIDATES_MAX`] and 5,000 rows a write: for tests,
    /// which would need a lot of rows otherwise.
    #[doc(hidden)]
    pub fn with_limits(self, read: u32, candidates: u32, settled: u32) -> Self {
        Self { limits: Limits { read, candidates, settled }, ..self }
    }

    /// Brings the schema up to date; safe to run from several replicas at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite { writer, file, .. } => sqlite::migrate(writer, file).await,
            Engine::Postgres { pool, .. } => postgres::migrate(pool).await,
        }
    }

    /// How many reads there can be at once.
    pub fn readers(&self) -> usize {
        let connections = match &self.engine {
            Engine::Sqlite { readers, .. } => readers.options().get_max_connections(),
            Engine::Postgres { pool, .. } => pool.options().get_max_connections(),
        };
        usize::try_from(connections).unwrap_or(usize::MAX)
    }

    /// Answers when the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        reading!(self, db => sqlx::query("SELECT 1").execute(db).await.map(|_| ()))?;
        Ok(())
    }

    /// Takes the lock that lets one replica sweep at a time, or `None` when another holds it.
    pub async fn try_lock_sweep(&self) -> Result<Option<SweepLock>, StoreError> {
        let held = match &self.engine {
            Engine::Sqlite { sweeping, .. } => sweeping
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
                .then(|| Held::Flag(Flag(sweeping.clone()))),
            Engine::Postgres { pool, .. } => {
                postgres::try_lock_sweep(pool).await?.map(|connection| Held::Connection(Box::new(connection)))
            }
        };
        Ok(held.map(|held| SweepLock { held }))
    }

    /// Closes every connection, after what runs has ended; or gives up, when a database keeps that from ending.
    pub async fn close(&self) {
        if timeout(QUEUE_TIMEOUT, self.close_all()).await.is_err() {
            tracing::warn!("connections to the database do not close in time");
        }
    }

    async fn close_all(&self) {
        match &self.engine {
            Engine::Sqlite { writer, readers, anchor, .. } => {
                // The last to close writes the WAL back and removes it, which readers can't.
                readers.close().await;
                if let Some(anchor) = anchor.lock().await.take()
                    && let Err(error) = anchor.close().await
                {
                    tracing::debug!(%error, "a connection to the database did not close in order");
                }
                writer.close().await;
            }
            Engine::Postgres { pool, urgent, .. } => {
                pool.close().await;
                urgent.close().await;
            }
        }
    }

    /// The text for the engine, where the two don't agree.
    pub(crate) fn dialect(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.engine {
            Engine::Sqlite { .. } => sqlite,
            Engine::Postgres { .. } => postgres,
        }
    }
}
