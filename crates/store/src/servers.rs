//! Which PostgreSQL server answers. A name or a balancer may lead to another one at any time: to a standby, which is
//! behind, or to the server that was promoted in its place.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{PgConnection, pool::PoolConnectionMetadata};
use tokio::time::timeout;

/// A connection that rested for longer is tested before it is used; testing each time would double every read.
const RESTED: Duration = Duration::from_secs(1);
/// A connection that is kept, and does not answer for so long, is as good as lost.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);
/// A connection is handed out at most this long after it was tested.
const CONNECTED: Duration = Duration::from_secs(10);

/// When a server started, in microseconds since 1970: what tells it from another one, and from itself before a restart.
/// (A server that is promoted has refused before; to become a standby, a server restarts.)
pub(crate) type Server = i64;

pub(crate) const STANDBY: &str = "the database server is a standby: what it answers is older than what was committed; \
    let LATCHKEY_DATABASE_URL lead to the primary";

/// The server that all connections of a store are to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Servers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    current: Option<Server>,
    /// Counts the servers that there were.
    epoch: u64,
    /// Connections that were made before are tested before they are used.
    doubted: Option<Instant>,
}

impl Servers {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another number after each change of the server.
    pub(crate) fn epoch(&self) -> u64 {
        self.state().epoch
    }

    /// Where the newest connection leads is where all have to. Returns the epoch.
    pub(crate) fn adopt(&self, server: Server) -> u64 {
        let mut state = self.state();
        if state.current != Some(server) {
            *state = State { current: Some(server), epoch: state.epoch + 1, doubted: Some(Instant::now()) };
        }
        state.epoch
    }

    /// A connection was lost, and others may be.
    pub(crate) fn doubt(&self) {
        self.state().doubted = Some(Instant::now());
    }

    /// For a connection that was just made.
    pub(crate) async fn meet(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let (server, _) = ask(connection).await?;
        self.adopt(server);
        Ok(())
    }

    /// Whether a connection that was kept may be used; it is closed otherwise.
    pub(crate) async fn test(
        &self,
        connection: &mut PgConnection,
        kept: PoolConnectionMetadata,
    ) -> Result<bool, sqlx::Error> {
        let doubted = self.state().doubted.is_some_and(|since| kept.age + CONNECTED > since.elapsed());
        if !doubted && kept.idle_for <= RESTED {
            return Ok(true);
        }
        let answer = timeout(SILENCE, ask(connection)).await;
        let (server, read_only) = answer.map_err(|_| sqlx::Error::Io(io::ErrorKind::TimedOut.into()))??;
        // A session stays read-only after its database no longer is.
        Ok(self.state().current == Some(server) && !read_only)
    }
}

/// The server of a connection, if it is not a standby, and whether the session takes no writes.
async fn ask(connection: &mut PgConnection) -> Result<(Server, bool), sqlx::Error> {
    const SQL: &str = "SELECT pg_is_in_recovery(), \
        (date_part('epoch', pg_postmaster_start_time()) * 1000000)::bigint, \
        current_setting('transaction_read_only')::bool";
    let (standby, server, read_only): (bool, Server, bool) = sqlx::query_as(SQL).fetch_one(connection).await?;
    if standby { Err(untrusted(STANDBY)) } else { Ok((server, read_only)) }
}

/// Which history a server writes: that of its data, on its timeline. Promoting a standby or recovering to a point in time
/// begins another one; a restart or a crash does not. Where it can't be told, each start of a server counts as one.
pub(crate) async fn lineage(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    const SQL: &str = "SELECT c.system_identifier # ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint \
        FROM pg_control_system() c";
    match sqlx::query_scalar(SQL).fetch_one(&mut *connection).await {
        // Some services have these functions for their own staff only, or not at all.
        Err(error) if error.as_database_error().is_some() && !lost(&error) => {
            ask(connection).await.map(|(server, _)| server)
        }
        told => told,
    }
}

/// The database answers, but not with what was committed last.
pub(crate) fn untrusted(reason: &'static str) -> sqlx::Error {
    sqlx::Error::Configuration(Box::new(Untrusted(reason)))
}

/// Why what a database answers is not believed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Untrusted(pub(crate) &'static str);

impl Untrusted {
    pub(crate) fn of(error: &sqlx::Error) -> Option<Self> {
        match error {
            sqlx::Error::Configuration(error) => error.downcast_ref().copied(),
            _ => None,
        }
    }
}

/// Whether the connection was lost: the same statement may work on another one.
pub(crate) fn lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => true,
        // Connection exceptions; a server that hangs up: terminated, crashed, not there yet.
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P0"))
        }
        _ => false,
    }
}
