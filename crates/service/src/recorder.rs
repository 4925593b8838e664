//! Audit events: who did what to what, written in the transaction of what was done.

use latchkey_domain::{AuditEventId, OrganizationId};
use latchkey_store::{Tx, audit, audit::AuditEvent, tokens::Actor};
use uuid::Uuid;

use crate::{Caller, Error, Origin, Service};

/// What entry to what.
pub(crate) struct AuditEntry<'a> {
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) action: &'static str,
    /// Kind, id and name.
    pub(crate) target: (&'static str, Option<Uuid>, &'a str),
    pub(crate) success: bool,
    pub(crate) details: serde_json::Value,
}

impl Service {
    /// Writes an audit event about what a caller does.
    pub(crate) async fn record_by(&self, tx: &mut Tx, caller: &Caller, entry: AuditEntry<'_>) -> Result<(), Error> {
        self.record(tx, &caller.principal.actor(), &caller.origin, entry).await
    }

    /// Writes an audit event about what an actor does.
    pub(crate) async fn record(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        origin: &Origin,
        entry: AuditEntry<'_>,
    ) -> Result<(), Error> {
        let now = self.now();
        let (target_kind, target_id, target_name) = entry.target;
        let event = AuditEvent {
            id: AuditEventId(self.new_id()),
            organization_id: entry.organization,
            occurred_at: now,
            actor_kind: actor.kind,
            actor_id: actor.id,
            actor_name: actor.name.clone(),
            action: entry.action,
            target_kind,
            target_id,
            target_name: target_name.to_owned(),
            outcome: if entry.success { "success" } else { "failure" },
            address: origin.address,
            user_agent: origin.user_agent().to_owned(),
            request_id: origin.request_id().to_owned(),
            details: entry.details.to_string(),
        };
        Ok(audit::insert(tx, &event).await?)
    }
}

/// Latchkey itself.
pub(crate) fn system() -> Actor {
    Actor { kind: "system", id: None, name: "system".to_owned() }
}
