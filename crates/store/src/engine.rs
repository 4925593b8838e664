use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx::{Connection, PgConnection, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use uuid::Uuid;

use crate::{
    StoreError, changes,
    file::DatabaseFile,
    postgres,
    servers::Servers,
    sqlite,
    tokens::{CANDIDATES_MAX, READ_MAX, Recent, SETTLED_MAX},
};

/// A database, SQLite or PostgreSQL. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) recent: Arc<Recent>,
    pub(crate) servers: Servers,
}

#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Sqlite { writer: SqlitePool, readers: SqlitePool, sweeping: Arc<AtomicBool>, file: Arc<DatabaseFile> },
    Postgres(PgPool),
}

/// How many rows one statement reads or writes; the defaults are constants of [`crate::tokens`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) read: u32,
    pub(crate) candidates: u32,
    pub(crate) settled: u32,
}

/// A write transaction. Dropped without [`Tx::commit`], it leaves nothing behind.
pub struct Tx {
    pub(crate) begun: Begun,
    /// What replicas must not remember any longer once this is committed.
    pub(crate) changed: Vec<Uuid>,
}

pub(crate) enum Begun {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
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

/// Runs a body with a pool to read from, whichever engine it is. Once more when the connection turns out to be dead.
macro_rules! reading {
    ($store:expr, $db:ident => $body:expr) => {
        match &$store.engine {
            $crate::engine::Engine::Sqlite { readers: $db, file, .. } => match file.fit() {
                Ok(()) => $body,
                Err(error) => Err(error),
            },
            $crate::engine::Engine::Postgres($db) => match $body {
                Err(error) if $crate::servers::lost(&error) => {
                    $store.servers.doubt();
                    $body
                }
                done => done,
            },
        }
    };
}

/// Runs a body with the connection of a write transaction, whichever engine it is.
macro_rules! writing {
    ($tx:expr, $db:ident => $body:expr) => {
        match &mut $tx.begun {
            $crate::engine::Begun::Sqlite(tx) => {
                let $db = &mut **tx;
                $body
            }
            $crate::engine::Begun::Postgres(tx) => {
                let $db = &mut **tx;
                $body
            }
        }
    };
}

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
        let engine = match url.split_once(':') {
            Some(("sqlite", _)) => sqlite::open(url).await?,
            Some(("postgres" | "postgresql", _)) => postgres::open(url, &servers).await?,
            // The URL may hold a password, so it is not repeated.
            _ => {
                let reason = "the database URL must begin with sqlite:// or postgres://";
                return Err(StoreError::Database(sqlx::Error::Configuration(reason.into())));
            }
        };
        let limits = Limits { read: READ_MAX, candidates: CANDIDATES_MAX, settled: SETTLED_MAX };
        Ok(Self { engine, limits, recent: Arc::default(), servers })
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
            Engine::Postgres(pool) => postgres::migrate(pool).await,
        }
    }

    /// Begins a write: `BEGIN IMMEDIATE` on SQLite's one writer.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let begun = match &self.engine {
            Engine::Sqlite { writer, file, .. } => {
                file.fit()?;
                Begun::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Engine::Postgres(pool) => Begun::Postgres(pool.begin().await?),
        };
        Ok(Tx { begun, changed: Vec::new() })
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
            Engine::Postgres(pool) => {
                postgres::try_lock_sweep(pool).await?.map(|connection| Held::Connection(Box::new(connection)))
            }
        };
        Ok(held.map(|held| SweepLock { held }))
    }

    /// Closes every connection, after what runs has ended.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { writer, readers, .. } => {
                // The last to close writes the WAL back and removes it, which readers can't.
                readers.close().await;
                writer.close().await;
            }
            Engine::Postgres(pool) => pool.close().await,
        }
    }

    /// The text for the engine, where the two don't agree.
    pub(crate) fn dialect(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.engine {
            Engine::Sqlite { .. } => sqlite,
            Engine::Postgres(_) => postgres,
        }
    }
}

impl Tx {
    /// Makes the change last: once this has returned, a crash can't undo it.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let changed = std::mem::take(&mut self.changed);
        changes::note(&mut self, changed).await?;
        match self.begun {
            Begun::Sqlite(tx) => tx.commit().await?,
            Begun::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// The text for the engine, where the two don't agree.
    pub(crate) fn dialect(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.begun {
            Begun::Sqlite(_) => sqlite,
            Begun::Postgres(_) => postgres,
        }
    }
}
