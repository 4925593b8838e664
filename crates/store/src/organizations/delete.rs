use latchkey_domain::{OrganizationId, Timestamp};

use uuid::Uuid;

use super::{Organization, OrganizationRow, select};
use crate::{Store, StoreError, Tx, bind::text, changes};

/// Asks for an organization, to lock its row.
macro_rules! present {
    ($locking:literal) => {
        concat!("SELECT 1 FROM organizations o WHERE o.id = $1 AND o.deleted_at IS NULL", $locking)
    };
}

/// Keeps an organization from being deleted until the transaction ends, so that what is added to it is not orphaned;
/// false if it is gone. Stands in no other's way.
pub async fn lock_shared(tx: &mut Tx, id: OrganizationId) -> Result<bool, StoreError> {
    let sql = tx.dialect(present!(""), present!(" FOR KEY SHARE"));
    is_there(tx, sql, id).await
}

/// Makes whoever else changes the members of an organization wait until the transaction ends; false if it is gone.
pub async fn lock(tx: &mut Tx, id: OrganizationId) -> Result<bool, StoreError> {
    let sql = tx.dialect(present!(""), present!(" FOR NO KEY UPDATE"));
    is_there(tx, sql, id).await
}

/// Makes everybody wait who adds something to an organization, for its deletion; false if it is gone.
pub async fn lock_exclusive(tx: &mut Tx, id: OrganizationId) -> Result<bool, StoreError> {
    let sql = tx.dialect(present!(""), present!(" FOR UPDATE"));
    is_there(tx, sql, id).await
}

/// Takes an organization out of sight; under [`lock_exclusive`]. Its row stays for its revoked tokens, and keeps the name.
pub async fn delete(tx: &mut Tx, id: OrganizationId, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE organizations SET deleted_at = $2, updated_at = $2, threshold_days = NULL WHERE id = $1";
    writing!(tx, db => sqlx::query(SQL).bind(id.0).bind(now.micros()).execute(db).await.map(|_| ()))?;
    tx.changed.extend([id.0, changes::ORGANIZATIONS]);
    Ok(())
}

/// Deleted organizations whose names are still taken, by name, after a name.
pub async fn deleted(store: &Store, after: &str, limit: u32) -> Result<Vec<Organization>, StoreError> {
    const SQL: &str = select!(
        " FROM organizations o WHERE o.deleted_at IS NOT NULL AND o.name_freed_at IS NULL AND o.name > $1 \
         ORDER BY o.name LIMIT $2"
    );
    let rows: Vec<OrganizationRow> = store.query(SQL).bind(text(after)).bind(i64::from(limit)).fetch_all().await?;
    rows.into_iter().map(Organization::try_from).collect()
}

/// Lets another organization have the name of one that is deleted; returns its id, or `None` if there is none of that
/// name.
pub async fn free_name(tx: &mut Tx, name: &str, now: Timestamp) -> Result<Option<OrganizationId>, StoreError> {
    const SQL: &str = "UPDATE organizations SET name_freed_at = $2 \
        WHERE name = $1 AND deleted_at IS NOT NULL AND name_freed_at IS NULL RETURNING id";
    let id: Option<Uuid> = writing!(tx, db => {
        sqlx::query_scalar(SQL).bind(text(name)).bind(now.micros()).fetch_optional(db).await
    })?;
    Ok(id.map(OrganizationId))
}

async fn is_there(tx: &mut Tx, sql: &'static str, id: OrganizationId) -> Result<bool, StoreError> {
    let found: Option<i32> = writing!(tx, db => sqlx::query_scalar(sql).bind(id.0).fetch_optional(db).await)?;
    Ok(found.is_some())
}
