use std::{str::FromStr, time::Duration};

use sqlx::{
    Connection, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{StoreError, engine::Engine, servers::Servers, sqlite};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

const CONNECTIONS: u32 = 16;
/// How long a request waits for a connection before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);
/// Names the sweep among the database's advisory locks: "latchkey" in ASCII.
const SWEEP: i64 = 0x6c61_7463_686b_6579;

pub(crate) async fn open(url: &str, servers: &Servers) -> Result<Engine, StoreError> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("latchkey")
        .statement_cache_capacity(500)
        // Whatever the server, database or role is set to: an answered revocation survives a crash.
        .options([("synchronous_commit", "on")]);
    match pool(servers).max_connections(CONNECTIONS).connect_with(options.clone()).await {
        Ok(pool) => Ok(Engine::Postgres(pool)),
        // The pool has tried again until its patience ended, and does not say why.
        Err(sqlx::Error::PoolTimedOut) => {
            servers.meet(&mut PgConnection::connect_with(&options).await?).await?;
            Err(sqlx::Error::PoolTimedOut.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// A pool whose connections are all to one server, which is no standby.
fn pool(servers: &Servers) -> PgPoolOptions {
    let (met, tested) = (servers.clone(), servers.clone());
    PgPoolOptions::new()
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let servers = met.clone();
            Box::pin(async move { servers.meet(connection).await })
        })
        .before_acquire(move |connection, kept| {
            let servers = tested.clone();
            Box::pin(async move { servers.test(connection, kept).await })
        })
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
