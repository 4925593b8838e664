use latchkey_domain::{OrganizationId, Role, Timestamp, UserId};

use crate::{Store, StoreError, Tx, error::unknown};

/// Adds a user to an organization. `Conflict("membership")` when already in it.
pub async fn insert(
    tx: &mut Tx,
    organization: OrganizationId,
    user: UserId,
    role: Role,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO memberships (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(organization.0)
            .bind(user.0)
            .bind(role.as_str())
            .bind(now.micros())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// The user's role in the organization, or `None` when not in it.
pub async fn role(store: &Store, organization: OrganizationId, user: UserId) -> Result<Option<Role>, StoreError> {
    const SQL: &str = "SELECT role FROM memberships WHERE organization_id = $1 AND user_id = $2";
    let role: Option<String> = reading!(store, db => {
        sqlx::query_scalar(SQL).bind(organization.0).bind(user.0).fetch_optional(db).await
    })?;
    role.as_deref().map(parse).transpose()
}

pub(crate) fn parse(role: &str) -> Result<Role, StoreError> {
    Role::parse(role).ok_or_else(|| unknown("role"))
}
