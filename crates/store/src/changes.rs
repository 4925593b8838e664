//! Polls for what took something away, or changed which organizations there are, in the order in which it was committed:
//! how a replica learns which entries of its cache no longer hold. The proof is in `docs/revocation.md`.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::PgConnection;
use tokio::{sync::Mutex, time::timeout};
use uuid::Uuid;

use crate::error::{UntrustedDatabase, is_connection_lost, untrusted};
pub use crate::primary::ServerEpoch;
use crate::primary::{self, CHECK_TIMEOUT, ServerStart};
pub use crate::wal_header::WalHeader;
use crate::{Store, StoreError, Tx, engine::Engine, postgres::PostgresDatabase};

/// Stands for the organizations of the instance as a whole: one that comes or goes changes which there are.
pub const ORGANIZATIONS: Uuid = Uuid::nil();

/// Changes that one poll reads; a replica that is further behind forgets everything instead.
const POLL_MAX: usize = 1_000;
/// Rows to ask for: the change that is known, those, and one that says that there are more.
const READ_MAX: i64 = 1_001;
/// Changes that are kept.
const KEPT_MAX: i64 = 100_000;

/// A change, and in which history: what a replica knows up to. After a failover or a restore, numbers are given again; an
/// identity is random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangePosition {
    /// Follows the order of commits, without gaps.
    pub number: i64,
    pub identity: Uuid,
    /// Where it was read.
    pub source: ChangeSource,
}

row! {
    /// Differs when another server answers, or the tables are others.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ChangeSource {
        /// PostgreSQL: which history its server writes (`primary::history_id`). SQLite: the version of the schema, which a
        /// restore raises.
        pub database: i64,
        /// PostgreSQL: the file node of the table `changes`, which a restore makes again.
        pub rows: i64,
    }
}

/// What has changed since a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangesSince {
    /// These objects; and the position to poll from next time.
    Objects(ChangePosition, Vec<Uuid>),
    /// Anything may have changed. The position to poll from next time, and why.
    Reset(ChangePosition, ResetReason),
}

/// Why anything may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetReason {
    /// Nothing was known, or more has changed than one poll reads.
    Behind,
    /// The connection is another one. The history is the same as far as it was known.
    Reconnected,
    /// What was known is not there, or another server answers: what was committed may be lost.
    HistoryChanged,
}

/// Polls for changes.
pub struct ChangePoller {
    store: Store,
    /// PostgreSQL: a connection of its own, so that a poll never waits for a free one.
    connection: Mutex<Option<PollConnection>>,
    /// The [`ServerEpoch`] of the last poll.
    epoch: AtomicU64,
}

struct PollConnection {
    connection: PgConnection,
    epoch: ServerEpoch,
    /// [`primary::history_id`].
    history_id: i64,
}

row! {
    /// A row of a poll: who answers, and a change if there is one.
    struct Row {
        standby: bool,
        source: ChangeSource,
        number: Option<i64>,
        identity: Option<Uuid>,
        object_id: Option<Uuid>,
    }
}

/// Who answers, and the changes from a number on.
const SINCE: (&str, &str) = (
    "SELECT false AS standby, here.schema_version AS database, 0 AS rows, c.number, c.identity, c.object_id \
        FROM pragma_schema_version here CROSS JOIN changes c WHERE c.number >= $1 ORDER BY c.number LIMIT $2",
    "SELECT pg_is_in_recovery() AS standby, \
        (date_part('epoch', pg_postmaster_start_time()) * 1000000)::bigint AS database, \
        pg_relation_filenode('changes')::bigint AS rows, c.number, c.identity, c.object_id \
        FROM changes c WHERE c.number >= $1 ORDER BY c.number LIMIT $2",
);
/// Who answers, and the newest change if there is one.
const NEWEST: (&str, &str) = (
    "SELECT false AS standby, here.schema_version AS database, 0 AS rows, c.number, c.identity, c.object_id \
        FROM pragma_schema_version here LEFT JOIN \
        (SELECT o.number, o.identity, o.object_id FROM changes o ORDER BY o.number DESC LIMIT 1) c ON true",
    "SELECT here.standby, here.database, here.rows, c.number, c.identity, c.object_id \
        FROM (SELECT pg_is_in_recovery() AS standby, \
            (date_part('epoch', pg_postmaster_start_time()) * 1000000)::bigint AS database, \
            pg_relation_filenode('changes')::bigint AS rows) here LEFT JOIN \
        (SELECT o.number, o.identity, o.object_id FROM changes o ORDER BY o.number DESC LIMIT 1) c ON true",
);

impl ChangePoller {
    /// A poller of a store.
    pub fn new(store: Store) -> Self {
        Self { store, connection: Mutex::default(), epoch: AtomicU64::new(0) }
    }

    /// Differs after the next commit, whoever makes it; `None` where only a poll can tell.
    pub fn wal_header(&self) -> Option<WalHeader> {
        match &self.store.engine {
            Engine::Sqlite(sqlite) => sqlite.file.wal_header(),
            Engine::Postgres(_) => None,
        }
    }

    /// Which server the last poll was at.
    pub fn epoch(&self) -> ServerEpoch {
        ServerEpoch(self.epoch.load(Ordering::SeqCst))
    }

    /// Whether all that was read since a poll came from the server that it was at.
    pub fn is_current(&self, epoch: ServerEpoch) -> bool {
        match &self.store.engine {
            Engine::Sqlite(_) => true,
            Engine::Postgres(postgres) => postgres.primary.epoch() == epoch,
        }
    }

    /// What was committed after a position that is known. Begins at that change itself, which tells whether it is still
    /// there, and so whether those after it are all there.
    pub async fn poll(&self, known: Option<ChangePosition>) -> Result<ChangesSince, StoreError> {
        let (rows, reconnected) = self.read(known.map(|known| known.number)).await?;
        let Some(known) = known else { return Ok(ChangesSince::Reset(newest(&rows), ResetReason::Behind)) };
        let first = rows.first().and_then(Row::position);
        let reason = match () {
            () if first != Some(known) => ResetReason::HistoryChanged,
            () if reconnected => ResetReason::Reconnected,
            () if rows.len() > POLL_MAX => ResetReason::Behind,
            () => {
                let objects = rows.iter().skip(1).filter_map(|row| row.object_id).collect();
                return Ok(ChangesSince::Objects(newest(&rows), objects));
            }
        };
        let (rows, _) = self.read(None).await?;
        let newest = newest(&rows);
        let same_source = newest.source == known.source;
        Ok(ChangesSince::Reset(newest, if same_source { reason } else { ResetReason::HistoryChanged }))
    }

    /// Changes from a number on, or the newest one if there are none or no number is known; and whether they were read on a new connection.
    async fn read(&self, from: Option<i64>) -> Result<(Vec<Row>, bool), StoreError> {
        let postgres = match &self.store.engine {
            Engine::Sqlite(_) => {
                let mut rows = Vec::new();
                if let Some(from) = from {
                    rows = self.store.urgent_query(SINCE.0).bind(from).bind(READ_MAX).fetch_all().await?;
                }
                if rows.is_empty() {
                    rows = self.store.urgent_query(NEWEST.0).fetch_all().await?;
                }
                return Ok((rows, false));
            }
            Engine::Postgres(postgres) => postgres,
        };
        self.read_postgres(postgres, from).await
    }

    async fn read_postgres(
        &self,
        postgres: &PostgresDatabase,
        from: Option<i64>,
    ) -> Result<(Vec<Row>, bool), StoreError> {
        let primary = &postgres.primary;
        let mut kept = self.connection.lock().await;
        // Taken out while it is used: one that a cancelled or failed poll has left is not used again.
        if let Some(mut known) = kept.take().filter(|known| known.epoch == primary.epoch()) {
            match timeout(CHECK_TIMEOUT, query(&mut known.connection, from)).await {
                Ok(Ok((rows, server))) if primary.set_current(server) == known.epoch => {
                    self.epoch.store(known.epoch.0, Ordering::SeqCst);
                    let rows = with_history(rows, known.history_id);
                    *kept = Some(known);
                    return Ok((rows, false));
                }
                Ok(Err(error)) if !is_connection_lost(&error) && UntrustedDatabase::of(&error).is_none() => {
                    return Err(error.into());
                }
                // Once more with a new one.
                _ => primary.suspect_connections(),
            }
        }
        let mut connection = postgres.connect().await?;
        // Else PostgreSQL plans each poll anew: from a full table it expects many rows, whatever the number is.
        sqlx::query("SET plan_cache_mode = force_generic_plan").execute(&mut connection).await?;
        let history_id = primary::history_id(&mut connection).await?;
        let (rows, server) = query(&mut connection, from).await?;
        let epoch = primary.set_current(server);
        self.epoch.store(epoch.0, Ordering::SeqCst);
        *kept = Some(PollConnection { connection, epoch, history_id });
        Ok((with_history(rows, history_id), true))
    }
}

/// Rows of a server that was only restarted are of the same history.
fn with_history(mut rows: Vec<Row>, history_id: i64) -> Vec<Row> {
    for row in &mut rows {
        row.source.database = history_id;
    }
    rows
}

async fn query(connection: &mut PgConnection, from: Option<i64>) -> Result<(Vec<Row>, ServerStart), sqlx::Error> {
    let mut rows: Vec<Row> = Vec::new();
    if let Some(from) = from {
        rows = sqlx::query_as(SINCE.1).bind(from).bind(READ_MAX).fetch_all(&mut *connection).await?;
    }
    if rows.is_empty() {
        rows = sqlx::query_as(NEWEST.1).fetch_all(&mut *connection).await?;
    }
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let server = first.source.database;
    if first.standby { Err(untrusted(primary::STANDBY)) } else { Ok((rows, server)) }
}

impl Row {
    fn position(&self) -> Option<ChangePosition> {
        Some(ChangePosition { number: self.number?, identity: self.identity?, source: self.source })
    }
}

/// The last one. While there is none, a position that is never found again.
fn newest(rows: &[Row]) -> ChangePosition {
    let nothing = ChangePosition { number: 0, identity: Uuid::nil(), source: ChangeSource::default() };
    rows.last().and_then(Row::position).unwrap_or(nothing)
}

/// Removes up to `limit` of those that are no longer kept; returns how many. The newest one always stays.
pub async fn delete_old(tx: &mut Tx, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM changes WHERE number IN (SELECT c.number FROM changes c \
        WHERE c.number < (SELECT n.count - $1 FROM change_count n) ORDER BY c.number LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL).bind(KEPT_MAX).bind(i64::from(limit)).execute(db).await.map(|done| done.rows_affected())
    })?)
}
