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

use crate::{
    StoreError,
    engine::Engine,
    error::is_read_only,
    lanes::{Lanes, QUEUE_TIMEOUT},
    servers::{Servers, lost},
    sqlite,
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

const CONNECTIONS: u32 = 16;
/// For urgent writes alone.
const URGENT: u32 = 4;
/// Names the sweep among the database's advisory locks: "latchkey" in ASCII.
const SWEEP: i64 = 0x6c61_7463_686b_6579;

/// Which connections are not to be used again, although nothing was wrong when they were used last.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    servers: Servers,
    refused: AtomicBool,
    since: Mutex<Option<Instant>>,
}

impl Sessions {
    fn of(servers: Servers) -> Self {
        Self { servers, ..Self::default() }
    }

    /// After an error: a server that has hung up on one may have done so on all, and a session that was opened while the
    /// database was read-only stays so.
    pub(crate) fn failed(&self, error: &sqlx::Error) {
        if lost(error) {
            self.servers.doubt();
        } else if is_read_only(error) {
            self.refused.store(true, Ordering::Relaxed);
        }
    }

    /// After a write.
    pub(crate) fn committed(&self) {
        if self.refused.load(Ordering::Relaxed) && self.refused.swap(false, Ordering::Relaxed) {
            *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    fn are_stale(&self, age: Duration) -> bool {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|since| since.elapsed() < age)
    }
}

/// Writes leave some connections for reads, and Latchkey's own writes most of them for callers.
pub(crate) fn lanes() -> Lanes {
    Lanes::new(12, 4)
}

pub(crate) async fn open(url: &str, servers: &Servers) -> Result<Engine, StoreError> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("latchkey")
        .statement_cache_capacity(500)
        // Whatever the server, database or role is set to: an answered revocation survives a crash.
        .options([("synchronous_commit", "on")]);
    let sessions = Arc::new(Sessions::of(servers.clone()));
    let urgent = pool(servers, &sessions).max_connections(URGENT);
    let urgent = urgent.connect_lazy_with(options.clone());
    match pool(servers, &sessions).max_connections(CONNECTIONS).connect_with(options.clone()).await {
        Ok(pool) => Ok(Engine::Postgres { pool, urgent, sessions }),
        // The pool has tried again until its patience ended, and does not say why.
        Err(sqlx::Error::PoolTimedOut) => {
            servers.meet(&mut PgConnection::connect_with(&options).await?).await?;
            Err(sqlx::Error::PoolTimedOut.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// A pool whose connections are all to one server, which is no standby.
fn pool(servers: &Servers, sessions: &Arc<Sessions>) -> PgPoolOptions {
    let (met, tested, sessions) = (servers.clone(), servers.clone(), sessions.clone());
    PgPoolOptions::new()
        .acquire_timeout(QUEUE_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let servers = met.clone();
            Box::pin(async move { servers.meet(connection).await })
        })
        .before_acquire(move |connection, kept| {
            let (servers, stale) = (tested.clone(), sessions.are_stale(kept.age));
            Box::pin(async move { Ok(!stale && servers.test(connection, kept).await?) })
        })
}

pub(crate) async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    // On a connection of its own: after an error it may hold the lock that keeps other replicas from migrating.
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    MIGRATIONS.run(&mut connection).await.map_err(sqlite::failed)?;
    Ok(connection.close().await?)
}

/// A connection that holds the lock, outside the pool: closing it, however that comes about, gives the lock back.
pub(crate) async fn try_lock_sweep(pool: &PgPool) -> Result<Option<PgConnection>, StoreError> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    let held = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(SWEEP).fetch_one(&mut connection).await?;
    if held {
        return Ok(Some(connection));
    }
    connection.close().await?;
    Ok(None)
}
