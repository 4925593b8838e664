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
/// A connection gets into its pool at most this long after it was checked.
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
    /// Connections that were made before are not trusted.
    suspected_at: Option<Instant>,
}

/// What becomes of a connection that is taken from a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Use,
    /// Ask which server it is connected to.
    Check,
    /// A new one takes its place, which is checked once. This one would be checked each time, which doubles every read.
    Close,
}

impl Verdict {
    /// `suspected` is how long ago connections became suspect.
    fn of(age: Duration, idle_for: Duration, suspected: Option<Duration>) -> Self {
        match suspected.filter(|suspected| age + CHECK_VALIDITY > *suspected) {
            Some(suspected) if suspected > CHECK_VALIDITY => Self::Close,
            Some(_) => Self::Check,
            None if idle_for > IDLE_BEFORE_CHECK => Self::Check,
            None => Self::Use,
        }
    }
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
            // Before the first server there was no other one to be connected to.
            let suspected_at = state.current.map(|_| Instant::now());
            *state = State { current: Some(server), epoch, suspected_at };
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
        let suspected = self.state().suspected_at.map(|since| since.elapsed());
        match Verdict::of(meta.age, meta.idle_for, suspected) {
            Verdict::Use => return Ok(true),
            Verdict::Close => return Ok(false),
            Verdict::Check => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_not_checked_forever() {
        let seconds = Duration::from_secs;
        let of = |age, suspected: Option<u64>| Verdict::of(seconds(age), Duration::ZERO, suspected.map(seconds));
        assert_eq!(of(0, None), Verdict::Use);
        assert_eq!(of(3_600, None), Verdict::Use);
        assert_eq!(Verdict::of(seconds(3_600), seconds(2), None), Verdict::Check);
        // While it is not known what happens, all are asked.
        assert_eq!(of(60, Some(1)), Verdict::Check);
        assert_eq!(of(0, Some(1)), Verdict::Check);
        // Later, those that were made before or meanwhile are made anew, once: the new ones are trusted.
        assert_eq!(of(60, Some(11)), Verdict::Close);
        assert_eq!(of(11, Some(11)), Verdict::Close);
        assert_eq!(of(2, Some(11)), Verdict::Close);
        assert_eq!(of(0, Some(11)), Verdict::Use);
        assert_eq!(of(60, Some(71)), Verdict::Use);
    }
}
