//! Audit events: who did what to what, written in the transaction of what was done.

use latchkey_domain::{AuditAction, AuditEventId, OrganizationId, TokenId};
use latchkey_store::{Tx, audit, audit::AuditEvent, tokens::Actor};
use uuid::Uuid;

use crate::{Caller, Error, Origin, Service};

/// What happened to what.
pub(crate) struct AuditEntry<'a> {
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) action: AuditAction,
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
        Ok(audit::insert(tx, &self.event(actor, origin, entry)).await?)
    }

    /// Writes an audit event for each of these tokens, which are the targets in place of the entry's.
    pub(crate) async fn record_for_tokens(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        origin: &Origin,
        entry: AuditEntry<'_>,
        tokens: &[(TokenId, String)],
    ) -> Result<(), Error> {
        if tokens.is_empty() {
            return Ok(());
        }
        let target = |(id, name): &(TokenId, String)| (AuditEventId(self.new_id()), id.0, name.clone());
        let targets: Vec<_> = tokens.iter().map(target).collect();
        Ok(audit::insert_each(tx, &self.event(actor, origin, entry), &targets).await?)
    }

    fn event(&self, actor: &Actor, origin: &Origin, entry: AuditEntry<'_>) -> AuditEvent {
        let (target_kind, target_id, target_name) = entry.target;
        AuditEvent {
            id: AuditEventId(self.new_id()),
            organization_id: entry.organization,
            occurred_at: self.now(),
            actor_kind: actor.kind,
            actor_id: actor.id,
            actor_name: actor.name.clone(),
            action: entry.action.as_str(),
            target_kind,
            target_id,
            target_name: target_name.to_owned(),
            outcome: if entry.success { "success" } else { "failure" },
            address: origin.address,
            user_agent: origin.user_agent().to_owned(),
            request_id: origin.request_id().to_owned(),
            details: entry.details.to_string(),
        }
    }
}

/// Who has the server's shell.
pub(crate) fn operator() -> Actor {
    Actor { kind: "system", id: None, name: "operator".to_owned() }
}

/// Latchkey itself.
pub(crate) fn system() -> Actor {
    Actor { kind: "system", id: None, name: "system".to_owned() }
}
