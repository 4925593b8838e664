//! Nonces of signed requests, and what is known of them as a whole: `docs/signing.md` says why none is good twice.

use latchkey_domain::Timestamp;
use uuid::Uuid;

use crate::bind::{Hashes, in_list};
use crate::{Store, StoreError, Tx};

/// What is known of the nonces as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonceState {
    /// Names the nonces that are kept elsewhere; nil while they are kept here.
    pub epoch: Uuid,
    /// No signature with a later timestamp was accepted.
    pub horizon: Timestamp,
    /// Nonces of signatures up to this timestamp may be forgotten: such signatures are refused.
    pub since: Timestamp,
    /// When a replica last saw the nonces complete; `None`: never.
    pub heartbeat_at: Option<Timestamp>,
    /// The last replica has ended in order at that moment.
    pub stopped: bool,
    /// The name of the database's [`DatabaseIdentity`](crate::database_identity::DatabaseIdentity) at that moment.
    pub database: String,
}

row! {
    struct Row {
        epoch: Uuid,
        horizon: i64,
        since: i64,
        beat_at: i64,
        stopped: bool,
        place: String,
    }
}

impl From<Row> for NonceState {
    fn from(row: Row) -> Self {
        let Row { epoch, horizon, since, beat_at, stopped, place } = row;
        let [horizon, since, beat_at] = [horizon, since, beat_at].map(Timestamp::from_micros);
        let heartbeat_at = Some(beat_at).filter(|at| *at > Timestamp::EPOCH);
        Self { epoch, horizon, since, heartbeat_at, stopped, database: place }
    }
}

const STATE: &str = "SELECT s.epoch, s.horizon, s.since, s.beat_at, s.stopped, s.place FROM nonce_state s";

/// What is known of them.
pub async fn state(store: &Store) -> Result<NonceState, StoreError> {
    let row: Row = store.query(STATE).fetch_one().await?;
    Ok(row.into())
}

/// The same within a transaction.
pub async fn state_in(tx: &mut Tx) -> Result<NonceState, StoreError> {
    let row: Row = writing!(tx, db => sqlx::query_as(STATE).fetch_one(db).await)?;
    Ok(row.into())
}

/// Allows signatures up to a timestamp, and refuses those up to another; neither goes back.
pub async fn advance(tx: &mut Tx, horizon: Timestamp, since: Timestamp) -> Result<NonceState, StoreError> {
    const SQL: &str = "UPDATE nonce_state SET horizon = CASE WHEN horizon < $1 THEN $1 ELSE horizon END, \
            since = CASE WHEN since < $2 THEN $2 ELSE since END \
        RETURNING epoch, horizon, since, beat_at, stopped, place";
    let row: Row = writing!(tx, db => {
        sqlx::query_as(SQL).bind(horizon.micros()).bind(since.micros()).fetch_one(db).await
    })?;
    Ok(row.into())
}

/// Starts a new epoch of nonces: whatever was accepted so far is refused. `None` if `old` is no longer the epoch.
pub async fn start_epoch(tx: &mut Tx, old: Uuid, new: Uuid) -> Result<Option<NonceState>, StoreError> {
    const SQL: &str = "UPDATE nonce_state SET epoch = $2, since = CASE WHEN since < horizon THEN horizon ELSE since END \
        WHERE epoch = $1 RETURNING epoch, horizon, since, beat_at, stopped, place";
    let row: Option<Row> = writing!(tx, db => sqlx::query_as(SQL).bind(old).bind(new).fetch_optional(db).await)?;
    Ok(row.map(NonceState::from))
}

/// Notes that they are complete at a moment, in the database of a name; `stopped`: and nothing follows.
pub async fn record_heartbeat(
    tx: &mut Tx,
    at: Timestamp,
    stopped: bool,
    database: &str,
) -> Result<NonceState, StoreError> {
    const SQL: &str = "UPDATE nonce_state SET beat_at = CASE WHEN beat_at < $1 THEN $1 ELSE beat_at END, stopped = $2, \
            place = $3 \
        RETURNING epoch, horizon, since, beat_at, stopped, place";
    let row: Row =
        writing!(tx, db => sqlx::query_as(SQL).bind(at.micros()).bind(stopped).bind(database).fetch_one(db).await)?;
    Ok(row.into())
}

/// Those of `keys` that are used up.
pub async fn used(store: &Store, keys: &[[u8; 32]]) -> Result<Vec<[u8; 32]>, StoreError> {
    let sql = store.dialect(
        concat!("SELECT n.key FROM nonces n WHERE n.key ", in_list!(sqlite "$1")),
        concat!("SELECT n.key FROM nonces n WHERE n.key ", in_list!(postgres "$1")),
    );
    let keys: Hashes = keys.iter().copied().collect();
    let found: Vec<Vec<u8>> = store.query(sql).bind(&keys).fetch_all().await?;
    Ok(hashes(found))
}

/// Stores nonces as used until `expires_at`; returns those that were not used before. In the order
/// of their keys, so that two transactions can't wait for each other.
pub async fn insert_unused(tx: &mut Tx, keys: &[[u8; 32]], expires_at: Timestamp) -> Result<Vec<[u8; 32]>, StoreError> {
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
