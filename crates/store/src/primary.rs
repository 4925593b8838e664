//! Which PostgreSQL server answers. A name or a balancer may lead to another one at any time: to a standby, which is
//! behind, or to the server that was promoted in its place.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{PgConnection, pool::PoolConnectionMetadata};
use tokio::time::timeout;

use crate::error::{is_connection_lost, untrusted};

/// A connection that was idle for longer is checked before it is used; checking each time would double every read.
const IDLE_BEFORE_CHECK: Duration = Duration::from_secs(1);
/// A kept connection that does not answer for so long counts as lost.
pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection is handed out at most this long after it was checked.
const CHECK_VALIDITY: Duration = Duration::from_secs(10);

/// When a server started, in microseconds since 1970: what tells it from another one, and from itself before a restart.
/// (A server that is promoted has refused before; to become a standby, a server restarts.)
pub(crate) type ServerStart = i64;

/// Counts the servers that a store has been connected to: another one after each change of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerEpoch(pub(crate) u64);

pub(crate) const STANDBY: &str = "the database server is a standby: what it answers is older than what was committed; \
    let LATCHKEY_DATABASE_URL lead to the primary";

/// The server that all connections of a store are to.
#[derive(Clone, Debug, Default)]
pub(crate) struct PrimaryTracker(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    current: Option<ServerStart>,
    epoch: ServerEpoch,
    /// Connections that were made before are checked before they are used.
    suspected_at: Option<Instant>,
}

impl PrimaryTracker {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn epoch(&self) -> ServerEpoch {
        self.state().epoch
    }

    /// Where the newest connection leads is where all have to. Returns the epoch.
    pub(crate) fn set_current(&self, server: ServerStart) -> ServerEpoch {
        let mut state = self.state();
        if state.current != Some(server) {
            let epoch = ServerEpoch(state.epoch.0 + 1);
            *state = State { current: Some(server), epoch, suspected_at: Some(Instant::now()) };
        }
        state.epoch
    }

    /// A connection was lost, and others may be.
    pub(crate) fn suspect_connections(&self) {
        self.state().suspected_at = Some(Instant::now());
    }

    /// For a connection that was just made.
    pub(crate) async fn check_new(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let (server, _) = server_of(connection).await?;
        self.set_current(server);
        Ok(())
    }

    /// Whether a connection from a pool may be used; it is closed otherwise.
    pub(crate) async fn check_pooled(
        &self,
        connection: &mut PgConnection,
        meta: PoolConnectionMetadata,
    ) -> Result<bool, sqlx::Error> {
        let suspect = self.state().suspected_at.is_some_and(|since| meta.age + CHECK_VALIDITY > since.elapsed());
        if !suspect && meta.idle_for <= IDLE_BEFORE_CHECK {
            return Ok(true);
        }
        let answer = timeout(CHECK_TIMEOUT, server_of(connection)).await;
        let (server, read_only) = answer.map_err(|_| sqlx::Error::Io(io::ErrorKind::TimedOut.into()))??;
        // A session stays read-only after its database no longer is.
        Ok(self.state().current == Some(server) && !read_only)
    }
}

/// The server of a connection, if it is not a standby, and whether the session takes no writes.
async fn server_of(connection: &mut PgConnection) -> Result<(ServerStart, bool), sqlx::Error> {
    const SQL: &str = "SELECT pg_is_in_recovery(), \
        (date_part('epoch', pg_postmaster_start_time()) * 1000000)::bigint, \
        current_setting('transaction_read_only')::bool";
    let (standby, server, read_only): (bool, ServerStart, bool) = sqlx::query_as(SQL).fetch_one(connection).await?;
    if standby { Err(untrusted(STANDBY)) } else { Ok((server, read_only)) }
}

/// Names the history that a server writes: that of its data, on its timeline. Promoting a standby or recovering to a
/// point in time begins another one; a restart or a crash does not. Where it can't be told, each start of a server counts
/// as one.
pub(crate) async fn history_id(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    const SQL: &str = "SELECT c.system_identifier # ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint \
        FROM pg_control_system() c";
    match sqlx::query_scalar(SQL).fetch_one(&mut *connection).await {
        // Some services have these functions for their own staff only, or not at all.
        Err(error) if error.as_database_error().is_some() && !is_connection_lost(&error) => {
            server_of(connection).await.map(|(server, _)| server)
        }
        read => read,
    }
}
