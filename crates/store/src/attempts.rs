//! Sign-in attempts, counted per account and per address so that guesses slow down on every replica alike.

use latchkey_domain::Timestamp;

use crate::{StoreError, Tx, engine::Begun};

/// What is known of a key (a hash of an email or an address) before this attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// Attempts since the last success or since the window began, without this one.
    pub failures: u32,
    /// When the last one was made.
    pub last_at: Timestamp,
}

/// The count for `key`, or `None` when nothing was tried since `window_start`. Locks the key until the transaction ends.
pub async fn get(tx: &mut Tx, key: &[u8; 32], window_start: Timestamp) -> Result<Option<Attempts>, StoreError> {
    if let Begun::Postgres(tx) = &mut tx.begun {
        // A row can't be locked before the first attempt has made it, and that one must be counted alone, too. Two
        // keys that begin alike only wait for each other without need.
        let [a, b, c, d, e, f, g, h, ..] = *key;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
            .execute(&mut **tx)
            .await?;
    }
    const SQL: &str = "SELECT failures, last_at FROM sign_in_attempts WHERE key = $1 AND last_at >= $2";
    let row: Option<(i32, i64)> = writing!(tx, db => {
        sqlx::query_as(SQL).bind(key.as_slice()).bind(window_start.micros()).fetch_optional(db).await
    })?;
    Ok(row.map(|(failures, last_at)| Attempts {
        failures: u32::try_from(failures).unwrap_or_default(),
        last_at: Timestamp::from_micros(last_at),
    }))
}

/// Counts one more attempt (starting at 1 when the last one was before `window_start`).
pub async fn add(tx: &mut Tx, key: &[u8; 32], window_start: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO sign_in_attempts AS a (key, failures, last_at) VALUES ($1, 1, $3) \
        ON CONFLICT (key) DO UPDATE SET \
            failures = CASE WHEN a.last_at < $2 THEN 1 ELSE a.failures + 1 END, last_at = $3";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(key.as_slice())
            .bind(window_start.micros())
            .bind(now.micros())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// Forgets a key, after a success.
pub async fn clear(tx: &mut Tx, key: &[u8; 32]) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM sign_in_attempts WHERE key = $1";
    writing!(tx, db => sqlx::query(SQL).bind(key.as_slice()).execute(db).await.map(|_| ()))?;
    Ok(())
}

/// Removes up to `limit` keys whose last attempt was before `before`; returns how many.
pub async fn delete_old(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM sign_in_attempts WHERE last_at < $1 AND key IN \
        (SELECT a.key FROM sign_in_attempts a WHERE a.last_at < $1 ORDER BY a.last_at LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL)
            .bind(before.micros())
            .bind(i64::from(limit))
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?)
}
