use std::net::IpAddr;

use latchkey_domain::{SecretHash, Timestamp};

use crate::{Store, StoreError, Tx};

/// Whether nobody can sign in yet: the instance waits for its set-up.
pub async fn is_new(store: &Store) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT NOT EXISTS (SELECT 1 FROM users)";
    store.query(SQL).fetch_one().await
}

/// Sets the one-time set-up link, replacing an earlier one.
pub async fn set_setup_hash(tx: &mut Tx, hash: &SecretHash, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO instance (id, created_at, setup_hash) VALUES (1, $1, $2) \
        ON CONFLICT (id) DO UPDATE SET setup_hash = $2";
    writing!(tx, db => {
        sqlx::query(SQL).bind(now.micros()).bind(hash.as_bytes().as_slice()).execute(db).await.map(|_| ())
    })?;
    Ok(())
}

/// Uses the set-up link up: true once, if the hash is the current one and there is no user yet.
pub async fn take_setup_hash(tx: &mut Tx, hash: &SecretHash) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE instance SET setup_hash = NULL \
        WHERE setup_hash = $1 AND NOT EXISTS (SELECT 1 FROM users)";
    let taken = writing!(tx, db => {
        sqlx::query(SQL).bind(hash.as_bytes().as_slice()).execute(db).await.map(|done| done.rows_affected())
    })?;
    Ok(taken == 1)
}

/// Whether the hash is that of the current set-up link.
pub async fn has_setup_hash(store: &Store, hash: &SecretHash) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM instance WHERE setup_hash = $1)";
    store.query(SQL).bind(hash.as_bytes().as_slice()).fetch_one().await
}

/// Notes who sent `X-Forwarded-For` without being a trusted proxy.
pub async fn set_forwarded_by(tx: &mut Tx, peer: IpAddr, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO instance (id, created_at, forwarded_by, forwarded_at) VALUES (1, $1, $2, $1) \
        ON CONFLICT (id) DO UPDATE SET forwarded_by = $2, forwarded_at = $1";
    writing!(tx, db => sqlx::query(SQL).bind(now.micros()).bind(peer.to_string()).execute(db).await.map(|_| ()))?;
    Ok(())
}

/// Who did so last, and when.
pub async fn forwarded_by(store: &Store) -> Result<Option<(IpAddr, Timestamp)>, StoreError> {
    const SQL: &str = "SELECT forwarded_by, forwarded_at FROM instance WHERE forwarded_by IS NOT NULL";
    let row: Option<(String, i64)> = store.query(SQL).fetch_optional().await?;
    Ok(row.and_then(|(peer, at)| Some((peer.parse().ok()?, Timestamp::from_micros(at)))))
}

/// Writes, and asks for as much new space as a revocation may need: what fails here says that nothing can be revoked.
pub async fn probe_write(tx: &mut Tx) -> Result<(), StoreError> {
    // On PostgreSQL an update may go into space that its table has, so the disk is asked with a temporary file. SQLite's
    // WAL grows with what is written, at random because equal content is not.
    const ROOM: &str = "SELECT count(*) FROM generate_series(1, 10000)";
    let sql = tx.dialect(
        "UPDATE write_probe SET count = count + 1, filler = randomblob(32768)",
        "UPDATE write_probe SET count = count + 1",
    );
    writing!(tx, db => sqlx::query(sql).execute(db).await.map(|_| ()))?;
    writing!(tx, db, sqlite => { let _ = db; Ok(()) }, postgres => {
        // The least that a server takes.
        sqlx::query("SET LOCAL work_mem = '64kB'").execute(db).await.map(|_| ())
    })?;
    writing!(tx, db, sqlite => { let _ = db; Ok(()) }, postgres => {
        sqlx::query(ROOM).execute(db).await.map(|_| ())
    })?;
    Ok(())
}
