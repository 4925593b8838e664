use latchkey_domain::{OrganizationId, ProjectId, ProjectName, Timestamp};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{Store, StoreError, Tx, bind::text};

/// A part of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Never changes.
    pub id: ProjectId,
    /// What it is a part of.
    pub organization_id: OrganizationId,
    /// Unique in its organization.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    organization_id: Uuid,
    name: String,
    created_at: i64,
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
        concat!("SELECT id, organization_id, name, created_at FROM projects ", $rest)
    };
}

/// Adds a project. `Conflict("project name")` when the organization has one of that name.
pub async fn insert(tx: &mut Tx, project: &Project, name: &ProjectName) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO projects (id, organization_id, name, created_at) VALUES ($1, $2, $3, $4)";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(project.id.0)
            .bind(project.organization_id.0)
            .bind(name.as_str())
            .bind(project.created_at.micros())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// The organization's project of an id.
pub async fn by_id(store: &Store, organization: OrganizationId, id: ProjectId) -> Result<Option<Project>, StoreError> {
    const SQL: &str = select!("WHERE id = $1 AND organization_id = $2");
    let row: Option<Row> = reading!(store, db => {
        sqlx::query_as(SQL).bind(id.0).bind(organization.0).fetch_optional(db).await
    })?;
    Ok(row.map(Project::from))
}

/// The organization's project of a name.
pub async fn by_name(store: &Store, organization: OrganizationId, name: &str) -> Result<Option<Project>, StoreError> {
    const SQL: &str = select!("WHERE organization_id = $1 AND name = $2");
    let row: Option<Row> = reading!(store, db => {
        sqlx::query_as(SQL).bind(organization.0).bind(text(name)).fetch_optional(db).await
    })?;
    Ok(row.map(Project::from))
}

/// By name, `limit` at most.
pub async fn list(store: &Store, organization: OrganizationId, limit: u32) -> Result<Vec<Project>, StoreError> {
    const SQL: &str = select!("WHERE organization_id = $1 ORDER BY name LIMIT $2");
    let rows: Vec<Row> = reading!(store, db => {
        sqlx::query_as(SQL).bind(organization.0).bind(i64::from(limit)).fetch_all(db).await
    })?;
    Ok(rows.into_iter().map(Project::from).collect())
}
