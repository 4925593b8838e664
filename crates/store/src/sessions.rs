use std::net::IpAddr;

use latchkey_domain::{CredentialId, SecretHash, Timestamp, UserId};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx,
    bind::text,
    users::{self, User, UserRow},
};

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Not secret.
    pub id: CredentialId,
    /// Who signed in.
    pub user: User,
    /// When.
    pub created_at: Timestamp,
    /// The last request, give or take how often [`touch`] is called.
    pub last_seen_at: Timestamp,
}

#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    user: UserRow,
    id: Uuid,
    created_at: i64,
    last_seen_at: i64,
}

impl From<Row> for Session {
    fn from(row: Row) -> Self {
        Self {
            id: CredentialId(row.id),
            user: row.user.into(),
            created_at: Timestamp::from_micros(row.created_at),
            last_seen_at: Timestamp::from_micros(row.last_seen_at),
        }
    }
}

/// Adds a session.
pub async fn insert(
    tx: &mut Tx,
    id: CredentialId,
    hash: &SecretHash,
    user: UserId,
    address: Option<IpAddr>,
    user_agent: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO sessions (hash, user_id, created_at, last_seen_at, address, user_agent, id) \
        VALUES ($1, $2, $3, $3, $4, $5, $6)";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(hash.as_bytes().as_slice())
            .bind(user.0)
            .bind(now.micros())
            .bind(address.map(|address| address.to_string()))
            .bind(text(user_agent))
            .bind(id.0)
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// A session counts while it was made at or after `$2` and seen at or after `$3`, and its user is not locked.
macro_rules! live {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            users::columns!(),
            ", s.id, s.created_at, s.last_seen_at FROM sessions s JOIN users u ON u.id = s.user_id \
             WHERE s.created_at >= $2 AND s.last_seen_at >= $3 AND u.locked_at IS NULL AND ",
            $condition
        )
    };
}

/// The session, if it was made at or after `made_since` and seen at or after `seen_since`; one query, with its user.
pub async fn live(
    store: &Store,
    hash: &SecretHash,
    made_since: Timestamp,
    seen_since: Timestamp,
) -> Result<Option<Session>, StoreError> {
    const SQL: &str = live!("s.hash = $1");
    let row: Option<Row> = reading!(store, db => {
        sqlx::query_as(SQL)
            .bind(hash.as_bytes().as_slice())
            .bind(made_since.micros())
            .bind(seen_since.micros())
            .fetch_optional(db)
            .await
    })?;
    Ok(row.map(Session::from))
}

/// The same by id within a transaction, in which the session then can't be ended; under [`users::lock_shared`].
pub async fn hold(
    tx: &mut Tx,
    id: CredentialId,
    made_since: Timestamp,
    seen_since: Timestamp,
) -> Result<Option<User>, StoreError> {
    let sql = tx.dialect(live!("s.id = $1"), live!("s.id = $1 FOR KEY SHARE OF s"));
    let row: Option<Row> = writing!(tx, db => {
        sqlx::query_as(sql)
            .bind(id.0)
            .bind(made_since.micros())
            .bind(seen_since.micros())
            .fetch_optional(db)
            .await
    })?;
    Ok(row.map(|row| row.user.into()))
}

/// Moves `last_seen_at` forward.
pub async fn touch(tx: &mut Tx, hash: &SecretHash, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sessions SET last_seen_at = $2 WHERE hash = $1 AND last_seen_at < $2";
    writing!(tx, db => {
        sqlx::query(SQL).bind(hash.as_bytes().as_slice()).bind(now.micros()).execute(db).await.map(|_| ())
    })?;
    Ok(())
}

/// Ends a session; true if there was one.
pub async fn delete(tx: &mut Tx, hash: &SecretHash) -> Result<bool, StoreError> {
    const SQL: &str = "DELETE FROM sessions WHERE hash = $1";
    let deleted = writing!(tx, db => {
        sqlx::query(SQL).bind(hash.as_bytes().as_slice()).execute(db).await.map(|done| done.rows_affected())
    })?;
    Ok(deleted == 1)
}

/// Ends a session; its user, if it was live (see [`live`]) and nobody else has ended it meanwhile.
pub async fn end(
    tx: &mut Tx,
    hash: &SecretHash,
    made_since: Timestamp,
    seen_since: Timestamp,
) -> Result<Option<User>, StoreError> {
    const SQL: &str = live!("s.hash = $1");
    let row: Option<Row> = writing!(tx, db => {
        sqlx::query_as(SQL)
            .bind(hash.as_bytes().as_slice())
            .bind(made_since.micros())
            .bind(seen_since.micros())
            .fetch_optional(db)
            .await
    })?;
    let ended = delete(tx, hash).await?;
    Ok(row.map(|row| row.user.into()).filter(|_| ended))
}

/// Removes up to `limit` sessions that are no longer live; returns how many.
pub async fn delete_dead(
    tx: &mut Tx,
    made_since: Timestamp,
    seen_since: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    // Two walks of one index each; one condition with OR could be a walk of the table.
    const SQL: &str = "DELETE FROM sessions WHERE hash IN (SELECT d.hash FROM ( \
            SELECT * FROM (SELECT s.hash FROM sessions s WHERE s.created_at < $1 ORDER BY s.created_at LIMIT $3) a \
            UNION \
            SELECT * FROM (SELECT s.hash FROM sessions s WHERE s.last_seen_at < $2 ORDER BY s.last_seen_at LIMIT $3) b \
        ) d LIMIT $3)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL)
            .bind(made_since.micros())
            .bind(seen_since.micros())
            .bind(i64::from(limit))
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?)
}
