use latchkey_domain::{Email, OrganizationId, Timestamp, UserId};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, bind::text};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Never changes.
    pub id: UserId,
    /// Unique, in lower case.
    pub email: String,
    /// May act on every organization.
    pub instance_admin: bool,
    /// When the account was made.
    pub created_at: Timestamp,
    /// Since when nobody can sign in with it; `None` as a rule.
    pub locked_at: Option<Timestamp>,
}

row! {
    /// A user's columns, under names that don't clash with those of what is joined to it.
    pub(crate) struct UserRow {
        user_id: Uuid,
        user_email: String,
        user_instance_admin: bool,
        user_created_at: i64,
        user_locked_at: Option<i64>,
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId(row.user_id),
            email: row.user_email,
            instance_admin: row.user_instance_admin,
            created_at: Timestamp::from_micros(row.user_created_at),
            locked_at: row.user_locked_at.map(Timestamp::from_micros),
        }
    }
}

row! {
    struct RowWithPassword {
        user: UserRow,
        password_hash: Option<String>,
    }
}

/// The columns of a [`UserRow`], from `users u`.
macro_rules! columns {
    () => {
        "u.id AS user_id, u.email AS user_email, u.instance_admin AS user_instance_admin, \
         u.created_at AS user_created_at, u.locked_at AS user_locked_at"
    };
}
pub(crate) use columns;

macro_rules! select {
    ($condition:literal) => {
        concat!("SELECT ", columns!(), " FROM users u WHERE ", $condition)
    };
}

/// Adds a user. [`Conflict::Email`](crate::Conflict::Email) when the email is taken.
pub async fn insert(
    tx: &mut Tx,
    id: UserId,
    email: &Email,
    password_hash: Option<&str>,
    instance_admin: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO users (id, email, password_hash, instance_admin, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(id.0)
            .bind(email.as_str())
            .bind(password_hash)
            .bind(instance_admin)
            .bind(now.micros())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// The user of an id.
pub async fn by_id(store: &Store, id: UserId) -> Result<Option<User>, StoreError> {
    const SQL: &str = select!("u.id = $1");
    let row: Option<UserRow> = store.query(SQL).bind(id.0).fetch_optional().await?;
    Ok(row.map(User::from))
}

/// The same within a transaction: until it ends, the user can't be locked nor get another password.
pub async fn lock_shared(tx: &mut Tx, id: UserId) -> Result<Option<User>, StoreError> {
    let sql = tx.dialect(select!("u.id = $1"), select!("u.id = $1 FOR KEY SHARE"));
    user(tx, sql, id).await
}

/// The same, for who changes the user's power: waits for everybody who acts as this user.
pub async fn lock(tx: &mut Tx, id: UserId) -> Result<Option<User>, StoreError> {
    let sql = tx.dialect(select!("u.id = $1"), select!("u.id = $1 FOR UPDATE"));
    user(tx, sql, id).await
}

async fn user(tx: &mut Tx, sql: &'static str, id: UserId) -> Result<Option<User>, StoreError> {
    let row: Option<UserRow> = writing!(tx, db => sqlx::query_as(sql).bind(id.0).fetch_optional(db).await)?;
    Ok(row.map(User::from))
}

/// The hash of the user's password; under [`lock_shared`] or [`lock`].
pub async fn password_hash(tx: &mut Tx, id: UserId) -> Result<Option<String>, StoreError> {
    const SQL: &str = "SELECT u.password_hash FROM users u WHERE u.id = $1";
    let hash: Option<Option<String>> = writing!(tx, db => {
        sqlx::query_scalar(SQL).bind(id.0).fetch_optional(db).await
    })?;
    Ok(hash.flatten())
}

/// All, by email, after an email.
pub async fn list(store: &Store, after: &str, limit: u32) -> Result<Vec<User>, StoreError> {
    const SQL: &str = select!("u.email > $1 ORDER BY u.email LIMIT $2");
    let rows: Vec<UserRow> = store.query(SQL).bind(text(after)).bind(i64::from(limit)).fetch_all().await?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// Locks the account, or opens it again with `None`; under [`lock`].
pub async fn set_locked(tx: &mut Tx, id: UserId, at: Option<Timestamp>) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE users SET locked_at = $2 WHERE id = $1";
    let at = at.map(Timestamp::micros);
    writing!(tx, db => sqlx::query(SQL).bind(id.0).bind(at).execute(db).await.map(|_| ()))?;
    Ok(())
}

/// Replaces the password's hash; under [`lock`].
pub async fn set_password(tx: &mut Tx, id: UserId, hash: &str) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE users SET password_hash = $2 WHERE id = $1";
    writing!(tx, db => sqlx::query(SQL).bind(id.0).bind(hash).execute(db).await.map(|_| ()))?;
    Ok(())
}

/// With the password's hash, for sign-in.
pub async fn by_email(store: &Store, email: &str) -> Result<Option<(User, Option<String>)>, StoreError> {
    const SQL: &str = concat!("SELECT ", columns!(), ", u.password_hash FROM users u WHERE u.email = $1");
    let row: Option<RowWithPassword> = store.query(SQL).bind(text(email)).fetch_optional().await?;
    Ok(row.map(|row| (row.user.into(), row.password_hash)))
}

/// Chooses the organization that the user acts on when a request names none.
pub async fn set_current(tx: &mut Tx, id: UserId, organization: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE users SET current_organization_id = $2 WHERE id = $1";
    writing!(tx, db => sqlx::query(SQL).bind(id.0).bind(organization.0).execute(db).await.map(|_| ()))?;
    Ok(())
}
