use latchkey_domain::{OrganizationId, RepositoryId, RepositoryName, Timestamp};

use crate::{Store, StoreError, Tx};

/// A repository configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub id: RepositoryId,
    pub organization_id: OrganizationId,
    pub name: String,
    pub created_at: Timestamp,
}

/// Adds a repository and its search words. `Conflict("repository name")` when the organization has one of that name.
pub async fn insert(_tx: &mut Tx, _id: RepositoryId, _organization: OrganizationId, _name: &RepositoryName, _now: Timestamp) -> Result<(), StoreError> { todo!() }
pub async fn by_id(_store: &Store, _organization: OrganizationId, _id: RepositoryId) -> Result<Option<Repository>, StoreError> { todo!() }
/// Those of `ids` that the organization has, by name.
pub async fn by_ids(_store: &Store, _organization: OrganizationId, _ids: &[RepositoryId]) -> Result<Vec<Repository>, StoreError> { todo!() }
/// By name, after a name; only those in `within` when given (what a token reaches).
pub async fn list(_store: &Store, _organization: OrganizationId, _within: Option<&[RepositoryId]>, _after: &str, _limit: u32) -> Result<Vec<Repository>, StoreError> { todo!() }
/// Those with a word for each term (see `latchkey_domain::search_terms`), by name, `limit` at most. Reads no more than
/// a fixed number of index entries, however many match.
pub async fn search(_store: &Store, _organization: OrganizationId, _terms: &[String], _limit: u32) -> Result<Vec<Repository>, StoreError> { todo!() }
/// Removes a repository from the organization and from the lists of its tokens; returns its name. A token whose list
/// becomes empty then reaches nothing.
pub async fn delete(_tx: &mut Tx, _organization: OrganizationId, _id: RepositoryId) -> Result<Option<String>, StoreError> { todo!() }
