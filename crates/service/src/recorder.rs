//! Audit events: who did what to what, written in the transaction of what was done.

use latchkey_domain::{AuditEventId, OrganizationId};
use latchkey_store::{Tx, audit, audit::AuditEvent, tokens::Actor};
use uuid::Uuid;

use crate::{Error, Origin, Service};

/// What happened to what.
pub(crate) struct AuditEntry<'a> {
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) action: &'static str,
    /// Kind, id and name.
    pub(crate) target: (&'static str, Option<Uuid>, &'a str),
    pub(crate) success: bool,
    pub(crate) details: serde_json::Value,
}

impl Service {
    /// Writes an audit event.
    pub(crate) async fn record(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        origin: &Origin,
        happened: AuditEntry<'_>,
    ) -> Result<(), Error> {
        let now = self.now();
        let (target_kind, target_id, target_name) = happened.target;
        let event = AuditEvent {
            id: AuditEventId(self.new_id()),
            organization_id: happened.organization,
            occurred_at: now,
            actor_kind: actor.kind,
            actor_id: actor.id,
            actor_name: actor.name.clone(),
            action: happened.action,
            target_kind,
            target_id,
            target_name: target_name.to_owned(),
            outcome: if happened.success { "success" } else { "failure" },
            address: origin.address,
            user_agent: origin.user_agent().to_owned(),
            request_id: origin.request_id().to_owned(),
            details: happened.details.to_string(),
        };
        Ok(audit::insert(tx, &event).await?)
    }
}

/// Latchkey itself.
pub(crate) fn system() -> Actor {
    Actor { kind: "system", id: None, name: "system".to_owned() }
}
