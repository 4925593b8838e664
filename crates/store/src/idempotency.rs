//! Requests that were sent with an `Idempotency-Key`, so that the same request is done once.

use latchkey_domain::Timestamp;
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// What is remembered of a request that has succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRequest {
    /// SHA-256 of what was asked for.
    pub request: [u8; 32],
    /// What the secret of the answer was derived with.
    pub salt: [u8; 32],
    /// What was made or changed.
    pub object: Uuid,
}

/// What the key (a hash of caller, route and key) has done since `since`.
pub async fn get(store: &Store, key: &[u8; 32], since: Timestamp) -> Result<Option<StoredRequest>, StoreError> {
    const SQL: &str =
        "SELECT k.request, k.salt, k.object_id FROM idempotency_keys k WHERE k.hash = $1 AND k.created_at >= $2";
    let row: Option<(Vec<u8>, Vec<u8>, Uuid)> =
        store.query(SQL).bind(key.as_slice()).bind(since.micros()).fetch_optional().await?;
    Ok(row.map(|(request, salt, object)| StoredRequest { request: bytes(&request), salt: bytes(&salt), object }))
}

/// Remembers a request. Of two with the same key at once, the second waits for the first to end, and then gets
/// [`Conflict::IdempotencyKey`](crate::Conflict::IdempotencyKey).
pub async fn insert(
    tx: &mut Tx,
    key: &[u8; 32],
    new: &StoredRequest,
    since: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    const OVER: &str = "DELETE FROM idempotency_keys WHERE hash = $1 AND created_at < $2";
    const SQL: &str =
        "INSERT INTO idempotency_keys (hash, request, salt, object_id, created_at) VALUES ($1, $2, $3, $4, $5)";
    writing!(tx, db => {
        sqlx::query(OVER).bind(key.as_slice()).bind(since.micros()).execute(db).await.map(|_| ())
    })?;
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(key.as_slice())
            .bind(new.request.as_slice())
            .bind(new.salt.as_slice())
            .bind(new.object)
            .bind(now.micros())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// Removes up to `limit` from before `before`; returns how many.
pub async fn delete_old(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM idempotency_keys WHERE hash IN \
        (SELECT k.hash FROM idempotency_keys k WHERE k.created_at < $1 ORDER BY k.created_at LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL)
            .bind(before.micros())
            .bind(i64::from(limit))
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?)
}

/// The table checks the length.
fn bytes(stored: &[u8]) -> [u8; 32] {
    stored.try_into().unwrap_or_default()
}
