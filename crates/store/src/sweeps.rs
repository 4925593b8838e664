use latchkey_domain::{OrganizationId, SweepId, Timestamp};

use crate::{Store, StoreError, Tx};

/// One organization's share of a run of auto-revoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    pub id: SweepId,
    pub organization_id: OrganizationId,
    pub threshold_days: u16,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub revoked: u32,
}

pub async fn insert(_tx: &mut Tx, _sweep: &Sweep) -> Result<(), StoreError> { todo!() }
/// The organization's last sweeps, newest first.
pub async fn latest(_store: &Store, _organization: OrganizationId, _limit: u32) -> Result<Vec<Sweep>, StoreError> { todo!() }
