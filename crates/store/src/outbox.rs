//! Messages to the outside, written in the transaction of the change that they tell of, and delivered afterwards.
//!
//! Whoever delivers claims messages first: a claim is a lease with an end. A result is taken only from the holder of the
//! lease, so a worker that was paused beyond its end changes nothing.

use latchkey_domain::{OutboxMessageId, Timestamp};
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx,
    bind::{Ids, in_list, text},
};

/// Highest number that [`counts`] tells; more is "more than that".
pub const COUNT_MAX: u32 = 1_000;

/// A message to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage<'a> {
    /// Version 7, so messages sort by creation.
    pub id: OutboxMessageId,
    /// What the payload is, with a version.
    pub kind: &'a str,
    /// JSON.
    pub payload: &'a str,
    pub created_at: Timestamp,
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    pub id: OutboxMessageId,
    pub kind: String,
    /// JSON.
    pub payload: String,
    pub created_at: Timestamp,
    /// Attempts to deliver it that were begun.
    pub attempts: u32,
    pub state: MessageState,
    /// Why the last attempt has failed; empty if none has.
    pub last_error: String,
}

/// Whether and when a message is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// From this moment on, by whoever comes first.
    Due(Timestamp),
    /// It is being delivered; if nobody tells how that went, it is due at this moment.
    Leased(Timestamp),
    /// It is given up since this moment.
    Dead(Timestamp),
}

/// How many messages there are, [`COUNT_MAX`] + 1 at most of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Due or leased.
    pub pending: u32,
    pub dead: u32,
}

row! {
    struct Row {
        id: Uuid,
        kind: String,
        payload: String,
        created_at: i64,
        attempts: i32,
        due_at: Option<i64>,
        lease: Option<Uuid>,
        dead_at: Option<i64>,
        last_error: String,
    }
}

impl From<Row> for StoredMessage {
    fn from(row: Row) -> Self {
        let due_at = Timestamp::from_micros(row.due_at.unwrap_or_default());
        Self {
            id: OutboxMessageId(row.id),
            kind: row.kind,
            payload: row.payload,
            created_at: Timestamp::from_micros(row.created_at),
            attempts: u32::try_from(row.attempts).unwrap_or_default(),
            state: match row.dead_at {
                Some(dead_at) => MessageState::Dead(Timestamp::from_micros(dead_at)),
                None if row.lease.is_some() => MessageState::Leased(due_at),
                None => MessageState::Due(due_at),
            },
            last_error: row.last_error,
        }
    }
}

/// Adds a message, due at once.
pub async fn insert(tx: &mut Tx, message: &NewMessage<'_>) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO outbox (id, kind, payload, created_at, attempts, due_at, last_error) \
        VALUES ($1, $2, $3, $4, 0, $4, '')";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(message.id.0)
            .bind(message.kind)
            .bind(text(message.payload))
            .bind(message.created_at.micros())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// Whether any message is due; a read, so that nobody waits to write when there is none.
pub async fn is_any_due(store: &Store, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM outbox o WHERE o.due_at <= $1)";
    store.query(SQL).bind(now.micros()).fetch_one().await
}

/// Leases up to `limit` messages that are due at `now`, until a moment, and counts the attempt; oldest first. `lease` is
/// a new random id. On PostgreSQL it leaves out what another transaction is claiming.
pub async fn claim(
    tx: &mut Tx,
    lease: Uuid,
    now: Timestamp,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<StoredMessage>, StoreError> {
    macro_rules! sql {
        ($materialized:literal, $locking:literal) => {
            concat!(
                "WITH due AS ",
                $materialized,
                "(SELECT o.id FROM outbox o WHERE o.due_at <= $1 ORDER BY o.due_at, o.id LIMIT $4",
                $locking,
                ") UPDATE outbox SET lease = $2, due_at = $3, attempts = attempts + 1 \
                 WHERE id IN (SELECT id FROM due) \
                 RETURNING id, kind, payload, created_at, attempts, due_at, lease, dead_at, last_error"
            )
        };
    }
    let sql = tx.dialect(sql!("", ""), sql!("MATERIALIZED ", " FOR UPDATE SKIP LOCKED"));
    let mut rows: Vec<Row> = writing!(tx, db => {
        sqlx::query_as(sql)
            .bind(now.micros())
            .bind(lease)
            .bind(until.micros())
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
    })?;
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows.into_iter().map(StoredMessage::from).collect())
}

/// Removes messages that the holder of a lease has delivered; returns how many.
pub async fn delete_delivered(tx: &mut Tx, lease: Uuid, ids: &[OutboxMessageId]) -> Result<u64, StoreError> {
    macro_rules! sql {
        ($engine:ident) => {
            concat!("DELETE FROM outbox WHERE lease = $1 AND id ", in_list!($engine "$2"))
        };
    }
    let sql = tx.dialect(sql!(sqlite), sql!(postgres));
    let ids: Ids = ids.iter().map(|id| id.0).collect();
    Ok(writing!(tx, db => {
        sqlx::query(sql).bind(lease).bind(&ids).execute(db).await.map(|done| done.rows_affected())
    })?)
}

/// Ends the lease of a message that could not be delivered, which is due again at `due_at`; false if the lease is not
/// that.
pub async fn reschedule(
    tx: &mut Tx,
    lease: Uuid,
    id: OutboxMessageId,
    due_at: Timestamp,
    error: &str,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE outbox SET lease = NULL, due_at = $3, last_error = $4 WHERE id = $2 AND lease = $1";
    end_lease(tx, SQL, lease, id, due_at, error).await
}

/// Ends the lease of a message that is given up; false if the lease is not that.
pub async fn mark_dead(
    tx: &mut Tx,
    lease: Uuid,
    id: OutboxMessageId,
    at: Timestamp,
    error: &str,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE outbox SET lease = NULL, due_at = NULL, dead_at = $3, last_error = $4 \
        WHERE id = $2 AND lease = $1";
    end_lease(tx, SQL, lease, id, at, error).await
}

async fn end_lease(
    tx: &mut Tx,
    sql: &'static str,
    lease: Uuid,
    id: OutboxMessageId,
    at: Timestamp,
    error: &str,
) -> Result<bool, StoreError> {
    let ended = writing!(tx, db => {
        sqlx::query(sql)
            .bind(lease)
            .bind(id.0)
            .bind(at.micros())
            .bind(text(error))
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(ended > 0)
}

/// Makes a message that is dead or waits for its next attempt due at once, with all attempts before it; returns its kind,
/// or `None` if there is none or it is being delivered.
pub async fn retry(tx: &mut Tx, id: OutboxMessageId, now: Timestamp) -> Result<Option<String>, StoreError> {
    const SQL: &str = "UPDATE outbox SET due_at = $2, dead_at = NULL, attempts = 0 WHERE id = $1 AND lease IS NULL \
        RETURNING kind";
    Ok(writing!(tx, db => sqlx::query_scalar(SQL).bind(id.0).bind(now.micros()).fetch_optional(db).await)?)
}

/// Removes a message, whatever its state; returns its kind.
pub async fn delete(tx: &mut Tx, id: OutboxMessageId) -> Result<Option<String>, StoreError> {
    const SQL: &str = "DELETE FROM outbox WHERE id = $1 RETURNING kind";
    Ok(writing!(tx, db => sqlx::query_scalar(SQL).bind(id.0).fetch_optional(db).await)?)
}

/// Removes up to `limit` messages that are dead since before `before`; returns how many.
pub async fn delete_dead(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM outbox WHERE id IN (SELECT o.id FROM outbox o WHERE o.dead_at < $1 \
        ORDER BY o.dead_at, o.id LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL).bind(before.micros()).bind(i64::from(limit)).execute(db).await.map(|done| done.rows_affected())
    })?)
}

/// Messages that are not delivered, oldest first, after an id.
pub async fn list(store: &Store, after: OutboxMessageId, limit: u32) -> Result<Vec<StoredMessage>, StoreError> {
    const SQL: &str = "SELECT o.id, o.kind, o.payload, o.created_at, o.attempts, o.due_at, o.lease, o.dead_at, \
        o.last_error FROM outbox o WHERE o.id > $1 ORDER BY o.id LIMIT $2";
    let rows: Vec<Row> = store.query(SQL).bind(after.0).bind(i64::from(limit)).fetch_all().await?;
    Ok(rows.into_iter().map(StoredMessage::from).collect())
}

/// How many messages there are.
pub async fn counts(store: &Store) -> Result<OutboxCounts, StoreError> {
    const SQL: &str = "SELECT \
        (SELECT count(*) FROM (SELECT o.id FROM outbox o WHERE o.due_at IS NOT NULL ORDER BY o.due_at, o.id LIMIT $1) p), \
        (SELECT count(*) FROM (SELECT o.id FROM outbox o WHERE o.dead_at IS NOT NULL ORDER BY o.dead_at, o.id LIMIT $1) d)";
    let (pending, dead): (i64, i64) = store.query(SQL).bind(i64::from(COUNT_MAX) + 1).fetch_one().await?;
    let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(OutboxCounts { pending: count(pending), dead: count(dead) })
}
