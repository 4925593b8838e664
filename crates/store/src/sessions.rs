//! Signed-in browsers, and sign-ins in progress, which have no user yet.

use std::net::IpAddr;

use latchkey_domain::{CredentialId, SecretHash, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx,
    bind::text,
    users::{self, User, UserRow},
};

/// Most bytes of a session's data.
pub const DATA_MAX: usize = 4_096;

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

/// A session to [`insert`].
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// Not secret.
    pub id: CredentialId,
    /// SHA-256 of the id in the cookie.
    pub hash: &'a SecretHash,
    /// `None` while a sign-in is in progress.
    pub user: Option<UserId>,
    /// Its absolute lifetime counts from here.
    pub created_at: Timestamp,
    /// Its idle time counts from here.
    pub last_seen_at: Timestamp,
    /// From where the browser asked.
    pub address: Option<IpAddr>,
    /// What it called itself.
    pub user_agent: &'a str,
    /// What a sign-in in progress needs; at most [`DATA_MAX`] bytes.
    pub data: Option<&'a [u8]>,
}

/// Which sessions are live: those that are not older than this, by the caller's clock.
#[derive(Clone, Copy, Debug)]
pub struct LiveSince {
    /// Of sessions with a user, when they were created.
    pub created_at: Timestamp,
    /// When they were last seen.
    pub last_seen_at: Timestamp,
    /// Of sessions without a user, when they were created.
    pub sign_in_started_at: Timestamp,
}

row! {
    struct Row {
        user: UserRow,
        id: Uuid,
        created_at: i64,
        last_seen_at: i64,
    }
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

/// Adds a session; false if there is one with this hash.
pub async fn insert(tx: &mut Tx, new: &NewSession<'_>) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO sessions \
            (hash, user_id, created_at, last_seen_at, address, user_agent, id, data) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (hash) DO NOTHING";
    let inserted = writing!(tx, db => {
        sqlx::query(SQL)
            .bind(new.hash.as_bytes().as_slice())
            .bind(new.user.map(|user| user.0))
            .bind(new.created_at.micros())
            .bind(new.last_seen_at.micros())
            .bind(new.address.map(|address| address.to_string()))
            .bind(text(new.user_agent))
            .bind(new.id.0)
            .bind(new.data)
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(inserted == 1)
}

/// A session with a user counts while it was created at or after `$2` and seen at or after `$3`, and its user is not
/// locked.
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

/// The session, if it is live and has a user; one query for both.
pub async fn live(store: &Store, hash: &SecretHash, since: LiveSince) -> Result<Option<Session>, StoreError> {
    const SQL: &str = live!("s.hash = $1");
    let row: Option<Row> = store
        .query(SQL)
        .bind(hash.as_bytes().as_slice())
        .bind(since.created_at.micros())
        .bind(since.last_seen_at.micros())
        .fetch_optional()
        .await?;
    Ok(row.map(Session::from))
}

/// The same by id within a transaction, in which the session then can't be ended; under [`users::lock_shared`].
pub async fn lock_shared(tx: &mut Tx, id: CredentialId, since: LiveSince) -> Result<Option<User>, StoreError> {
    let sql = tx.dialect(live!("s.id = $1"), live!("s.id = $1 FOR KEY SHARE OF s"));
    let row: Option<Row> = writing!(tx, db => {
        sqlx::query_as(sql)
            .bind(id.0)
            .bind(since.created_at.micros())
            .bind(since.last_seen_at.micros())
            .fetch_optional(db)
            .await
    })?;
    Ok(row.map(|row| row.user.into()))
}

/// The data of a live session, with or without a user; `Some(None)` when it has none.
pub async fn data(store: &Store, hash: &SecretHash, since: LiveSince) -> Result<Option<Option<Vec<u8>>>, StoreError> {
    const SQL: &str = "SELECT s.data FROM sessions s LEFT JOIN users u ON u.id = s.user_id \
        WHERE s.hash = $1 AND s.last_seen_at >= $3 AND u.locked_at IS NULL \
            AND ((s.user_id IS NOT NULL AND s.created_at >= $2) OR (s.user_id IS NULL AND s.created_at >= $4))";
    store
        .query(SQL)
        .bind(hash.as_bytes().as_slice())
        .bind(since.created_at.micros())
        .bind(since.last_seen_at.micros())
        .bind(since.sign_in_started_at.micros())
        .fetch_optional()
        .await
}

/// Replaces the data of a live session. False if the session has ended: it is not brought back.
pub async fn set_data(
    tx: &mut Tx,
    hash: &SecretHash,
    data: Option<&[u8]>,
    since: LiveSince,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE sessions SET data = $5 WHERE hash = $1 AND last_seen_at >= $3 \
        AND ((user_id IS NOT NULL AND created_at >= $2) OR (user_id IS NULL AND created_at >= $4))";
    let updated = writing!(tx, db => {
        sqlx::query(SQL)
            .bind(hash.as_bytes().as_slice())
            .bind(since.created_at.micros())
            .bind(since.last_seen_at.micros())
            .bind(since.sign_in_started_at.micros())
            .bind(data)
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(updated == 1)
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

/// Takes a session away, to put another in its place; when it was created, if it is there.
pub async fn take(tx: &mut Tx, id: CredentialId) -> Result<Option<Timestamp>, StoreError> {
    const SQL: &str = "DELETE FROM sessions WHERE id = $1 RETURNING created_at";
    let created_at: Option<i64> = writing!(tx, db => {
        sqlx::query_scalar(SQL).bind(id.0).fetch_optional(db).await
    })?;
    Ok(created_at.map(Timestamp::from_micros))
}

/// Ends a session; its user, if it was live (see [`live`]) and nobody else has ended it meanwhile.
pub async fn end(tx: &mut Tx, hash: &SecretHash, since: LiveSince) -> Result<Option<User>, StoreError> {
    const SQL: &str = live!("s.hash = $1");
    let row: Option<Row> = writing!(tx, db => {
        sqlx::query_as(SQL)
            .bind(hash.as_bytes().as_slice())
            .bind(since.created_at.micros())
            .bind(since.last_seen_at.micros())
            .fetch_optional(db)
            .await
    })?;
    let ended = delete(tx, hash).await?;
    Ok(row.map(|row| row.user.into()).filter(|_| ended))
}

/// Removes up to `limit` sessions that are no longer live; returns how many.
pub async fn delete_dead(tx: &mut Tx, since: LiveSince, limit: u32) -> Result<u64, StoreError> {
    // Three walks of one index each; one condition with OR could be a walk of the table.
    const SQL: &str = "DELETE FROM sessions WHERE hash IN (SELECT d.hash FROM ( \
            SELECT * FROM (SELECT s.hash FROM sessions s WHERE s.created_at < $1 ORDER BY s.created_at LIMIT $4) a \
            UNION \
            SELECT * FROM (SELECT s.hash FROM sessions s WHERE s.last_seen_at < $2 ORDER BY s.last_seen_at LIMIT $4) b \
            UNION \
            SELECT * FROM (SELECT s.hash FROM sessions s WHERE s.user_id IS NULL AND s.created_at < $3 \
                ORDER BY s.created_at LIMIT $4) c \
        ) d LIMIT $4)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL)
            .bind(since.created_at.micros())
            .bind(since.last_seen_at.micros())
            .bind(since.sign_in_started_at.micros())
            .bind(i64::from(limit))
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?)
}
