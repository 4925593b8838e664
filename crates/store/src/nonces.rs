use latchkey_domain::Timestamp;

use crate::{StoreError, Tx};

/// Uses a nonce up: true the first time, until it is forgotten at `expires_at`.
pub async fn take(tx: &mut Tx, key: &[u8; 32], expires_at: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO nonces (key, expires_at) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    let taken = writing!(tx, db => {
        sqlx::query(SQL)
            .bind(key.as_slice())
            .bind(expires_at.micros())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(taken == 1)
}

/// Forgets up to `limit` nonces whose time was over before `now`; returns how many.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM nonces WHERE key IN (SELECT n.key FROM nonces n WHERE n.expires_at < $1 \
        ORDER BY n.expires_at LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL).bind(now.micros()).bind(i64::from(limit)).execute(db).await.map(|done| done.rows_affected())
    })?)
}
