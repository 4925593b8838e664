use std::{
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    Connection, PgConnection, PgPool, Row,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    StoreError,
    engine::Engine,
    error::{is_lost, is_read_only},
    lanes::{Lanes, PATIENCE},
    sqlite,
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

const CONNECTIONS: u32 = 16;
/// For urgent writes alone; one of them is always open.
const URGENT: u32 = 4;
/// A connection that rested for longer is tested before it is used; testing each time would double every read.
const RESTED: Duration = Duration::from_secs(1);
/// Names the sweep among the database's advisory locks: "latchkey" in ASCII.
const SWEEP: i64 = 0x6c61_7463_686b_6579;

/// Which connections are not to be used again, although nothing was wrong when they were used last.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    refused: AtomicBool,
    since: Mutex<Option<Instant>>,
}

impl Sessions {
    /// After an error: a server that has hung up on one may have done so on all, and a session that was opened while the
    /// database was read-only stays so.
    pub(crate) fn failed(&self, error: &sqlx::Error) {
        if is_lost(error) {
            self.renew();
        } else if is_read_only(error) {
            self.refused.store(true, Ordering::Relaxed);
        }
    }

    /// After a write.
    pub(crate) fn committed(&self) {
        if self.refused.load(Ordering::Relaxed) && self.refused.swap(false, Ordering::Relaxed) {
            self.renew();
        }
    }

    fn renew(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn are_stale(&self, age: Duration) -> bool {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|since| since.elapsed() < age)
    }
}

/// Writes leave some connections for reads, and Latchkey's own writes most of them for callers.
pub(crate) fn lanes() -> Lanes {
    Lanes::new(12, 4)
}

pub(crate) async fn open(url: &str) -> Result<Engine, StoreError> {
    let options = PgConnectOptions::from_str(url)?.application_name("latchkey").statement_cache_capacity(500);
    let sessions = Arc::<Sessions>::default();
    let pool = || {
        let sessions = sessions.clone();
        PgPoolOptions::new().acquire_timeout(PATIENCE).test_before_acquire(false).before_acquire(
            move |connection, meta| {
                let stale = sessions.are_stale(meta.age);
                Box::pin(async move {
                    if stale {
                        return Ok(false);
                    }
                    if meta.idle_for <= RESTED {
                        return Ok(true);
                    }
                    // Answers that the server is there, too. A session stays read-only after its database no longer is.
                    let row = sqlx::raw_sql("SHOW transaction_read_only").fetch_one(connection).await?;
                    Ok(row.try_get::<String, _>(0)? == "off")
                })
            },
        )
    };
    let urgent = pool().max_connections(URGENT).min_connections(1).connect_lazy_with(options.clone());
    let pool = pool().max_connections(CONNECTIONS).connect_with(options).await?;
    Ok(Engine::Postgres { pool, urgent, sessions })
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
