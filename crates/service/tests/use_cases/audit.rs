//! Reading audit events.

use crate::common::{self, World, asked, fields};
use latchkey_domain::Role;
use latchkey_service::{Caller, Error, ListEvents, RecordedEvent};

on_both_engines!(
    events_are_told_newest_first,
    events_are_found_by_what_they_say,
    a_rare_combination_is_found_a_part_at_a_time,
    wrong_filters_are_named_at_once,
);

fn list(limit: u32) -> ListEvents {
    ListEvents { limit, ..ListEvents::default() }
}

/// Everything that a list finds, page by page.
async fn all(world: &World, caller: &Caller, list: &ListEvents) -> Vec<RecordedEvent> {
    let (mut seen, mut list) = (Vec::new(), list.clone());
    loop {
        let page = world.service.audit().list(&world.access(caller).await, &list).await.unwrap();
        assert!(page.items.len() <= list.limit as usize);
        assert!(seen.len() < 100, "the same events come again and again");
        seen.extend(page.items);
        list.cursor = page.next;
        if list.cursor.is_none() {
            return seen;
        }
    }
}

async fn events_are_told_newest_first(world: &World) {
    let admin = world.admin().await;
    for number in 0..5 {
        world.create(&admin, asked(&format!("token {number}"))).await.unwrap();
        world.clock.advance_seconds(1);
    }
    world.service.organizations().create(&admin, "initech").await.unwrap();
    let stranger = world.person(world.globex, Role::Owner).await;
    world.service.tokens().create(&world.access_to(&stranger, "globex").await, asked("theirs")).await.unwrap();
    let seen = all(world, &admin, &list(2)).await;
    let names: Vec<_> = seen.iter().map(|event| event.target_name.as_str()).collect();
    assert_eq!(names, ["token 4", "token 3", "token 2", "token 1", "token 0"]);
    let person = admin.principal.person().unwrap();
    let event = &seen[4];
    assert_eq!(
        (event.occurred_at, event.actor_kind.as_str(), event.actor_id, event.actor_name.as_str()),
        (common::START, "user", Some(person.id.0), person.email.as_str())
    );
    assert_eq!((event.action.as_str(), event.target_kind.as_str()), ("token.created", "token"));
    assert_eq!(
        (event.outcome.as_str(), event.address, event.user_agent.as_str(), event.request_id.as_str()),
        ("success", Some("203.0.113.7".parse().unwrap()), "tests/1.0", "request-1")
    );
    assert!(event.details.contains("\"scopes\""), "{}", event.details);
}

async fn events_are_found_by_what_they_say(world: &World) {
    let (ada, bob) = (world.admin().await, world.admin().await);
    let mut ids = Vec::new();
    for caller in [&ada, &bob, &ada] {
        let created = world.create(caller, asked(&format!("token {}", ids.len()))).await.unwrap();
        ids.push(created.detail.token.id.to_string());
        world.clock.advance_seconds(60);
    }
    world.service.tokens().revoke(&world.access(&bob).await, &ids[0]).await.unwrap();
    let actor = |caller: &Caller| Some(caller.principal.person().unwrap().id.to_string());
    let at = |seconds| Some(common::START.plus_seconds(seconds).to_string());
    let text = |text: &str| Some(text.to_owned());
    for (filter, found) in [
        (
            list(1),
            vec![
                ("token.revoked", "token 0"),
                ("token.created", "token 2"),
                ("token.created", "token 1"),
                ("token.created", "token 0"),
            ],
        ),
        (ListEvents { action: text("token.revoked"), ..list(1) }, vec![("token.revoked", "token 0")]),
        (ListEvents { action: text("nothing"), ..list(1) }, vec![]),
        (ListEvents { action: text("nul\0"), ..list(1) }, vec![]),
        (
            ListEvents { actor: actor(&ada), ..list(1) },
            vec![("token.created", "token 2"), ("token.created", "token 0")],
        ),
        (
            ListEvents { target: text(&ids[0]), ..list(1) },
            vec![("token.revoked", "token 0"), ("token.created", "token 0")],
        ),
        (ListEvents { target: text(&ids[0]), actor: actor(&ada), ..list(1) }, vec![("token.created", "token 0")]),
        (
            ListEvents { action: text("token.created"), actor: actor(&bob), ..list(1) },
            vec![("token.created", "token 1")],
        ),
        (ListEvents { outcome: text("failure"), ..list(1) }, vec![]),
        (
            ListEvents { from: at(60), to: at(180), ..list(1) },
            vec![("token.created", "token 2"), ("token.created", "token 1")],
        ),
        (ListEvents { from: at(61), to: at(120), ..list(1) }, vec![]),
        (ListEvents { to: at(0), ..list(1) }, vec![]),
        (ListEvents { actor: Some(uuid::Uuid::nil().to_string()), ..list(1) }, vec![]),
    ] {
        let seen = all(world, &ada, &filter).await;
        let seen: Vec<_> = seen.iter().map(|event| (event.action.as_str(), event.target_name.as_str())).collect();
        assert_eq!(seen, found, "{filter:?}");
    }
}

async fn a_rare_combination_is_found_a_part_at_a_time(world: &World) {
    let (ada, bob) = (world.admin().await, world.admin().await);
    world.create(&ada, asked("rare")).await.unwrap();
    for number in 0..20 {
        world.create(&bob, asked(&format!("token {number}"))).await.unwrap();
    }
    let service = latchkey_service::Service::new(
        world.store.clone().with_limits(4, 300, 5_000),
        latchkey_domain::Catalogue::built_in(),
        world.clock.clone(),
        std::sync::Arc::new(latchkey_service::SystemRandom),
    );
    let actor = ada.principal.person().unwrap().id.to_string();
    // The walk is of the actor's few events; and then of all that have failed, of which there are none.
    let of_ada = ListEvents { action: Some("token.created".into()), actor: Some(actor), ..list(10) };
    assert_eq!(service.audit().list(&world.access(&ada).await, &of_ada).await.unwrap().items.len(), 1);
    let mut failed = ListEvents { outcome: Some("failure".into()), ..list(10) };
    let mut pages = 0;
    loop {
        let page = service.audit().list(&world.access(&ada).await, &failed).await.unwrap();
        assert!(page.items.is_empty());
        pages += 1;
        failed.cursor = page.next;
        if failed.cursor.is_none() {
            break;
        }
    }
    assert_eq!(pages, 6, "21 events, 4 at a time");
}

async fn wrong_filters_are_named_at_once(world: &World) {
    let admin = world.admin().await;
    let text = |text: &str| Some(text.to_owned());
    let wrong = ListEvents {
        action: Some("x".repeat(101)),
        actor: text("ada"),
        target: text(""),
        outcome: text("maybe"),
        from: text("yesterday"),
        to: text("2026-13-01T00:00:00Z"),
        ..list(10)
    };
    let refused = fields(world.service.audit().list(&world.access(&admin).await, &wrong).await.unwrap_err());
    assert_eq!(refused, ["action", "actor", "target", "outcome", "from", "to"]);
    for limit in [0, 101] {
        assert_eq!(
            fields(world.service.audit().list(&world.access(&admin).await, &list(limit)).await.unwrap_err()),
            ["limit"]
        );
    }
    let cursor = ListEvents { cursor: text("zz"), ..list(10) };
    assert_eq!(fields(world.service.audit().list(&world.access(&admin).await, &cursor).await.unwrap_err()), ["cursor"]);
    // Whoever may not read them learns that before anything about the filters.
    let viewer = world.person(world.acme, Role::Viewer).await;
    assert!(matches!(world.service.audit().list(&world.access(&viewer).await, &wrong).await, Err(Error::Forbidden(_))));
}
