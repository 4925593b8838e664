//! The outbox: what is committed is delivered, by one worker at a time.

use std::collections::BTreeSet;

use futures::future::join_all;
use latchkey_domain::{OutboxMessageId, Timestamp};
use latchkey_store::outbox::{self, MessageState, NewMessage, OutboxCounts, StoredMessage};
use uuid::Uuid;

use crate::{
    database::on_both_engines,
    given::{Given, NOW},
};

on_both_engines!(
    a_message_goes_with_its_change,
    a_claimed_message_is_nobody_elses_until_its_lease_ends,
    a_result_is_taken_from_the_holder_of_the_lease_only,
    workers_at_once_claim_different_messages,
    a_dead_message_waits_for_the_operator,
    dead_messages_are_forgotten_after_a_while,
    counts_stop_at_their_limit,
);

const LEASE: Uuid = Uuid::from_u128(1);
const OTHER_LEASE: Uuid = Uuid::from_u128(2);
const UNTIL: Timestamp = NOW.plus_seconds(60);
const FIRST: OutboxMessageId = OutboxMessageId(Uuid::nil());

async fn add(given: &Given, at: Timestamp) -> OutboxMessageId {
    let id = OutboxMessageId(given.id());
    let message = NewMessage { id, kind: "test.v1", payload: "{\"a\":1}", created_at: at };
    given.write(async |tx| outbox::insert(tx, &message).await).await;
    id
}

async fn claim(given: &Given, lease: Uuid, now: Timestamp, limit: u32) -> Vec<OutboxMessageId> {
    let until = now.plus_seconds(60);
    let claimed = given.write(async |tx| outbox::claim(tx, lease, now, until, limit).await).await;
    claimed.into_iter().map(|message| message.id).collect()
}

async fn all(given: &Given) -> Vec<StoredMessage> {
    outbox::list(given.store(), FIRST, 100).await.unwrap()
}

async fn a_message_goes_with_its_change(given: &Given) {
    let id = OutboxMessageId(given.id());
    let message = NewMessage { id, kind: "test.v1", payload: "{\"a\":1}", created_at: NOW };
    let mut tx = given.store().begin(latchkey_store::WritePriority::Background).await.unwrap();
    outbox::insert(&mut tx, &message).await.unwrap();
    drop(tx);
    assert_eq!(all(given).await, []);
    assert!(!outbox::is_any_due(given.store(), NOW).await.unwrap());
    given.write(async |tx| outbox::insert(tx, &message).await).await;
    let stored = StoredMessage {
        id,
        kind: "test.v1".into(),
        payload: "{\"a\":1}".into(),
        created_at: NOW,
        attempts: 0,
        state: MessageState::Due(NOW),
        last_error: String::new(),
    };
    assert_eq!(all(given).await, [stored]);
    assert!(outbox::is_any_due(given.store(), NOW).await.unwrap());
    assert!(!outbox::is_any_due(given.store(), NOW.plus_seconds(-1)).await.unwrap());
}

async fn a_claimed_message_is_nobody_elses_until_its_lease_ends(given: &Given) {
    let (a, b) = (add(given, NOW).await, add(given, NOW).await);
    assert_eq!(claim(given, LEASE, NOW, 1).await, [a]);
    assert_eq!(claim(given, OTHER_LEASE, NOW, 9).await, [b]);
    assert!(claim(given, OTHER_LEASE, UNTIL.plus_seconds(-1), 9).await.is_empty());
    assert!(!outbox::is_any_due(given.store(), UNTIL.plus_seconds(-1)).await.unwrap());
    assert_eq!(all(given).await[0].state, MessageState::Leased(UNTIL));
    // The worker was killed: whoever comes next takes it over.
    assert_eq!(claim(given, OTHER_LEASE, UNTIL, 9).await, [a, b]);
    assert_eq!(all(given).await[0].attempts, 2);
}

async fn a_result_is_taken_from_the_holder_of_the_lease_only(given: &Given) {
    let id = add(given, NOW).await;
    claim(given, LEASE, NOW, 1).await;
    claim(given, OTHER_LEASE, UNTIL, 1).await;
    let before = all(given).await;
    let late = given
        .write(async |tx| {
            let delivered = outbox::delete_delivered(tx, LEASE, &[id]).await?;
            let rescheduled = outbox::reschedule(tx, LEASE, id, NOW, "late").await?;
            Ok((delivered, rescheduled, outbox::mark_dead(tx, LEASE, id, NOW, "late").await?))
        })
        .await;
    assert_eq!(late, (0, false, false));
    assert_eq!(all(given).await, before);

    let later = UNTIL.plus_seconds(90);
    assert!(given.write(async |tx| outbox::reschedule(tx, OTHER_LEASE, id, later, "nul \0 inside").await).await);
    let message = all(given).await.pop().unwrap();
    assert_eq!((message.state, message.attempts), (MessageState::Due(later), 2));
    assert_eq!(message.last_error, "nul \u{fffd} inside");
    assert!(claim(given, LEASE, later.plus_seconds(-1), 1).await.is_empty());
    assert_eq!(claim(given, LEASE, later, 1).await, [id]);
    let other = OutboxMessageId(given.id());
    assert_eq!(given.write(async |tx| outbox::delete_delivered(tx, LEASE, &[other, id]).await).await, 1);
    assert_eq!(all(given).await, []);
}

async fn workers_at_once_claim_different_messages(given: &Given) {
    for _ in 0..40 {
        add(given, NOW).await;
    }
    let workers = (0..8).map(|worker| claim(given, Uuid::from_u128(worker + 10), NOW, 5));
    let claimed: Vec<_> = join_all(workers).await.into_iter().flatten().collect();
    let different: BTreeSet<_> = claimed.iter().copied().collect();
    assert_eq!(different.len(), claimed.len(), "no two hold the same message");
    // On PostgreSQL, one may have found less than it could because others were at it.
    let mut rest = Vec::new();
    loop {
        let more = claim(given, LEASE, NOW, 5).await;
        if more.is_empty() {
            break;
        }
        rest.extend(more);
    }
    assert_eq!(different.len() + rest.len(), 40);
    assert!(rest.iter().all(|id| !different.contains(id)));
}

async fn a_dead_message_waits_for_the_operator(given: &Given) {
    let (id, dropped) = (add(given, NOW).await, add(given, NOW).await);
    let retry = |id| given.write(async move |tx| outbox::retry(tx, id, UNTIL).await);
    claim(given, LEASE, NOW, 9).await;
    assert_eq!(retry(id).await, None, "it is being delivered");
    given.write(async |tx| outbox::mark_dead(tx, LEASE, id, NOW, "refused").await).await;
    let dead = all(given).await.remove(0);
    assert_eq!((dead.state, dead.attempts, dead.last_error.as_str()), (MessageState::Dead(NOW), 1, "refused"));
    assert!(!claim(given, OTHER_LEASE, UNTIL.plus_days(9), 9).await.contains(&id));
    assert_eq!(retry(id).await.as_deref(), Some("test.v1"));
    let again = all(given).await.remove(0);
    assert_eq!((again.state, again.attempts, again.last_error.as_str()), (MessageState::Due(UNTIL), 0, "refused"));
    let delete = |id| given.write(async move |tx| outbox::delete(tx, id).await);
    assert_eq!(delete(dropped).await.as_deref(), Some("test.v1"));
    assert_eq!(delete(dropped).await, None);
    assert_eq!(retry(dropped).await, None);
    assert_eq!(all(given).await.len(), 1);
}

async fn dead_messages_are_forgotten_after_a_while(given: &Given) {
    for _ in 0..4 {
        add(given, NOW).await;
    }
    let claimed = claim(given, LEASE, NOW, 3).await;
    for (id, days) in claimed.into_iter().zip(0..) {
        given.write(async |tx| outbox::mark_dead(tx, LEASE, id, NOW.plus_days(days), "refused").await).await;
    }
    let delete = |limit| given.write(async move |tx| outbox::delete_dead(tx, NOW.plus_days(2), limit).await);
    assert_eq!(delete(1).await, 1);
    assert_eq!(delete(9).await, 1);
    assert_eq!(delete(9).await, 0);
    let counts = outbox::counts(given.store()).await.unwrap();
    assert_eq!(counts, OutboxCounts { pending: 1, dead: 1 });
}

async fn counts_stop_at_their_limit(given: &Given) {
    given
        .write(async |tx| {
            for _ in 0..1_003 {
                let id = OutboxMessageId(given.id());
                outbox::insert(tx, &NewMessage { id, kind: "test.v1", payload: "{}", created_at: NOW }).await?;
            }
            Ok(())
        })
        .await;
    let counts = outbox::counts(given.store()).await.unwrap();
    assert_eq!(counts, OutboxCounts { pending: outbox::COUNT_MAX + 1, dead: 0 });
}
