//! Nonces of signed requests, and what is known of them as a whole: `docs/signing.md` says why none is good twice.

use latchkey_domain::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::bind::{Hashes, among};
use crate::engine::Engine;
use crate::{Store, StoreError, Tx, servers, sqlite};

/// What is known of the nonces as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Names the nonces that are kept elsewhere; nil while they are kept here.
    pub epoch: Uuid,
    /// No signature with a later timestamp was accepted.
    pub horizon: Timestamp,
    /// Nonces of signatures up to this timestamp may be forgotten: such signatures are refused.
    pub since: Timestamp,
    /// When a replica last saw the nonces whole; `None`: never.
    pub beat_at: Option<Timestamp>,
    /// The last replica has ended in order at that moment.
    pub stopped: bool,
    /// The database's [`Place`] at that moment.
    pub place: String,
}

/// What tells a database from a copy of it that was put in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// PostgreSQL: the database and the table, which a copy makes anew, and which history the server writes. SQLite: the
    /// file's number, and the name that a file beside it has.
    pub name: String,
    /// SQLite: when the file was last written to, or put there. `None` on PostgreSQL.
    pub written_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct Row {
    epoch: Uuid,
    horizon: i64,
    since: i64,
    beat_at: i64,
    stopped: bool,
    place: String,
}

impl From<Row> for State {
    fn from(row: Row) -> Self {
        let Row { epoch, horizon, since, beat_at, stopped, place } = row;
        let [horizon, since, beat_at] = [horizon, since, beat_at].map(Timestamp::from_micros);
        Self { epoch, horizon, since, beat_at: Some(beat_at).filter(|at| *at > Timestamp::EPOCH), stopped, place }
    }
}

const STATE: &str = "SELECT s.epoch, s.horizon, s.since, s.beat_at, s.stopped, s.place FROM nonce_state s";

/// What is known of them.
pub async fn state(store: &Store) -> Result<State, StoreError> {
    let row: Row = reading!(store, db => sqlx::query_as(STATE).fetch_one(db).await)?;
    Ok(row.into())
}

/// The same within a transaction.
pub async fn state_in(tx: &mut Tx) -> Result<State, StoreError> {
    let row: Row = writing!(tx, db => sqlx::query_as(STATE).fetch_one(db).await)?;
    Ok(row.into())
}

/// Allows signatures up to a timestamp, and refuses those up to another; neither goes back.
pub async fn advance(tx: &mut Tx, horizon: Timestamp, since: Timestamp) -> Result<State, StoreError> {
    const SQL: &str = "UPDATE nonce_state SET horizon = CASE WHEN horizon < $1 THEN $1 ELSE horizon END, \
            since = CASE WHEN since < $2 THEN $2 ELSE since END \
        RETURNING epoch, horizon, since, beat_at, stopped, place";
    let row: Row = writing!(tx, db => {
        sqlx::query_as(SQL).bind(horizon.micros()).bind(since.micros()).fetch_one(db).await
    })?;
    Ok(row.into())
}

/// Names the nonces anew: whatever was accepted so far is refused. `None` if `old` is no longer their name.
pub async fn rename(tx: &mut Tx, old: Uuid, new: Uuid) -> Result<Option<State>, StoreError> {
    const SQL: &str = "UPDATE nonce_state SET epoch = $2, since = CASE WHEN since < horizon THEN horizon ELSE since END \
        WHERE epoch = $1 RETURNING epoch, horizon, since, beat_at, stopped, place";
    let row: Option<Row> = writing!(tx, db => sqlx::query_as(SQL).bind(old).bind(new).fetch_optional(db).await)?;
    Ok(row.map(State::from))
}

/// Notes that they are whole at a moment, in the database at a place; `stopped`: and nothing follows.
pub async fn beat(tx: &mut Tx, at: Timestamp, stopped: bool, place: &str) -> Result<State, StoreError> {
    const SQL: &str = "UPDATE nonce_state SET beat_at = CASE WHEN beat_at < $1 THEN $1 ELSE beat_at END, stopped = $2, \
            place = $3 \
        RETURNING epoch, horizon, since, beat_at, stopped, place";
    let row: Row =
        writing!(tx, db => sqlx::query_as(SQL).bind(at.micros()).bind(stopped).bind(place).fetch_one(db).await)?;
    Ok(row.into())
}

/// Where the database is now.
pub async fn place(store: &Store) -> Result<Place, StoreError> {
    const SQL: &str = "SELECT concat_ws(' ', d.oid, 'nonces'::regclass::oid, $1::bigint) \
        FROM pg_database d WHERE d.datname = current_database()";
    match &store.engine {
        Engine::Sqlite { file, .. } => Ok(sqlite::place(&file.path)),
        Engine::Postgres { pool, .. } => {
            let mut connection = pool.acquire().await?;
            let lineage = servers::lineage(&mut connection).await?;
            let name = sqlx::query_scalar(SQL).bind(lineage).fetch_one(&mut *connection).await?;
            Ok(Place { name, written_at: None })
        }
    }
}

/// Gives the place a new name where that is ours to give; returns its name. To be called within the write that notes it.
pub async fn name_place(store: &Store, new: Uuid) -> Result<String, StoreError> {
    if let Engine::Sqlite { file, .. } = &store.engine {
        sqlite::name_place(&file.path, new).map_err(sqlx::Error::Io)?;
    }
    Ok(place(store).await?.name)
}

/// Those of `keys` that are used up.
pub async fn used(store: &Store, keys: &[[u8; 32]]) -> Result<Vec<[u8; 32]>, StoreError> {
    let sql = store.dialect(
        concat!("SELECT n.key FROM nonces n WHERE n.key ", among!(sqlite "$1")),
        concat!("SELECT n.key FROM nonces n WHERE n.key ", among!(postgres "$1")),
    );
    let keys: Hashes = keys.iter().copied().collect();
    let found: Vec<Vec<u8>> = reading!(store, db => sqlx::query_scalar(sql).bind(&keys).fetch_all(db).await)?;
    Ok(hashes(found))
}

/// Uses nonces up, which are to be remembered until `expires_at`; returns those that were not used before. In the order
/// of their keys, so that two transactions can't wait for each other.
pub async fn take(tx: &mut Tx, keys: &[[u8; 32]], expires_at: Timestamp) -> Result<Vec<[u8; 32]>, StoreError> {
    let sql = tx.dialect(
        "INSERT INTO nonces (key, expires_at) SELECT unhex(value), $2 FROM json_each($1) WHERE true \
         ON CONFLICT (key) DO NOTHING RETURNING key",
        "INSERT INTO nonces (key, expires_at) SELECT key, $2 FROM unnest($1) AS of (key) ORDER BY key \
         ON CONFLICT (key) DO NOTHING RETURNING key",
    );
    let keys: Hashes = keys.iter().copied().collect();
    let taken: Vec<Vec<u8>> =
        writing!(tx, db => sqlx::query_scalar(sql).bind(keys).bind(expires_at.micros()).fetch_all(db).await)?;
    Ok(hashes(taken))
}

fn hashes(found: Vec<Vec<u8>>) -> Vec<[u8; 32]> {
    found.into_iter().filter_map(|key| key.try_into().ok()).collect()
}

/// Forgets up to `limit` nonces whose time was over before `until`; returns how many.
pub async fn delete_expired(tx: &mut Tx, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM nonces WHERE key IN (SELECT n.key FROM nonces n WHERE n.expires_at < $1 \
        ORDER BY n.expires_at LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL).bind(until.micros()).bind(i64::from(limit)).execute(db).await.map(|done| done.rows_affected())
    })?)
}
