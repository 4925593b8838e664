use latchkey_domain::{OrganizationId, ProjectId, ProjectName, Timestamp};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, bind::text};

/// A part of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Never changes.
    pub id: ProjectId,
    /// What it is a part of.
    pub organization_id: OrganizationId,
    /// Unique in its organization, as names are compared.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

row! {
    struct Row {
        id: Uuid,
        organization_id: Uuid,
        name: String,
        created_at: i64,
    }
}

impl From<Row> for Project {
    fn from(row: Row) -> Self {
        Self {
            id: ProjectId(row.id),
            organization_id: OrganizationId(row.organization_id),
            name: row.name,
            created_at: Timestamp::from_micros(row.created_at),
        }
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, organization_id, name, created_at FROM projects WHERE deleted_at IS NULL AND ", $rest)
    };
}

/// Asks for a project, to lock its row.
macro_rules! present {
    ($locking:literal) => {
        concat!("SELECT 1 FROM projects WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL", $locking)
    };
}

/// Adds a project. [`Conflict::ProjectName`](crate::Conflict::ProjectName) when the organization has one of that name, as names are compared.
pub async fn insert(tx: &mut Tx, project: &Project, name: &ProjectName) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO projects (id, organization_id, name, name_key, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(project.id.0)
            .bind(project.organization_id.0)
            .bind(name.as_str())
            .bind(name.key())
            .bind(project.created_at.micros())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// The organization's project of an id.
pub async fn by_id(store: &Store, organization: OrganizationId, id: ProjectId) -> Result<Option<Project>, StoreError> {
    const SQL: &str = select!("id = $1 AND organization_id = $2");
    let row: Option<Row> = store.query(SQL).bind(id.0).bind(organization.0).fetch_optional().await?;
    Ok(row.map(Project::from))
}

/// The organization's project of a name, as names are compared.
pub async fn by_name(store: &Store, organization: OrganizationId, name: &str) -> Result<Option<Project>, StoreError> {
    // Of two that were made before names were compared so, one has no key.
    const EXACT: &str = select!("organization_id = $1 AND name = $2");
    const ALIKE: &str = select!("organization_id = $1 AND name_key = $2");
    for (sql, name) in [(EXACT, name.to_owned()), (ALIKE, ProjectName::stored(name).key())] {
        let row: Option<Row> = store.query(sql).bind(organization.0).bind(text(&name)).fetch_optional().await?;
        if row.is_some() {
            return Ok(row.map(Project::from));
        }
    }
    Ok(None)
}

/// By name, after a name, `limit` at most.
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    after: &str,
    limit: u32,
) -> Result<Vec<Project>, StoreError> {
    const SQL: &str = select!("organization_id = $1 AND name > $2 ORDER BY name LIMIT $3");
    let rows: Vec<Row> =
        store.query(SQL).bind(organization.0).bind(text(after)).bind(i64::from(limit)).fetch_all().await?;
    Ok(rows.into_iter().map(Project::from).collect())
}

/// Keeps a project from being deleted until the transaction ends; false if it is gone. Stands in no other's way.
pub async fn lock_shared(tx: &mut Tx, organization: OrganizationId, id: ProjectId) -> Result<bool, StoreError> {
    let sql = tx.dialect(present!(""), present!(" FOR KEY SHARE"));
    is_there(tx, sql, organization, id).await
}

/// Makes everybody wait who adds something to a project, for its deletion; false if it is gone.
pub async fn lock_exclusive(tx: &mut Tx, organization: OrganizationId, id: ProjectId) -> Result<bool, StoreError> {
    let sql = tx.dialect(present!(""), present!(" FOR UPDATE"));
    is_there(tx, sql, organization, id).await
}

/// Whether a project has tokens that are not revoked; under [`lock_exclusive`].
pub async fn has_tokens(tx: &mut Tx, id: ProjectId) -> Result<bool, StoreError> {
    // In the order of an index: a planner must not look through all tokens for it.
    const SQL: &str = "SELECT 1 FROM api_tokens t WHERE t.owner_id = $1 AND t.revoked_at IS NULL \
        ORDER BY t.name_key LIMIT 1";
    let found: Option<i32> = writing!(tx, db => sqlx::query_scalar(SQL).bind(id.0).fetch_optional(db).await)?;
    Ok(found.is_some())
}

/// Takes a project out of sight and frees its name; under [`lock_exclusive`]. Its row stays for its revoked tokens.
pub async fn delete(tx: &mut Tx, id: ProjectId, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE projects SET deleted_at = $2 WHERE id = $1";
    writing!(tx, db => sqlx::query(SQL).bind(id.0).bind(now.micros()).execute(db).await.map(|_| ()))?;
    tx.changed.push(id.0);
    Ok(())
}

async fn is_there(
    tx: &mut Tx,
    sql: &'static str,
    organization: OrganizationId,
    id: ProjectId,
) -> Result<bool, StoreError> {
    let found: Option<i32> = writing!(tx, db => {
        sqlx::query_scalar(sql).bind(id.0).bind(organization.0).fetch_optional(db).await
    })?;
    Ok(found.is_some())
}
