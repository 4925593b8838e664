use std::net::IpAddr;

use latchkey_domain::{CredentialId, SecretHash, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx,
    bind::text,
    users::{self, User, UserRow},
};

/// A person's 24-hour credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserToken {
    /// Not secret.
    pub id: CredentialId,
    /// Whose it is.
    pub user: User,
    /// It may have passed, so that the refusal can say so.
    pub expires_at: Timestamp,
}

row! {
    struct Row {
        user: UserRow,
        id: Uuid,
        expires_at: i64,
    }
}

/// Adds a user token.
pub async fn insert(
    tx: &mut Tx,
    id: CredentialId,
    hash: &SecretHash,
    user: UserId,
    address: Option<IpAddr>,
    user_agent: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO user_tokens (hash, user_id, created_at, expires_at, id, address, user_agent) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(hash.as_bytes().as_slice())
            .bind(user.0)
            .bind(now.micros())
            .bind(expires_at.micros())
            .bind(id.0)
            .bind(address.map(|address| address.to_string()))
            .bind(text(user_agent))
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// A token counts while its user is not locked.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            users::columns!(),
            ", k.id, k.expires_at FROM user_tokens k JOIN users u ON u.id = k.user_id \
             WHERE u.locked_at IS NULL AND ",
            $condition
        )
    };
}

impl From<Row> for UserToken {
    fn from(row: Row) -> Self {
        Self { id: CredentialId(row.id), user: row.user.into(), expires_at: Timestamp::from_micros(row.expires_at) }
    }
}

/// The token, whether expired or not.
pub async fn by_hash(store: &Store, hash: &SecretHash) -> Result<Option<UserToken>, StoreError> {
    const SQL: &str = select!("k.hash = $1");
    let row: Option<Row> = store.query(SQL).bind(hash.as_bytes().as_slice()).fetch_optional().await?;
    Ok(row.map(UserToken::from))
}

/// The same by id within a transaction, in which the token then can't be ended; under [`users::lock_shared`].
pub async fn lock_shared(tx: &mut Tx, id: CredentialId) -> Result<Option<UserToken>, StoreError> {
    let sql = tx.dialect(select!("k.id = $1"), select!("k.id = $1 FOR KEY SHARE OF k"));
    let row: Option<Row> = writing!(tx, db => sqlx::query_as(sql).bind(id.0).fetch_optional(db).await)?;
    Ok(row.map(UserToken::from))
}

/// Removes up to `limit` tokens that expired before `before`; returns how many.
pub async fn delete_expired(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM user_tokens WHERE hash IN \
        (SELECT k.hash FROM user_tokens k WHERE k.expires_at < $1 ORDER BY k.expires_at LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL)
            .bind(before.micros())
            .bind(i64::from(limit))
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?)
}
