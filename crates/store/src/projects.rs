use latchkey_domain::{OrganizationId, ProjectId, ProjectName, Timestamp};

use crate::{Store, StoreError, Tx};

/// A part of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub id: ProjectId,
    pub organization_id: OrganizationId,
    pub name: String,
    pub created_at: Timestamp,
}

/// Adds a project. `Conflict("project name")` when the organization has one of that name.
pub async fn insert(_tx: &mut Tx, _project: &Project, _name: &ProjectName) -> Result<(), StoreError> { todo!() }
pub async fn by_id(_store: &Store, _organization: OrganizationId, _id: ProjectId) -> Result<Option<Project>, StoreError> { todo!() }
pub async fn by_name(_store: &Store, _organization: OrganizationId, _name: &str) -> Result<Option<Project>, StoreError> { todo!() }
/// By name, `limit` at most.
pub async fn list(_store: &Store, _organization: OrganizationId, _limit: u32) -> Result<Vec<Project>, StoreError> { todo!() }
