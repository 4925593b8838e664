//! Organizations, and the locks that keep what belongs to one from outliving it.

mod delete;

use latchkey_domain::{InactivityThreshold, OrganizationId, OrganizationName, Role, Timestamp, UserId};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, bind::text, changes, error::invalid_value, memberships};

pub use delete::{delete, deleted, free_name, lock, lock_exclusive, lock_shared};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Never changes.
    pub id: OrganizationId,
    /// Unique in the instance.
    pub name: String,
    /// After how long auto-revoke revokes a token; `None` when it is off.
    pub threshold: Option<InactivityThreshold>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its settings last changed.
    pub updated_at: Timestamp,
}

row! {
    pub(crate) struct OrganizationRow {
        id: Uuid,
        name: String,
        threshold_days: Option<i32>,
        created_at: i64,
        updated_at: i64,
    }
}

row! {
    struct RowWithRole {
        organization: OrganizationRow,
        role: Option<String>,
    }
}

impl TryFrom<OrganizationRow> for Organization {
    type Error = StoreError;

    fn try_from(row: OrganizationRow) -> Result<Self, StoreError> {
        let days = i64::from(row.threshold_days.unwrap_or_default());
        Ok(Self {
            id: OrganizationId(row.id),
            name: row.name,
            threshold: InactivityThreshold::from_setting(days).map_err(|_| invalid_value("threshold"))?,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        })
    }
}

impl RowWithRole {
    fn read(self) -> Result<(Organization, Option<Role>), StoreError> {
        Ok((self.organization.try_into()?, self.role.as_deref().map(memberships::parse).transpose()?))
    }
}

/// Begins a query for organizations as `o`, with further columns.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT o.id, o.name, o.threshold_days, o.created_at, o.updated_at", $rest)
    };
}
pub(crate) use select;

/// Adds an organization. [`Conflict::OrganizationName`](crate::Conflict::OrganizationName) when the name is taken.
pub async fn insert(
    tx: &mut Tx,
    id: OrganizationId,
    name: &OrganizationName,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO organizations (id, name, created_at, updated_at) VALUES ($1, $2, $3, $3)";
    writing!(tx, db => {
        sqlx::query(SQL).bind(id.0).bind(name.as_str()).bind(now.micros()).execute(db).await.map(|_| ())
    })?;
    // What was pinned to the only organization no longer is.
    tx.changed.push(changes::ORGANIZATIONS);
    Ok(())
}

/// The organization of an id.
pub async fn by_id(store: &Store, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
    const SQL: &str = select!(" FROM organizations o WHERE o.id = $1 AND o.deleted_at IS NULL");
    let row: Option<OrganizationRow> = store.query(SQL).bind(id.0).fetch_optional().await?;
    row.map(Organization::try_from).transpose()
}

/// The organization of a name.
pub async fn by_name(store: &Store, name: &str) -> Result<Option<Organization>, StoreError> {
    const SQL: &str = select!(" FROM organizations o WHERE o.name = $1 AND o.deleted_at IS NULL");
    let row: Option<OrganizationRow> = store.query(SQL).bind(text(name)).fetch_optional().await?;
    row.map(Organization::try_from).transpose()
}

/// One query for the check that every request makes: the organization and the user's role in it, if any.
pub async fn by_name_with_role(
    store: &Store,
    name: &str,
    user: UserId,
) -> Result<Option<(Organization, Option<Role>)>, StoreError> {
    const SQL: &str = select!(
        ", m.role FROM organizations o \
         LEFT JOIN memberships m ON m.organization_id = o.id AND m.user_id = $2 WHERE o.name = $1 AND o.deleted_at IS NULL"
    );
    let row: Option<RowWithRole> = store.query(SQL).bind(text(name)).bind(user.0).fetch_optional().await?;
    row.map(RowWithRole::read).transpose()
}

/// Those the user belongs to, by name, `limit` at most.
pub async fn of_user(store: &Store, user: UserId, limit: u32) -> Result<Vec<(Organization, Role)>, StoreError> {
    const SQL: &str = select!(
        ", m.role FROM memberships m JOIN organizations o ON o.id = m.organization_id \
         WHERE m.user_id = $1 AND o.deleted_at IS NULL ORDER BY o.name LIMIT $2"
    );
    let rows: Vec<RowWithRole> = store.query(SQL).bind(user.0).bind(i64::from(limit)).fetch_all().await?;
    rows.into_iter()
        .map(|row| Ok((row.organization.try_into()?, memberships::parse(&row.role.unwrap_or_default())?)))
        .collect()
}

/// All, by name, after a name, for instance admins.
pub async fn all(store: &Store, after: &str, limit: u32) -> Result<Vec<Organization>, StoreError> {
    const SQL: &str =
        select!(" FROM organizations o WHERE o.deleted_at IS NULL AND o.name > $1 ORDER BY o.name LIMIT $2");
    let rows: Vec<OrganizationRow> = store.query(SQL).bind(text(after)).bind(i64::from(limit)).fetch_all().await?;
    rows.into_iter().map(Organization::try_from).collect()
}

/// The same, each with the role of a user in it, if any.
pub async fn all_with_role(
    store: &Store,
    user: Option<UserId>,
    after: &str,
    limit: u32,
) -> Result<Vec<(Organization, Option<Role>)>, StoreError> {
    const SQL: &str = select!(
        ", m.role FROM organizations o LEFT JOIN memberships m ON m.organization_id = o.id AND m.user_id = $3 \
         WHERE o.deleted_at IS NULL AND o.name > $1 ORDER BY o.name LIMIT $2"
    );
    let rows: Vec<RowWithRole> =
        store.query(SQL).bind(text(after)).bind(i64::from(limit)).bind(user.map(|user| user.0)).fetch_all().await?;
    rows.into_iter().map(RowWithRole::read).collect()
}

/// The organization that the user has chosen, while they belong to it; else that of their oldest membership.
pub async fn default_of_user(store: &Store, user: UserId) -> Result<Option<Organization>, StoreError> {
    const SQL: &str = select!(
        " FROM organizations o WHERE o.id = COALESCE( \
            (SELECT c.id FROM users u \
             JOIN memberships m ON m.organization_id = u.current_organization_id AND m.user_id = u.id \
             JOIN organizations c ON c.id = m.organization_id WHERE u.id = $1 AND c.deleted_at IS NULL), \
            (SELECT f.id FROM memberships m JOIN organizations f ON f.id = m.organization_id \
             WHERE m.user_id = $1 AND f.deleted_at IS NULL ORDER BY m.created_at, m.organization_id LIMIT 1))"
    );
    let row: Option<OrganizationRow> = store.query(SQL).bind(user.0).fetch_optional().await?;
    row.map(Organization::try_from).transpose()
}

/// Sets or clears the auto-revoke threshold; false if there is no such organization.
pub async fn set_threshold(
    tx: &mut Tx,
    id: OrganizationId,
    threshold: Option<InactivityThreshold>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str =
        "UPDATE organizations SET threshold_days = $2, updated_at = $3 WHERE id = $1 AND deleted_at IS NULL";
    let days = threshold.map(|threshold| i32::from(threshold.days()));
    let changed = writing!(tx, db => {
        sqlx::query(SQL)
            .bind(id.0)
            .bind(days)
            .bind(now.micros())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(changed == 1)
}

/// Those with a threshold, by id, after an id, for the sweep.
pub async fn with_threshold(store: &Store, after: OrganizationId, limit: u32) -> Result<Vec<Organization>, StoreError> {
    const SQL: &str =
        select!(" FROM organizations o WHERE o.threshold_days IS NOT NULL AND o.id > $1 ORDER BY o.id LIMIT $2");
    let rows: Vec<OrganizationRow> = store.query(SQL).bind(after.0).bind(i64::from(limit)).fetch_all().await?;
    rows.into_iter().map(Organization::try_from).collect()
}
