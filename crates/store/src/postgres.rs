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
    lanes::{Lanes, PATIENCE},
    servers::Servers,
    sqlite,
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

const CONNECTIONS: u32 = 16;
/// For urgent writes alone; one of them is always open.
const URGENT: u32 = 4;
/// Names the sweep among the database's advisory locks: "latchkey" in ASCII.
const SWEEP: i64 = 0x6c61_7463_686b_6579;

/// When the database was last read-only. A session that was opened then stays so, and must not be kept for writes once
/// there are others.
#[derive(Debug, Default)]
pub(crate) struct ReadOnly {
    now: AtomicBool,
    until: Mutex<Option<Instant>>,
}

impl ReadOnly {
    /// A write was refused.
    pub(crate) fn refused(&self) {
        self.now.store(true, Ordering::Relaxed);
    }

    /// A write was committed.
    pub(crate) fn committed(&self) {
        if self.now.load(Ordering::Relaxed) && self.now.swap(false, Ordering::Relaxed) {
            *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    /// Whether a connection is from before its end.
    fn has_seen(&self, age: Duration) -> bool {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| until.elapsed() < age)
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
    let read_only = Arc::<ReadOnly>::default();
    let urgent = pool(servers, &read_only).max_connections(URGENT).min_connections(1);
    let urgent = urgent.connect_lazy_with(options.clone());
    match pool(servers, &read_only).max_connections(CONNECTIONS).connect_with(options.clone()).await {
        Ok(pool) => Ok(Engine::Postgres { pool, urgent, read_only }),
        // The pool has tried again until its patience ended, and does not say why.
        Err(sqlx::Error::PoolTimedOut) => {
            servers.meet(&mut PgConnection::connect_with(&options).await?).await?;
            Err(sqlx::Error::PoolTimedOut.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// A pool whose connections are all to one server, which is no standby.
fn pool(servers: &Servers, read_only: &Arc<ReadOnly>) -> PgPoolOptions {
    let (met, tested, read_only) = (servers.clone(), servers.clone(), read_only.clone());
    PgPoolOptions::new()
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let servers = met.clone();
            Box::pin(async move { servers.meet(connection).await })
        })
        .before_acquire(move |connection, kept| {
            let (servers, stale) = (tested.clone(), read_only.has_seen(kept.age));
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
