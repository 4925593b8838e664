//! What took something away, or changed which organizations there are, in the order in which it was committed: how a
//! replica learns that what it remembers no longer holds. The proof is in `docs/revocation.md`.

use std::fs::File;
use std::path::Path;

use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{Store, StoreError, Tx, bind::Ids, engine::Engine};

/// Stands for the organizations of the instance as a whole: one that comes or goes changes which there are.
pub const ORGANIZATIONS: Uuid = Uuid::nil();

/// Changes that one look reads; a replica that is further behind forgets everything instead.
const LOOK_MAX: i64 = 1_000;
/// Changes that are kept.
const KEPT: i64 = 100_000;

/// What has changed since a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// These objects; and the number to look from next time.
    These(i64, Vec<Uuid>),
    /// More than one look reads, or than is kept: anything may have changed. The number to look from next time.
    Anything(i64),
}

/// Looks for changes, again and again.
pub struct Watch {
    store: Store,
    /// PostgreSQL: a connection of its own, so that a look never waits for a free one.
    connection: Mutex<Option<PgConnection>>,
    /// SQLite: the head of the file that its processes share.
    shared: Option<File>,
}

/// The head of SQLite's WAL index, both copies (<https://sqlite.org/walformat.html>, section 2.1). It is written with
/// each commit, of whatever process, and holds a counter of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mark([u8; Mark::LENGTH]);

impl Mark {
    const LENGTH: usize = 96;
}

impl Watch {
    /// A watch over a store.
    pub fn new(store: Store) -> Self {
        let shared = match &store.engine {
            Engine::Sqlite { file, .. } => open_shared(file),
            Engine::Postgres { .. } => None,
        };
        Self { store, connection: Mutex::default(), shared }
    }

    /// Something that is another after the next commit, whoever makes it; `None` where only a look can tell.
    pub fn mark(&self) -> Option<Mark> {
        read_mark(self.shared.as_ref()?)
    }

    /// What was committed after change `number`. Begins at that change itself, which tells whether those after it are
    /// still all there.
    pub async fn look(&self, number: i64) -> Result<Since, StoreError> {
        const SQL: &str = "SELECT c.number, c.object_id FROM changes c WHERE c.number >= $1 ORDER BY c.number LIMIT $2";
        let rows: Vec<(i64, Uuid)> = match &self.store.engine {
            Engine::Sqlite { readers, .. } => {
                sqlx::query_as(SQL).bind(number).bind(LOOK_MAX + 1).fetch_all(readers).await?
            }
            Engine::Postgres { pool, .. } => {
                let mut kept = self.connection.lock().await;
                // Taken out while it is used: one that a cancelled or failed look has left is not used again.
                let mut connection = match kept.take() {
                    Some(connection) => connection,
                    None => PgConnection::connect_with(&pool.connect_options()).await?,
                };
                let rows = sqlx::query_as(SQL).bind(number).bind(LOOK_MAX + 1).fetch_all(&mut connection).await?;
                *kept = Some(connection);
                rows
            }
        };
        match rows.as_slice() {
            [(first, _), new @ ..] if *first == number && new.len() < usize::try_from(LOOK_MAX).unwrap_or(0) => {
                let last = new.last().map_or(number, |(last, _)| *last);
                Ok(Since::These(last, new.iter().map(|(_, object)| *object).collect()))
            }
            _ => Ok(Since::Anything(newest(&self.store).await?)),
        }
    }
}

#[cfg(unix)]
fn open_shared(database: &Path) -> Option<File> {
    let mut path = database.as_os_str().to_owned();
    path.push("-shm");
    File::open(path).ok()
}

#[cfg(unix)]
fn read_mark(shared: &File) -> Option<Mark> {
    use std::os::unix::fs::FileExt;
    let mut head = [0; Mark::LENGTH];
    shared.read_exact_at(&mut head, 0).ok()?;
    // While a commit writes them, the two copies differ.
    let (first, second) = head.split_at(Mark::LENGTH / 2);
    (first == second).then_some(Mark(head))
}

#[cfg(not(unix))]
fn open_shared(_: &Path) -> Option<File> {
    None
}

#[cfg(not(unix))]
fn read_mark(_: &File) -> Option<Mark> {
    None
}

/// Numbers what a transaction has changed; the last thing before its commit. From here to there no other transaction
/// gets a number, so numbers follow commits, without gaps.
pub(crate) async fn note(tx: &mut Tx, objects: Vec<Uuid>) -> Result<(), StoreError> {
    const COUNT: &str = "UPDATE change_count SET count = count + $1 RETURNING count";
    if objects.is_empty() {
        return Ok(());
    }
    let added = i64::try_from(objects.len()).unwrap_or(i64::MAX);
    let last: i64 = writing!(tx, db => sqlx::query_scalar(COUNT).bind(added).fetch_one(db).await)?;
    let sql = tx.dialect(
        "INSERT INTO changes (number, object_id) SELECT $1 + key, unhex(value) FROM json_each($2)",
        "INSERT INTO changes (number, object_id) \
         SELECT $1 + place - 1, id FROM unnest($2) WITH ORDINALITY AS of (id, place)",
    );
    let ids = Ids::from_iter(objects);
    writing!(tx, db => sqlx::query(sql).bind(last - added + 1).bind(ids).execute(db).await.map(|_| ()))?;
    Ok(())
}

/// The number of the newest change.
pub async fn newest(store: &Store) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT c.number FROM changes c ORDER BY c.number DESC LIMIT 1";
    Ok(reading!(store, db => sqlx::query_scalar(SQL).fetch_one(db).await)?)
}

/// Removes up to `limit` of those that are no longer kept; returns how many. The newest one always stays.
pub async fn delete_old(tx: &mut Tx, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM changes WHERE number IN (SELECT c.number FROM changes c \
        WHERE c.number < (SELECT n.count - $1 FROM change_count n) ORDER BY c.number LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL).bind(KEPT).bind(i64::from(limit)).execute(db).await.map(|done| done.rows_affected())
    })?)
}
