use std::{
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    Connection, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::sleep;

use crate::{
    StoreError,
    error::{is_connection_lost, is_lock_timeout, is_read_only},
    primary::PrimaryTracker,
    write_queue::{QUEUE_TIMEOUT, WriteQueues},
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

const CONNECTIONS: u32 = 16;
/// For urgent writes alone.
const URGENT_CONNECTIONS: u32 = 4;
/// How long a migration is tried, and how long it leaves a table to others in between.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);
const MIGRATION_RETRY: Duration = Duration::from_secs(1);
/// Names the sweep among the database's advisory locks: "latchkey" in ASCII.
const SWEEP_LOCK: i64 = 0x6c61_7463_686b_6579;

/// The connections to a PostgreSQL database.
#[derive(Clone, Debug)]
pub(crate) struct PostgresDatabase {
    pub(crate) pool: PgPool,
    /// For urgent writes, so that these never wait for a connection that a stranger's request has.
    pub(crate) urgent: PgPool,
    pub(crate) health: Arc<ConnectionHealth>,
    pub(crate) primary: PrimaryTracker,
}

/// Which pooled connections are not to be used again, although nothing was wrong when they were used last.
#[derive(Debug)]
pub(crate) struct ConnectionHealth {
    primary: PrimaryTracker,
    read_only: AtomicBool,
    writable_since: Mutex<Option<Instant>>,
}

impl ConnectionHealth {
    fn new(primary: PrimaryTracker) -> Self {
        Self { primary, read_only: AtomicBool::new(false), writable_since: Mutex::default() }
    }

    /// After an error: a server that has hung up on one may have done so on all, and a session that was opened while the
    /// database was read-only stays so.
    pub(crate) fn record_error(&self, error: &sqlx::Error) {
        if is_connection_lost(error) {
            self.primary.suspect_connections();
        } else if is_read_only(error) {
            self.read_only.store(true, Ordering::Relaxed);
        }
    }

    /// After a write.
    pub(crate) fn record_commit(&self) {
        if self.read_only.load(Ordering::Relaxed) && self.read_only.swap(false, Ordering::Relaxed) {
            *self.writable_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    /// Whether a connection of this age was opened before the database became writable again.
    fn is_stale(&self, age: Duration) -> bool {
        let since = *self.writable_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < age)
    }
}

impl PostgresDatabase {
    /// Opens `postgres://…`.
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("latchkey")
            .statement_cache_capacity(500)
            // Whatever the server, database or role is set to: an answered revocation survives a crash.
            .options([("synchronous_commit", "on")]);
        let primary = PrimaryTracker::default();
        let health = Arc::new(ConnectionHealth::new(primary.clone()));
        let urgent = pool(&primary, &health).max_connections(URGENT_CONNECTIONS);
        let urgent = urgent.connect_lazy_with(options.clone());
        match pool(&primary, &health).max_connections(CONNECTIONS).connect_with(options.clone()).await {
            Ok(pool) => Ok(Self { pool, urgent, health, primary }),
            // The pool has tried again until its time was over, and does not say why.
            Err(sqlx::Error::PoolTimedOut) => {
                primary.check_new(&mut PgConnection::connect_with(&options).await?).await?;
                Err(sqlx::Error::PoolTimedOut.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes leave some connections for reads, and Latchkey's own writes most of them for callers.
    pub(crate) fn write_queues() -> WriteQueues {
        WriteQueues::new(12, 4)
    }

    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let began = Instant::now();
        loop {
            // On a connection of its own: after an error it may hold the lock that keeps other replicas from migrating.
            let mut connection = self.connect().await?;
            // Who waits for a table keeps all who write to it waiting: behind a VACUUM, for as long as that takes.
            sqlx::query("SET lock_timeout = '2s'").execute(&mut connection).await?;
            match MIGRATIONS.run(&mut connection).await {
                Err(error) if is_lock_timeout(&error) && began.elapsed() < MIGRATION_TIMEOUT => {
                    tracing::info!("a migration waits for what locks a table; it is tried again");
                    sleep(MIGRATION_RETRY).await;
                }
                done => {
                    done?;
                    return Ok(connection.close().await?);
                }
            }
        }
    }

    /// A connection that holds the lock, outside the pool: closing it, however that comes about, gives the lock back.
    pub(crate) async fn try_lock_sweep(&self) -> Result<Option<PgConnection>, StoreError> {
        const SQL: &str = "SELECT pg_try_advisory_lock($1)";
        let mut connection = self.connect().await?;
        if sqlx::query_scalar(SQL).bind(SWEEP_LOCK).fetch_one(&mut connection).await? {
            return Ok(Some(connection));
        }
        connection.close().await?;
        Ok(None)
    }

    /// A connection outside the pools.
    pub(crate) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.pool.connect_options()).await
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
        self.urgent.close().await;
    }
}

/// A pool whose connections are all to one server, which is no standby.
fn pool(primary: &PrimaryTracker, health: &Arc<ConnectionHealth>) -> PgPoolOptions {
    let (of_new, of_pooled, health) = (primary.clone(), primary.clone(), health.clone());
    PgPoolOptions::new()
        .acquire_timeout(QUEUE_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let primary = of_new.clone();
            Box::pin(async move { primary.check_new(connection).await })
        })
        .before_acquire(move |connection, meta| {
            let (primary, stale) = (of_pooled.clone(), health.is_stale(meta.age));
            Box::pin(async move { Ok(!stale && primary.check_pooled(connection, meta).await?) })
        })
}
