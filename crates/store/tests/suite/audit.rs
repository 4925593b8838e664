//! Audit events.

use latchkey_domain::AuditEventId;
use latchkey_store::audit::{self, AuditEvent, Filter};
use uuid::Uuid;

use crate::{
    database::on_both_engines,
    given::{Given, NOW},
};

on_both_engines!(
    events_are_counted_by_action_and_organization,
    an_event_goes_with_its_change,
    one_statement_writes_an_event_for_each_target,
);

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
    let mut tx = given.store().begin(latchkey_store::WritePriority::Normal).await.unwrap();
    audit::insert(&mut tx, &event(given)).await.unwrap();
    drop(tx);
    assert_eq!(audit::count(given.store(), Some(given.acme), "token.created").await.unwrap(), 0);
}

async fn one_statement_writes_an_event_for_each_target(given: &Given) {
    let template = event(given);
    let targets: Vec<(AuditEventId, Uuid, String)> = ["deploy", "with \"quotes\", \\ and \n", "nul \0 inside", "été"]
        .map(|name| (AuditEventId(given.id()), given.id(), name.to_owned()))
        .to_vec();
    given.write(async |tx| audit::insert_each(tx, &template, &targets).await).await;
    given.write(async |tx| audit::insert_each(tx, &template, &[]).await).await;
    let of_acme = Filter { organization: Some(given.acme), ..Filter::default() };
    let page = audit::list(given.store(), &of_acme, None, 100).await.unwrap();
    let mut written: Vec<_> =
        page.events.iter().map(|event| (event.id, event.target_id, event.target_name.clone())).collect();
    written.reverse();
    let expected: Vec<_> =
        targets.into_iter().map(|(id, target, name)| (id, Some(target), name.replace('\0', "\u{fffd}"))).collect();
    assert_eq!(written, expected);
    // In everything else they are like an event that is written by itself.
    let alone = AuditEvent { id: AuditEventId(given.id()), ..template };
    given.write(async |tx| audit::insert(tx, &alone).await).await;
    let page = audit::list(given.store(), &of_acme, None, 2).await.unwrap();
    let [single, of_many] = &page.events[..] else { panic!("{page:?}") };
    let mut of_many = of_many.clone();
    (of_many.id, of_many.target_id, of_many.target_name) = (single.id, single.target_id, single.target_name.clone());
    assert_eq!(*single, of_many);
}
