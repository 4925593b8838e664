//! Messages to the outside: told if and only if the change is committed, at least once, by one worker at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::common::{World, asked};
use latchkey_domain::OutboxMessageId;
use latchkey_service::{
    Deliver, Delivering, Delivery, DeliveryError, DeliveryReport, Error, Message, MessageState, StoredMessage,
    SweepFinished, SweepKind,
};
use latchkey_store::outbox::{self, NewMessage};
use tokio::sync::Barrier;
use uuid::Uuid;

on_both_engines!(
    a_sweep_that_revoked_tokens_is_told_once,
    a_sweep_that_revoked_nothing_is_not_told,
    what_is_rolled_back_is_never_told,
    failures_are_tried_again_with_growing_waits_until_they_are_given_up,
    what_can_never_work_is_given_up_at_once,
    a_worker_that_vanishes_is_replaced_after_its_lease,
    two_workers_never_hold_the_same_message,
    a_kind_of_another_release_is_kept,
    an_operator_lists_retries_and_drops_messages,
    dead_messages_go_after_a_month,
);

/// Answers as it is told to, or with success; keeps what it was asked.
#[derive(Default)]
struct Recorder {
    answers: Mutex<VecDeque<Result<(), DeliveryError>>>,
    asked: Mutex<Vec<Delivery>>,
}

impl Recorder {
    fn answering(answers: impl IntoIterator<Item = Result<(), DeliveryError>>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() }
    }

    fn asked(&self) -> Vec<Delivery> {
        self.asked.lock().unwrap().clone()
    }
}

impl Deliver for Recorder {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        self.asked.lock().unwrap().push(delivery.clone());
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Ok(()));
        Box::pin(async { answer })
    }
}

fn refused() -> Result<(), DeliveryError> {
    Err(DeliveryError::Temporary("the server says\r\nno".to_owned()))
}

/// Makes a token and lets a sweep revoke it.
async fn sweep(world: &World) {
    let admin = world.admin().await;
    world.create(&admin, asked("forgotten")).await.unwrap();
    world.service.auto_revoke().set(&world.access(&admin).await, 90).await.unwrap();
    world.clock.advance_days(91);
    assert_eq!(world.service.auto_revoke().sweep(SweepKind::Manual).await.unwrap().unwrap().revoked, 1);
}

/// A new id, greater than those before it.
fn new_id() -> OutboxMessageId {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    OutboxMessageId(Uuid::from_u128(COUNT.fetch_add(1, Ordering::SeqCst).into()))
}

async fn add(world: &World, payload: &str) -> OutboxMessageId {
    let id = new_id();
    let message = NewMessage { id, kind: "sweep.finished.v1", payload, created_at: world.service.now() };
    let mut tx = world.store.begin(latchkey_store::WritePriority::Background).await.unwrap();
    outbox::insert(&mut tx, &message).await.unwrap();
    tx.commit().await.unwrap();
    id
}

const PAYLOAD: &str = r#"{"kind":"sweep.finished.v1","data":{"sweep":"00000000-0000-0000-0000-000000000001","organization":"00000000-0000-0000-0000-000000000002","thresholdDays":90,"revoked":3,"finishedAt":"2026-11-22T12:34:56Z"}}"#;

async fn all(world: &World) -> Vec<StoredMessage> {
    world.service.outbox().list(OutboxMessageId(Uuid::nil()), 100).await.unwrap()
}

async fn deliver(world: &World, transport: &dyn Deliver) -> DeliveryReport {
    world.service.outbox().deliver(transport).await.unwrap()
}

async fn a_sweep_that_revoked_tokens_is_told_once(world: &World) {
    sweep(world).await;
    let transport = Recorder::default();
    assert_eq!(deliver(world, &transport).await, DeliveryReport { delivered: 1, ..DeliveryReport::default() });
    assert_eq!(deliver(world, &transport).await, DeliveryReport::default());
    let told = transport.asked();
    let [Delivery { attempt: 1, message: Message::SweepFinished(finished), .. }] = &told[..] else {
        panic!("{told:?}")
    };
    let admin = world.admin().await;
    let recorded = &world.service.auto_revoke().get(&world.access(&admin).await).await.unwrap().sweeps[0];
    let expected = SweepFinished {
        sweep: recorded.id,
        organization: world.acme,
        threshold_days: 90,
        revoked: 1,
        finished_at: recorded.finished_at,
    };
    assert_eq!(*finished, expected);
    assert_eq!(all(world).await, []);
}

async fn a_sweep_that_revoked_nothing_is_not_told(world: &World) {
    let admin = world.admin().await;
    world.service.auto_revoke().set(&world.access(&admin).await, 90).await.unwrap();
    assert_eq!(world.service.auto_revoke().sweep(SweepKind::Manual).await.unwrap().unwrap().organizations, 1);
    assert_eq!(all(world).await, []);
}

async fn what_is_rolled_back_is_never_told(world: &World) {
    let message =
        NewMessage { id: new_id(), kind: "sweep.finished.v1", payload: PAYLOAD, created_at: world.service.now() };
    let mut tx = world.store.begin(latchkey_store::WritePriority::Background).await.unwrap();
    outbox::insert(&mut tx, &message).await.unwrap();
    drop(tx);
    let transport = Recorder::default();
    world.clock.advance_days(1);
    assert_eq!(deliver(world, &transport).await, DeliveryReport::default());
    assert_eq!(transport.asked(), []);
}

async fn failures_are_tried_again_with_growing_waits_until_they_are_given_up(world: &World) {
    let id = add(world, PAYLOAD).await;
    let transport = Recorder::answering(std::iter::repeat_with(refused).take(20));
    let mut waits = Vec::new();
    for attempt in 1..20 {
        let now = world.service.now();
        assert_eq!(deliver(world, &transport).await.failed, 1, "attempt {attempt}");
        let message = all(world).await.remove(0);
        let MessageState::Due(due_at) = message.state else { panic!("{message:?}") };
        assert_eq!((message.attempts, message.last_error.as_str()), (attempt, "the server says  no"));
        let wait = (due_at.micros() - now.micros()) / 1_000_000;
        let full = (5_i64 << (attempt - 1).min(16)).min(3_600);
        assert!((full / 2..=full).contains(&wait), "attempt {attempt}: {wait} s");
        waits.push(wait);
        // Not before its time.
        world.clock.advance_seconds(wait - 1);
        assert_eq!(deliver(world, &transport).await, DeliveryReport::default());
        world.clock.advance_seconds(2);
    }
    assert!(waits.iter().sum::<i64>() > 5 * 3_600, "an outage of hours is survived: {waits:?}");
    assert_eq!(deliver(world, &transport).await.dead, 1);
    let dead = all(world).await.remove(0);
    assert_eq!((dead.id, dead.attempts, dead.state), (id, 20, MessageState::Dead(world.service.now())));
    world.clock.advance_days(7);
    assert_eq!(deliver(world, &transport).await, DeliveryReport::default());
    let asked = transport.asked();
    assert_eq!(asked.iter().map(|delivery| delivery.attempt).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    assert!(asked.iter().all(|delivery| delivery.id == id), "the idempotency key stays");
    world.service.outbox().count().await.unwrap();
    let stats = world.service.health().stats();
    assert_eq!((stats.outbox_pending, stats.outbox_dead), (0, 1));
}

async fn what_can_never_work_is_given_up_at_once(world: &World) {
    add(world, PAYLOAD).await;
    let long = "x".repeat(10_000);
    let transport = Recorder::answering([Err(DeliveryError::Permanent(long))]);
    assert_eq!(deliver(world, &transport).await.dead, 1);
    let dead = all(world).await.remove(0);
    assert_eq!((dead.attempts, dead.last_error.len()), (1, 500));
}

/// Never answers, as a worker that was killed.
struct Vanishing;

impl Deliver for Vanishing {
    fn deliver<'a>(&'a self, _: &'a Delivery) -> Delivering<'a> {
        Box::pin(std::future::pending())
    }
}

async fn a_worker_that_vanishes_is_replaced_after_its_lease(world: &World) {
    add(world, PAYLOAD).await;
    let service = world.service.clone();
    let killed = tokio::spawn(async move { service.outbox().deliver(&Vanishing).await });
    while !matches!(all(world).await[0].state, MessageState::Leased(_)) {
        tokio::task::yield_now().await;
    }
    killed.abort();
    let _ = killed.await;
    let transport = Recorder::default();
    world.clock.advance_seconds(59);
    assert_eq!(deliver(world, &transport).await, DeliveryReport::default());
    world.clock.advance_seconds(1);
    assert_eq!(deliver(world, &transport).await.delivered, 1);
    assert_eq!(transport.asked()[0].attempt, 2);
    // Until a message has killed every worker that has tried.
    let id = add(world, PAYLOAD).await;
    for _ in 0..20 {
        let service = world.service.clone();
        let killed = tokio::spawn(async move { service.outbox().deliver(&Vanishing).await });
        while !matches!(all(world).await[0].state, MessageState::Leased(until) if until > world.service.now()) {
            tokio::task::yield_now().await;
        }
        killed.abort();
        let _ = killed.await;
        world.clock.advance_seconds(60);
    }
    assert_eq!(deliver(world, &transport).await.dead, 1);
    assert!(all(world).await[0].id == id && transport.asked().len() == 1);
}

/// Answers when both workers have begun all that they hold, so that both hold it at the same time.
struct Meeting {
    barrier: Barrier,
    held: Mutex<HashMap<OutboxMessageId, u32>>,
}

impl Deliver for Meeting {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        *self.held.lock().unwrap().entry(delivery.id).or_default() += 1;
        Box::pin(async {
            self.barrier.wait().await;
            Ok(())
        })
    }
}

async fn two_workers_never_hold_the_same_message(world: &World) {
    for _ in 0..32 {
        add(world, PAYLOAD).await;
    }
    let meeting = Meeting { barrier: Barrier::new(32), held: Mutex::default() };
    let other = world.replica();
    let (a, b) = tokio::join!(world.service.outbox().deliver(&meeting), other.outbox().deliver(&meeting));
    assert_eq!((a.unwrap().delivered, b.unwrap().delivered), (16, 16));
    let held = meeting.held.into_inner().unwrap();
    assert!(held.len() == 32 && held.values().all(|times| *times == 1), "{held:?}");
    assert_eq!(all(world).await, []);
}

async fn a_kind_of_another_release_is_kept(world: &World) {
    add(world, r#"{"kind":"of.tomorrow.v1","data":{}}"#).await;
    let transport = Recorder::default();
    assert_eq!(deliver(world, &transport).await.failed, 1);
    assert_eq!(transport.asked(), []);
    assert_eq!(all(world).await[0].last_error, "this release does not know the kind of message");
}

async fn an_operator_lists_retries_and_drops_messages(world: &World) {
    let (retried, dropped) = (add(world, PAYLOAD).await, add(world, PAYLOAD).await);
    let gone = || Err(DeliveryError::Permanent("gone".to_owned()));
    deliver(world, &Recorder::answering([gone(), gone()])).await;
    let ids = |messages: Vec<StoredMessage>| messages.into_iter().map(|message| message.id).collect::<Vec<_>>();
    assert_eq!(ids(all(world).await), [retried, dropped]);
    assert_eq!(ids(world.service.outbox().list(retried, 10).await.unwrap()), [dropped]);
    assert_eq!(world.service.outbox().retry(retried).await.unwrap(), "sweep.finished.v1");
    assert_eq!(world.service.outbox().delete(dropped).await.unwrap(), "sweep.finished.v1");
    for unknown in [dropped, new_id()] {
        assert!(matches!(world.service.outbox().retry(unknown).await, Err(Error::NotFound("message"))));
        assert!(matches!(world.service.outbox().delete(unknown).await, Err(Error::NotFound("message"))));
    }
    let transport = Recorder::default();
    assert_eq!(deliver(world, &transport).await.delivered, 1);
    assert_eq!((transport.asked()[0].id, transport.asked()[0].attempt), (retried, 1));
    for action in ["outbox.message_retried", "outbox.message_dropped"] {
        assert_eq!(latchkey_store::audit::count(&world.store, None, action).await.unwrap(), 1, "{action}");
    }
}

async fn dead_messages_go_after_a_month(world: &World) {
    add(world, PAYLOAD).await;
    deliver(world, &Recorder::answering([Err(DeliveryError::Permanent("gone".to_owned()))])).await;
    add(world, PAYLOAD).await;
    world.clock.advance_days(30);
    world.service.maintenance().tidy().await.unwrap();
    assert_eq!(all(world).await.len(), 2);
    world.clock.advance_seconds(1);
    world.service.maintenance().tidy().await.unwrap();
    let left = all(world).await;
    assert!(left.len() == 1 && matches!(left[0].state, MessageState::Due(_)), "what was never tried stays: {left:?}");
}
