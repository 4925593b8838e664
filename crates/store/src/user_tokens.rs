use latchkey_domain::{SecretHash, Timestamp, UserId};
use sqlx::FromRow;

use crate::{
    Store, StoreError, Tx,
    users::{self, User, UserRow},
};

#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    user: UserRow,
    expires_at: i64,
}

/// Adds a user token.
pub async fn insert(
    tx: &mut Tx,
    hash: &SecretHash,
    user: UserId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO user_tokens (hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(hash.as_bytes().as_slice())
            .bind(user.0)
            .bind(now.micros())
            .bind(expires_at.micros())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// The token's user and expiry, whether expired or not, so that the refusal can say which.
pub async fn by_hash(store: &Store, hash: &SecretHash) -> Result<Option<(User, Timestamp)>, StoreError> {
    const SQL: &str = concat!(
        "SELECT ",
        users::columns!(),
        ", k.expires_at FROM user_tokens k JOIN users u ON u.id = k.user_id WHERE k.hash = $1"
    );
    let row: Option<Row> = reading!(store, db => {
        sqlx::query_as(SQL).bind(hash.as_bytes().as_slice()).fetch_optional(db).await
    })?;
    Ok(row.map(|row| (row.user.into(), Timestamp::from_micros(row.expires_at))))
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
