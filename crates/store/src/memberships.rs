use latchkey_domain::{OrganizationId, Role, Timestamp, UserId};

use crate::{Store, StoreError, Tx};

/// Adds a user to an organization. `Conflict("membership")` when already in it.
pub async fn insert(_tx: &mut Tx, _organization: OrganizationId, _user: UserId, _role: Role, _now: Timestamp) -> Result<(), StoreError> { todo!() }
pub async fn role(_store: &Store, _organization: OrganizationId, _user: UserId) -> Result<Option<Role>, StoreError> { todo!() }
