use latchkey_domain::{Email, OrganizationId, Timestamp, UserId};
use sqlx::FromRow;
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
}

/// A user's columns, under names that don't clash with those of what is joined to it.
#[derive(FromRow)]
pub(crate) struct UserRow {
    user_id: Uuid,
    user_email: String,
    user_instance_admin: bool,
    user_created_at: i64,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId(row.user_id),
            email: row.user_email,
            instance_admin: row.user_instance_admin,
            created_at: Timestamp::from_micros(row.user_created_at),
        }
    }
}

#[derive(FromRow)]
struct RowWithPassword {
    #[sqlx(flatten)]
    user: UserRow,
    password_hash: Option<String>,
}

/// The columns of a [`UserRow`], from `users u`.
macro_rules! columns {
    () => {
        "u.id AS user_id, u.email AS user_email, u.instance_admin AS user_instance_admin, \
         u.created_at AS user_created_at"
    };
}
pub(crate) use columns;

/// Adds a user. `Conflict("email")` when the email is taken.
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
    const SQL: &str = concat!("SELECT ", columns!(), " FROM users u WHERE u.id = $1");
    let row: Option<UserRow> = reading!(store, db => sqlx::query_as(SQL).bind(id.0).fetch_optional(db).await)?;
    Ok(row.map(User::from))
}

/// With the password's hash, for sign-in.
pub async fn by_email(store: &Store, email: &str) -> Result<Option<(User, Option<String>)>, StoreError> {
    const SQL: &str = concat!("SELECT ", columns!(), ", u.password_hash FROM users u WHERE u.email = $1");
    let row: Option<RowWithPassword> = reading!(store, db => {
        sqlx::query_as(SQL).bind(text(email)).fetch_optional(db).await
    })?;
    Ok(row.map(|row| (row.user.into(), row.password_hash)))
}

/// Chooses the organization that the user acts on when a request names none.
pub async fn set_current(tx: &mut Tx, id: UserId, organization: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE users SET current_organization_id = $2 WHERE id = $1";
    writing!(tx, db => sqlx::query(SQL).bind(id.0).bind(organization.0).execute(db).await.map(|_| ()))?;
    Ok(())
}
