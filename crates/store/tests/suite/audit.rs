//! Audit events.

use latchkey_domain::AuditEventId;
use latchkey_store::audit::{self, AuditEvent};

use crate::{
    database::on_both_engines,
    given::{Given, NOW},
};

on_both_engines!(events_are_counted_by_action_and_organization, an_event_goes_with_its_change);

fn event(given: &Given) -> AuditEvent {
    AuditEvent {
        id: AuditEventId(given.id()),
        organization_id: Some(given.acme),
        occurred_at: NOW,
        actor_kind: "user",
        actor_id: Some(given.id()),
        actor_name: "ada@example.com".into(),
        action: "token.created",
        target_kind: "token",
        target_id: Some(given.id()),
        target_name: "deploy".into(),
        outcome: "success",
        address: Some("192.0.2.1".parse().unwrap()),
        // What a client sends can hold anything.
        user_agent: "nul \0 inside".into(),
        request_id: "r-1".into(),
        details: "{}".into(),
    }
}

async fn events_are_counted_by_action_and_organization(given: &Given) {
    let of_instance =
        AuditEvent { organization_id: None, actor_id: None, target_id: None, address: None, ..event(given) };
    let of_other = AuditEvent { organization_id: Some(given.other), ..event(given) };
    let of_another_action = AuditEvent { action: "token.revoked", ..event(given) };
    for event in [event(given), event(given), of_instance, of_other, of_another_action] {
        given.write(async |tx| audit::insert(tx, &event).await).await;
    }
    let count = async |organization, action: &str| audit::count(given.store(), organization, action).await.unwrap();
    assert_eq!(count(Some(given.acme), "token.created").await, 2);
    assert_eq!(count(Some(given.acme), "token.revoked").await, 1);
    assert_eq!(count(Some(given.other), "token.created").await, 1);
    assert_eq!(count(None, "token.created").await, 1);
    assert_eq!(count(None, "token.revoked").await, 0);
}

async fn an_event_goes_with_its_change(given: &Given) {
    let mut tx = given.store().begin(latchkey_store::Lane::Ordinary).await.unwrap();
    audit::insert(&mut tx, &event(given)).await.unwrap();
    drop(tx);
    assert_eq!(audit::count(given.store(), Some(given.acme), "token.created").await.unwrap(), 0);
}
