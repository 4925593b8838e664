//! Who belongs to which organization, and as what.

mod read;

use latchkey_domain::{MembershipId, OrganizationId, Role, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx,
    error::invalid_value,
    users::{User, UserRow},
};

pub use read::{Filter, by_id, by_user, count, list, of_user, of_user_by_id};

/// A user in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Names the membership; never changes.
    pub id: MembershipId,
    /// Of what.
    pub organization_id: OrganizationId,
    /// Whose.
    pub user: User,
    /// What they may do.
    pub role: Role,
    /// When they joined.
    pub created_at: Timestamp,
    /// When the role last changed.
    pub updated_at: Timestamp,
}

row! {
    /// A member's columns, under names that don't clash with those of an organization that is joined to it.
    pub(crate) struct MemberRow {
        member_id: Uuid,
        member_organization_id: Uuid,
        user: UserRow,
        member_role: String,
        member_created_at: i64,
        member_updated_at: i64,
    }
}

/// The columns of a [`MemberRow`], from `memberships m` and `users u`.
macro_rules! columns {
    () => {
        concat!(
            "m.id AS member_id, m.organization_id AS member_organization_id, m.role AS member_role, \
             m.created_at AS member_created_at, m.updated_at AS member_updated_at, ",
            users::columns!()
        )
    };
}
use columns;

impl TryFrom<MemberRow> for Member {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: MembershipId(row.member_id),
            organization_id: OrganizationId(row.member_organization_id),
            user: row.user.into(),
            role: parse(&row.member_role)?,
            created_at: Timestamp::from_micros(row.member_created_at),
            updated_at: Timestamp::from_micros(row.member_updated_at),
        })
    }
}

/// Adds a user to an organization. [`Conflict::Membership`](crate::Conflict::Membership) when already in it.
pub async fn insert(
    tx: &mut Tx,
    id: MembershipId,
    organization: OrganizationId,
    user: UserId,
    role: Role,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO memberships (id, organization_id, user_id, user_email, role, created_at, updated_at) \
        SELECT $1, $2, u.id, u.email, $4, $5, $5 FROM users u WHERE u.id = $3";
    let inserted = writing!(tx, db => {
        sqlx::query(SQL)
            .bind(id.0)
            .bind(organization.0)
            .bind(user.0)
            .bind(role.as_str())
            .bind(now.micros())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?;
    if inserted == 1 { Ok(()) } else { Err(invalid_value("user of a membership")) }
}

macro_rules! role {
    ($locking:literal) => {
        concat!("SELECT role FROM memberships WHERE organization_id = $1 AND user_id = $2", $locking)
    };
}

/// The user's role in the organization, or `None` when not in it.
pub async fn role(store: &Store, organization: OrganizationId, user: UserId) -> Result<Option<Role>, StoreError> {
    let role: Option<String> = store.query(role!("")).bind(organization.0).bind(user.0).fetch_optional().await?;
    role.as_deref().map(parse).transpose()
}

/// The same within a transaction, until whose end it can't change.
pub async fn role_locked(tx: &mut Tx, organization: OrganizationId, user: UserId) -> Result<Option<Role>, StoreError> {
    let sql = tx.dialect(role!(""), role!(" FOR SHARE"));
    let role: Option<String> = writing!(tx, db => {
        sqlx::query_scalar(sql).bind(organization.0).bind(user.0).fetch_optional(db).await
    })?;
    role.as_deref().map(parse).transpose()
}

/// Whether the organization has another owner than this membership's user; under [`crate::organizations::lock`].
pub async fn other_owner(tx: &mut Tx, organization: OrganizationId, id: MembershipId) -> Result<bool, StoreError> {
    // A range of the index by role, and in its order: planners must not walk all members instead.
    const SQL: &str = "SELECT 1 FROM memberships WHERE organization_id = $1 AND role >= 'owner' AND role <= 'owner' \
        AND id <> $2 ORDER BY role, user_email LIMIT 1";
    let found: Option<i32> = writing!(tx, db => {
        sqlx::query_scalar(SQL).bind(organization.0).bind(id.0).fetch_optional(db).await
    })?;
    Ok(found.is_some())
}

/// Whether a user of this email is in the organization; under [`crate::organizations::lock`].
pub async fn has_email(tx: &mut Tx, organization: OrganizationId, email: &str) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM memberships WHERE organization_id = $1 AND user_email = $2)";
    Ok(writing!(tx, db => sqlx::query_scalar(SQL).bind(organization.0).bind(email).fetch_one(db).await)?)
}

/// Changes a role; false if there is no such membership in the organization.
pub async fn set_role(
    tx: &mut Tx,
    organization: OrganizationId,
    id: MembershipId,
    role: Role,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE memberships SET role = $3, updated_at = $4 WHERE id = $1 AND organization_id = $2";
    let changed = writing!(tx, db => {
        sqlx::query(SQL)
            .bind(id.0)
            .bind(organization.0)
            .bind(role.as_str())
            .bind(now.micros())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(changed == 1)
}

/// Ends a membership; false if the organization has no such one.
pub async fn delete(tx: &mut Tx, organization: OrganizationId, id: MembershipId) -> Result<bool, StoreError> {
    const SQL: &str = "DELETE FROM memberships WHERE id = $1 AND organization_id = $2";
    let deleted = writing!(tx, db => {
        sqlx::query(SQL).bind(id.0).bind(organization.0).execute(db).await.map(|done| done.rows_affected())
    })?;
    Ok(deleted == 1)
}

/// Ends up to `limit` memberships of an organization that is deleted; returns how many.
pub async fn delete_all(tx: &mut Tx, organization: OrganizationId, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM memberships WHERE id IN \
        (SELECT m.id FROM memberships m WHERE m.organization_id = $1 ORDER BY m.user_email LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL).bind(organization.0).bind(i64::from(limit)).execute(db).await.map(|done| done.rows_affected())
    })?)
}

pub(crate) fn parse(role: &str) -> Result<Role, StoreError> {
    Role::parse(role).ok_or_else(|| invalid_value("role"))
}
