use std::net::IpAddr;

use latchkey_domain::{AuditEventId, OrganizationId, Timestamp};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// An append-only record of who did what to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    pub id: AuditEventId,
    pub organization_id: Option<OrganizationId>,
    pub occurred_at: Timestamp,
    /// `user`, `api_token` or `system`.
    pub actor_kind: &'static str,
    pub actor_id: Option<Uuid>,
    /// Email or token name at the time.
    pub actor_name: String,
    /// Such as `token.created`.
    pub action: &'static str,
    /// Such as `token`.
    pub target_kind: &'static str,
    pub target_id: Option<Uuid>,
    pub target_name: String,
    /// `success` or `failure`.
    pub outcome: &'static str,
    pub address: Option<IpAddr>,
    pub user_agent: String,
    pub request_id: String,
    /// A JSON object with what else matters, such as the reason of a revocation.
    pub details: String,
}

pub async fn insert(_tx: &mut Tx, _event: &AuditEvent) -> Result<(), StoreError> { todo!() }
/// How many events of an action an organization has; for tests and the sweep's own check.
pub async fn count(_store: &Store, _organization: Option<OrganizationId>, _action: &str) -> Result<u64, StoreError> { todo!() }
