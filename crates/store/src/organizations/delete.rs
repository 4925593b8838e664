use latchkey_domain::{OrganizationId, Timestamp};

use crate::{StoreError, Tx, changes};

/// Asks for an organization, to lock its row.
macro_rules! present {
    ($locking:literal) => {
        concat!("SELECT 1 FROM organizations o WHERE o.id = $1 AND o.deleted_at IS NULL", $locking)
    };
}

/// Keeps an organization from being deleted until the transaction ends, so that what is added to it is not orphaned;
/// false if it is gone. Stands in no other's way.
pub async fn hold(tx: &mut Tx, id: OrganizationId) -> Result<bool, StoreError> {
    let sql = tx.dialect(present!(""), present!(" FOR KEY SHARE"));
    is_there(tx, sql, id).await
}

/// Makes whoever else changes the members of an organization wait until the transaction ends; false if it is gone.
pub async fn lock(tx: &mut Tx, id: OrganizationId) -> Result<bool, StoreError> {
    let sql = tx.dialect(present!(""), present!(" FOR NO KEY UPDATE"));
    is_there(tx, sql, id).await
}

/// Makes everybody wait who adds something to an organization, for its deletion; false if it is gone.
pub async fn lock_whole(tx: &mut Tx, id: OrganizationId) -> Result<bool, StoreError> {
    let sql = tx.dialect(present!(""), present!(" FOR UPDATE"));
    is_there(tx, sql, id).await
}

/// Takes an organization out of sight and frees its name; under [`lock_whole`]. Its row stays for its revoked tokens.
pub async fn delete(tx: &mut Tx, id: OrganizationId, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE organizations SET deleted_at = $2, updated_at = $2, threshold_days = NULL WHERE id = $1";
    writing!(tx, db => sqlx::query(SQL).bind(id.0).bind(now.micros()).execute(db).await.map(|_| ()))?;
    tx.changed.extend([id.0, changes::ORGANIZATIONS]);
    Ok(())
}

async fn is_there(tx: &mut Tx, sql: &'static str, id: OrganizationId) -> Result<bool, StoreError> {
    let found: Option<i32> = writing!(tx, db => sqlx::query_scalar(sql).bind(id.0).fetch_optional(db).await)?;
    Ok(found.is_some())
}
