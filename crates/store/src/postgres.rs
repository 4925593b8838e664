use std::{str::FromStr, time::Duration};

use sqlx::{
    Connection, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{StoreError, engine::Engine, sqlite};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

const CONNECTIONS: u32 = 16;
/// How long a request waits for a connection before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);
/// A connection that rested for longer is tested before it is used; testing each time would double every read.
const RESTED: Duration = Duration::from_secs(1);
/// Names the sweep among the database's advisory locks: "latchkey" in ASCII.
const SWEEP: i64 = 0x6c61_7463_686b_6579;

pub(crate) async fn open(url: &str) -> Result<Engine, StoreError> {
    let options = PgConnectOptions::from_str(url)?.application_name("latchkey").statement_cache_capacity(500);
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await?;
    Ok(Engine::Postgres(pool))
}

pub(crate) async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    MIGRATIONS.run(pool).await.map_err(sqlite::failed)
}

/// A connection that holds the lock, outside the pool: closing it, however that comes about, gives the lock back.
pub(crate) async fn try_lock_sweep(pool: &PgPool) -> Result<Option<PgConnection>, StoreError> {
    let mut connection = pool.acquire().await?.detach();
    let held = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(SWEEP).fetch_one(&mut connection).await?;
    if held {
        return Ok(Some(connection));
    }
    connection.close().await?;
    Ok(None)
}
