use latchkey_domain::{InactivityThreshold, OrganizationId, OrganizationName, Role, Timestamp, UserId};

use crate::{Store, StoreError, Tx};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    pub id: OrganizationId,
    pub name: String,
    pub threshold: Option<InactivityThreshold>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Adds an organization. `Conflict("organization name")` when the name is taken.
pub async fn insert(_tx: &mut Tx, _id: OrganizationId, _name: &OrganizationName, _now: Timestamp) -> Result<(), StoreError> { todo!() }
pub async fn by_id(_store: &Store, _id: OrganizationId) -> Result<Option<Organization>, StoreError> { todo!() }
pub async fn by_name(_store: &Store, _name: &str) -> Result<Option<Organization>, StoreError> { todo!() }
/// One query for the check that every request makes: the organization and the user's role in it, if any.
pub async fn by_name_with_role(_store: &Store, _name: &str, _user: UserId) -> Result<Option<(Organization, Option<Role>)>, StoreError> { todo!() }
/// Those the user belongs to, by name, `limit` at most; the first one made a membership of is the default.
pub async fn of_user(_store: &Store, _user: UserId, _limit: u32) -> Result<Vec<(Organization, Role)>, StoreError> { todo!() }
/// All, by name, after a name, for instance admins.
pub async fn all(_store: &Store, _after: &str, _limit: u32) -> Result<Vec<Organization>, StoreError> { todo!() }
/// The organization of the user's oldest membership.
pub async fn default_of_user(_store: &Store, _user: UserId) -> Result<Option<Organization>, StoreError> { todo!() }
/// Sets or clears the auto-revoke threshold; false if there is no such organization.
pub async fn set_threshold(_tx: &mut Tx, _id: OrganizationId, _threshold: Option<InactivityThreshold>, _now: Timestamp) -> Result<bool, StoreError> { todo!() }
/// Those with a threshold, by id, after an id, for the sweep.
pub async fn with_threshold(_store: &Store, _after: OrganizationId, _limit: u32) -> Result<Vec<Organization>, StoreError> { todo!() }
