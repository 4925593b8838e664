//! Expiry happens by itself, but an index can't hold what depends on the clock. So a token's phase says "live" until
//! somebody looks: before a list is read, what has expired since is noted in the phase, and the list is one walk.

use std::time::Duration;

use latchkey_domain::Timestamp;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{Store, StoreError, Tx, WritePriority};

/// A list keeps a place among the readers while it waits, and others want to read while nothing can be written.
const WAIT: Duration = Duration::from_millis(250);

/// Notes which tokens of a list have expired by `now`. Reads one index entry when there are none.
pub(super) async fn mark_expired(store: &Store, list: Uuid, now: Timestamp) -> Result<(), StoreError> {
    // Compared here and not in the statement: with a condition, a planner may think that any other order finds a row
    // soon.
    const FIRST: &str = "SELECT t.expires_key FROM api_tokens t WHERE t.list_id = $1 AND t.phase = 0 \
        ORDER BY t.expires_key, t.id LIMIT 1";
    if store.list_cache.is_marked_expired(list, now) {
        return Ok(());
    }
    loop {
        let first: Option<i64> = store.query(FIRST).bind(list).fetch_optional().await?;
        if first.is_none_or(|first| first > now.micros()) {
            store.list_cache.set_marked_expired(list, now);
            return Ok(());
        }
        match write(store, list, now).await {
            // It goes on. For the next second, nobody waits for it again.
            Err(StoreError::Busy) if store.is_reading() => {
                store.list_cache.set_marked_expired(list, now);
                return Ok(());
            }
            // What can't be written can still be read: until it can, what has expired is listed as if it had not.
            Err(error @ (StoreError::Unavailable(_) | StoreError::Busy)) => {
                tracing::warn!(%error, "what has expired could not be noted; lists may show it as active");
                return Ok(());
            }
            done => done?,
        }
    }
}

/// Where reads run that belong together, this waits no longer than [`WAIT`], and is [`StoreError::Busy`] then.
async fn write(store: &Store, list: Uuid, now: Timestamp) -> Result<(), StoreError> {
    if !store.is_reading() {
        return write_batch(store, list, now).await;
    }
    let own = store.clone();
    let writing = tokio::spawn(async move { write_batch(&own, list, now).await });
    match timeout(WAIT, writing).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) | Err(_) => Err(StoreError::Busy),
    }
}

async fn write_batch(store: &Store, list: Uuid, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = store.begin(WritePriority::Normal).await?;
    batch(&mut tx, list, now, store.limits.expired).await?;
    tx.commit().await
}

/// Notes up to `limit` of them.
pub(super) async fn batch(tx: &mut Tx, list: Uuid, now: Timestamp, limit: u32) -> Result<(), StoreError> {
    macro_rules! sql {
        ($locking:literal) => {
            concat!(
                "WITH due AS (SELECT t.id FROM api_tokens t \
                    WHERE t.list_id = $1 AND t.phase = 0 AND t.expires_key <= $2 \
                    ORDER BY t.expires_key, t.id LIMIT $3), \
                 locked AS (SELECT t.id FROM api_tokens t WHERE t.id IN (SELECT id FROM due) ORDER BY t.id",
                $locking,
                ") UPDATE api_tokens SET phase = 1 WHERE id IN (SELECT id FROM locked) AND phase = 0"
            )
        };
    }
    // Locked in the order of ids, as every batch of tokens is, so that two of them can't wait for each other.
    let sql = tx.dialect(sql!(""), sql!(" FOR NO KEY UPDATE"));
    writing!(tx, db => {
        sqlx::query(sql).bind(list).bind(now.micros()).bind(i64::from(limit)).execute(db).await.map(|_| ())
    })?;
    Ok(())
}
