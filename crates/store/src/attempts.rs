//! Sign-in attempts, counted by keys so that guesses slow down on every replica alike, and the networks that accounts
//! are signed in to from.

use latchkey_domain::Timestamp;

use crate::{Store, StoreError, Tx};

/// What is known of a key (a hash of whom or what is counted) before this attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// Attempts since the last success or since the window began, without this one.
    pub failures: u32,
    /// When the last one was made.
    pub last_at: Timestamp,
}

/// The count for `key`, or `None` when nothing was tried since `window_start`. Locks the key until the transaction ends:
/// who asks for several asks in their order.
pub async fn get(tx: &mut Tx, key: &[u8; 32], window_start: Timestamp) -> Result<Option<Attempts>, StoreError> {
    const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";
    let [a, b, c, d, e, f, g, h, ..] = *key;
    // A row can't be locked before the first attempt has made it, and that one must be counted alone, too. Two keys that
    // begin alike only wait for each other without need.
    writing!(tx, db, sqlite => { let _ = db; Ok(()) }, postgres => {
        sqlx::query(LOCK).bind(i64::from_be_bytes([a, b, c, d, e, f, g, h])).execute(db).await.map(|_| ())
    })?;
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

/// Takes back the attempt that was counted `at` a time, when `before` was known; in the order of keys, too.
pub async fn undo(tx: &mut Tx, key: &[u8; 32], at: Timestamp, before: Option<Attempts>) -> Result<(), StoreError> {
    // Others may have been counted meanwhile: theirs stay.
    const SQL: &str = "UPDATE sign_in_attempts SET failures = failures - 1, \
        last_at = CASE WHEN last_at = $2 THEN $3 ELSE last_at END WHERE key = $1 AND failures > 0";
    let last_at = before.map_or(at, |before| before.last_at);
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(key.as_slice())
            .bind(at.micros())
            .bind(last_at.micros())
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

/// Remembers that somebody signed in; `key` is a hash of the account and the network.
pub async fn record_network(tx: &mut Tx, key: &[u8; 32], now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO sign_in_networks AS n (key, last_at) VALUES ($1, $2) \
        ON CONFLICT (key) DO UPDATE SET last_at = $2 WHERE n.last_at < $2";
    writing!(tx, db => sqlx::query(SQL).bind(key.as_slice()).bind(now.micros()).execute(db).await.map(|_| ()))?;
    Ok(())
}

/// Whether somebody signed in with this key at or after `since`.
pub async fn is_known_network(store: &Store, key: &[u8; 32], since: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM sign_in_networks WHERE key = $1 AND last_at >= $2)";
    store.query(SQL).bind(key.as_slice()).bind(since.micros()).fetch_one().await
}

/// Forgets up to `limit` networks that nobody has signed in from since `before`; returns how many.
pub async fn delete_old_networks(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM sign_in_networks WHERE last_at < $1 AND key IN \
        (SELECT n.key FROM sign_in_networks n WHERE n.last_at < $1 ORDER BY n.last_at LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL)
            .bind(before.micros())
            .bind(i64::from(limit))
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?)
}
