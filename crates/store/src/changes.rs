//! What took something away, or changed which organizations there are, in the order in which it was committed: how a
//! replica learns that what it remembers no longer holds. The proof is in `docs/revocation.md`.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Connection, FromRow, PgConnection};
use tokio::{sync::Mutex, time::timeout};
use uuid::Uuid;

pub use crate::file::WalHeader;
use crate::servers::{self, SILENCE, Server, Untrusted, untrusted};
use crate::{Store, StoreError, Tx, bind::Ids, engine::Engine, error::doubtful};

/// Stands for the organizations of the instance as a whole: one that comes or goes changes which there are.
pub const ORGANIZATIONS: Uuid = Uuid::nil();

/// Changes that one look reads; a replica that is further behind forgets everything instead.
const POLL_MAX: usize = 1_000;
/// Changes that are kept.
const KEPT: i64 = 100_000;

/// A change, and whose: what a replica knows up to. After a failover or a restore, numbers are given again; an identity
/// is random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Follows the order of commits, without gaps.
    pub number: i64,
    pub identity: Uuid,
    /// Who has told it.
    pub source: Source,
}

/// What is another one when somebody else answers, or the tables are others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Source {
    /// PostgreSQL: which history its server writes (`servers::lineage`). SQLite: the version of the schema, which a restore raises.
    pub database: i64,
    /// PostgreSQL: what holds the rows of `changes`, which a restore makes again.
    pub rows: i64,
}

/// What has changed since a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// These objects; and the point to look from next time.
    These(Point, Vec<Uuid>),
    /// Anything may have changed. The point to look from next time, and why.
    Anything(Point, Why),
}

/// Why anything may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing was known, or more has changed than one look reads.
    Behind,
    /// The connection is another one. The history is the same as far as it was known.
    Reconnected,
    /// What was known is not there, or somebody else answers: what was committed may be lost, or come after all.
    Broken,
}

/// The connection that looks are made on.
struct Kept {
    connection: PgConnection,
    /// Counts the servers; see [`Watch::epoch`].
    epoch: u64,
    /// [`servers::lineage`].
    lineage: i64,
}

/// Looks for changes, again and again.
pub struct Watch {
    store: Store,
    /// PostgreSQL: a connection of its own, so that a look never waits for a free one; and to which of the servers.
    connection: Mutex<Option<Kept>>,
    /// Which of the servers the last look was at.
    epoch: AtomicU64,
}

/// What comes back from a look: who answers, and in each row a change if there is one.
#[derive(FromRow)]
struct Row {
    standby: bool,
    #[sqlx(flatten)]
    source: Source,
    number: Option<i64>,
    identity: Option<Uuid>,
    object_id: Option<Uuid>,
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

/// Changes from a number on, or the newest one if there are none or no number is known.
macro_rules! rows {
    ($connection:expr, $engine:tt, $from:expr) => {{
        let limit = i64::try_from(POLL_MAX + 1).unwrap_or(i64::MAX);
        let mut rows: Vec<Row> = Vec::new();
        if let Some(from) = $from {
            rows = sqlx::query_as(SINCE.$engine).bind(from).bind(limit).fetch_all($connection).await?;
        }
        if rows.is_empty() {
            rows = sqlx::query_as(NEWEST.$engine).fetch_all($connection).await?;
        }
        rows
    }};
}

impl Watch {
    /// A watch over a store.
    pub fn new(store: Store) -> Self {
        Self { store, connection: Mutex::default(), epoch: AtomicU64::new(0) }
    }

    /// Something that is another after the next commit, whoever makes it; `None` where only a look can tell.
    pub fn wal_header(&self) -> Option<WalHeader> {
        match &self.store.engine {
            Engine::Sqlite { file, .. } => file.wal_header(),
            Engine::Postgres { .. } => None,
        }
    }

    /// Counts the servers: which one the last look was at.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Whether all that was read since a look came from the server that it was at.
    pub fn still_at(&self, epoch: u64) -> bool {
        self.store.servers.epoch() == epoch
    }

    /// What was committed after a point that is known. Begins at that change itself, which tells whether it is still
    /// there, and so whether those after it are all there.
    pub async fn poll(&self, known: Option<Point>) -> Result<Since, StoreError> {
        let (rows, fresh) = self.read(known.map(|known| known.number)).await?;
        let Some(known) = known else { return Ok(Since::Anything(newest(&rows), Why::Behind)) };
        let first = rows.first().and_then(Row::point);
        let why = match () {
            () if first != Some(known) => Why::Broken,
            () if fresh => Why::Reconnected,
            () if rows.len() > POLL_MAX => Why::Behind,
            () => {
                let objects = rows.iter().skip(1).filter_map(|row| row.object_id).collect();
                return Ok(Since::These(newest(&rows), objects));
            }
        };
        let (rows, _) = self.read(None).await?;
        let newest = newest(&rows);
        Ok(Since::Anything(newest, if newest.source == known.source { why } else { Why::Broken }))
    }

    /// Changes from a number on, or the newest one; and whether a new connection has told them.
    async fn read(&self, from: Option<i64>) -> Result<(Vec<Row>, bool), StoreError> {
        let pool = match &self.store.engine {
            Engine::Sqlite { readers, file, .. } => {
                file.fit()?;
                let mut connection = readers.acquire().await?;
                let rows = async { Ok::<_, sqlx::Error>(rows!(&mut *connection, 0, from)) }.await;
                if rows.as_ref().is_err_and(doubtful) {
                    connection.close_on_drop();
                }
                return Ok((rows?, false));
            }
            Engine::Postgres { pool, .. } => pool,
        };
        let servers = &self.store.servers;
        let mut kept = self.connection.lock().await;
        // Taken out while it is used: one that a cancelled or failed look has left is not used again.
        if let Some(mut known) = kept.take().filter(|known| known.epoch == servers.epoch()) {
            match timeout(SILENCE, ask(&mut known.connection, from)).await {
                Ok(Ok((rows, server))) if servers.adopt(server) == known.epoch => {
                    self.epoch.store(known.epoch, Ordering::SeqCst);
                    let rows = of_history(rows, known.lineage);
                    *kept = Some(known);
                    return Ok((rows, false));
                }
                Ok(Err(error)) if !servers::lost(&error) && Untrusted::of(&error).is_none() => {
                    return Err(error.into());
                }
                // Once more with a new one.
                _ => servers.doubt(),
            }
        }
        let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
        let lineage = servers::lineage(&mut connection).await?;
        let (rows, server) = ask(&mut connection, from).await?;
        let epoch = servers.adopt(server);
        self.epoch.store(epoch, Ordering::SeqCst);
        *kept = Some(Kept { connection, epoch, lineage });
        Ok((of_history(rows, lineage), true))
    }
}

/// What a server that was restarted tells is of the same history.
fn of_history(mut rows: Vec<Row>, lineage: i64) -> Vec<Row> {
    for row in &mut rows {
        row.source.database = lineage;
    }
    rows
}

async fn ask(connection: &mut PgConnection, from: Option<i64>) -> Result<(Vec<Row>, Server), sqlx::Error> {
    let rows = rows!(&mut *connection, 1, from);
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let server = first.source.database;
    if first.standby { Err(untrusted(servers::STANDBY)) } else { Ok((rows, server)) }
}

impl Row {
    fn point(&self) -> Option<Point> {
        Some(Point { number: self.number?, identity: self.identity?, source: self.source })
    }
}

/// The last one. While there is none, a point that is never found again.
fn newest(rows: &[Row]) -> Point {
    let nothing = Point { number: 0, identity: Uuid::nil(), source: Source::default() };
    rows.last().and_then(Row::point).unwrap_or(nothing)
}

/// Numbers what a transaction has changed; the last thing before its commit. From here to there no other transaction
/// gets a number, so numbers follow commits, without gaps.
pub(crate) async fn note(tx: &mut Tx, objects: Vec<Uuid>) -> Result<(), StoreError> {
    const COUNT: &str = "UPDATE change_count SET count = count + $1";
    const SQLITE: &str = "INSERT INTO changes (number, object_id) \
        SELECT n.count - $1 + key + 1, unhex(value) FROM change_count n, json_each($2)";
    // At once: whoever else numbers something waits until the commit.
    const POSTGRES: &str = "WITH counted AS (UPDATE change_count SET count = count + $1 RETURNING count) \
        INSERT INTO changes (number, object_id) \
        SELECT n.count - $1 + place, id FROM counted n, unnest($2) WITH ORDINALITY AS of (id, place)";
    if objects.is_empty() {
        return Ok(());
    }
    let added = i64::try_from(objects.len()).unwrap_or(i64::MAX);
    let ids = &Ids::from_iter(objects);
    let noted = writing!(tx, db,
        sqlite => match sqlx::query(COUNT).bind(added).execute(&mut *db).await {
            Ok(_) => sqlx::query(SQLITE).bind(added).bind(ids).execute(db).await.map(|_| ()),
            Err(error) => Err(error),
        },
        postgres => sqlx::query(POSTGRES).bind(added).bind(ids).execute(db).await.map(|_| ())
    );
    Ok(noted?)
}

/// Removes up to `limit` of those that are no longer kept; returns how many. The newest one always stays.
pub async fn delete_old(tx: &mut Tx, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM changes WHERE number IN (SELECT c.number FROM changes c \
        WHERE c.number < (SELECT n.count - $1 FROM change_count n) ORDER BY c.number LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL).bind(KEPT).bind(i64::from(limit)).execute(db).await.map(|done| done.rows_affected())
    })?)
}
