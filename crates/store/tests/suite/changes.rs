//! What replicas must not remember any longer: see `docs/revocation.md`.

use futures::future::join_all;
use latchkey_domain::RevocationReason;
use latchkey_store::{
    Store,
    changes::{self, ChangePoller, ChangePosition, ChangesSince, ResetReason},
    organizations, projects, repositories,
    tokens::{self, Actor, Revocation},
};
use uuid::Uuid;

use crate::{
    database::on_both_engines,
    given::{Given, NOW},
};

on_both_engines!(
    a_change_is_seen_once_it_is_committed,
    what_goes_is_told,
    numbers_follow_commits_without_gaps,
    who_is_too_far_behind_forgets_everything,
    another_history_is_told_by_its_identities,
    each_change_has_an_identity_of_its_own,
    the_mark_changes_with_each_commit_of_any_process,
);

fn revocation() -> Revocation {
    let by = Actor { kind: "system", id: None, name: "test".to_owned() };
    Revocation { at: NOW, by, reason: RevocationReason::Manual }
}

async fn revoke(store: &Store, token: latchkey_domain::TokenId) {
    let mut tx = store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    assert!(tokens::revoke(&mut tx, token, &revocation()).await.unwrap().is_some());
    tx.commit().await.unwrap();
}

pub(crate) async fn newest(store: &Store) -> ChangePosition {
    match ChangePoller::new(store.clone()).poll(None).await.unwrap() {
        ChangesSince::Reset(newest, ResetReason::Behind) => newest,
        since => panic!("{since:?}"),
    }
}

/// What has changed since a point of the same history.
async fn since(poller: &ChangePoller, known: ChangePosition) -> (i64, Vec<Uuid>) {
    match poller.poll(Some(known)).await.unwrap() {
        ChangesSince::Objects(newest, objects) => (newest.number - known.number, objects),
        since => panic!("{since:?}"),
    }
}

/// A poller that has looked before, so that its connection is not new.
async fn watching(store: &Store) -> (ChangePoller, ChangePosition) {
    let poller = ChangePoller::new(store.clone());
    let ChangesSince::Reset(newest, ResetReason::Behind) = poller.poll(None).await.unwrap() else {
        panic!("nothing is known")
    };
    (poller, newest)
}

async fn a_change_is_seen_once_it_is_committed(given: &Given) {
    let token = given.token(&given.spec("CI")).await.id;
    let repository = given.repository(given.acme, "acme/gone").await;
    let (poller, before) = watching(given.store()).await;
    let mut tx = given.store().begin(latchkey_store::WritePriority::Normal).await.unwrap();
    tokens::revoke(&mut tx, token, &revocation()).await.unwrap();
    assert_eq!(since(&poller, before).await, (0, Vec::new()));
    tx.commit().await.unwrap();
    assert_eq!(since(&poller, before).await, (1, vec![token.0]));
    let first = newest(given.store()).await;
    let mut tx = given.store().begin(latchkey_store::WritePriority::Normal).await.unwrap();
    repositories::delete(&mut tx, given.acme, repository).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(since(&poller, before).await, (2, vec![token.0, repository.0]));
    assert_eq!(since(&poller, first).await, (1, vec![repository.0]));
    assert_eq!(since(&poller, newest(given.store()).await).await, (0, Vec::new()));
}

/// Whatever somebody may remember, by itself or inside something else.
async fn what_goes_is_told(given: &Given) {
    let (poller, before) = watching(given.store()).await;
    assert_eq!(before.number, 2, "an organization that comes, too: there were two of them");
    let told = given.database.numbers("SELECT number FROM changes WHERE object_id = $1", changes::ORGANIZATIONS).await;
    assert_eq!(told, [0, 1, 2]);
    given.token(&given.spec("CI")).await;
    let after = newest(given.store()).await;
    assert_eq!(after.number, before.number + 1, "a secret that comes is unknown no longer");
    let before = after;
    let repository = given.repository(given.acme, "acme/gone").await;
    assert_eq!(newest(given.store()).await, before, "what else comes takes nothing away");
    given
        .write(async |tx| {
            repositories::delete(tx, given.acme, repository).await?;
            projects::delete(tx, given.project, NOW).await?;
            organizations::delete(tx, given.acme, NOW).await
        })
        .await;
    let told = vec![repository.0, given.project.0, given.acme.0, changes::ORGANIZATIONS];
    assert_eq!(since(&poller, before).await, (4, told));
    // What was not there is no change.
    given.write(async |tx| repositories::delete(tx, given.acme, repository).await).await;
    assert_eq!(since(&poller, before).await.0, 4);
}

/// Somebody looks all the time while many revoke at once: whoever knows a number knows all below it.
async fn numbers_follow_commits_without_gaps(given: &Given) {
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(given.token(&given.spec(&format!("token {number}"))).await.id);
    }
    let (poller, first) = watching(given.store()).await;
    let looking = async {
        let (mut known, mut seen) = (first, Vec::<Uuid>::new());
        while known.number < first.number + 20 {
            let ChangesSince::Objects(newest, objects) = poller.poll(Some(known)).await.unwrap() else {
                panic!("all is there")
            };
            assert_eq!(newest.number - known.number, i64::try_from(objects.len()).unwrap());
            known = newest;
            seen.extend(objects);
        }
        seen
    };
    let (mut seen, _) = tokio::join!(looking, join_all(ids.iter().map(|id| revoke(given.store(), *id))));
    seen.sort_unstable();
    assert_eq!(seen, ids.iter().map(|id| id.0).collect::<Vec<_>>());
}

/// A change of the same object as the last one, in another history.
const ADD: &str = "INSERT INTO changes (number, object_id) SELECT m.number + 1, m.object_id FROM changes m \
    ORDER BY m.number DESC LIMIT 1";

async fn who_is_too_far_behind_forgets_everything(given: &Given) {
    let (poller, before) = watching(given.store()).await;
    given.database.execute("UPDATE change_count SET count = count + 1001".to_owned()).await;
    for _ in 0..1_001 {
        given.database.execute(ADD.to_owned()).await;
    }
    let newest = newest(given.store()).await;
    assert_eq!(newest.number, before.number + 1_001);
    assert_eq!(poller.poll(Some(before)).await.unwrap(), ChangesSince::Reset(newest, ResetReason::Behind));
}

/// A number says nothing about a history: it is given again.
async fn another_history_is_told_by_its_identities(given: &Given) {
    let token = given.token(&given.spec("CI")).await.id;
    let (poller, backup) = watching(given.store()).await;
    revoke(given.store(), token).await;
    let lost = newest(given.store()).await;
    let broken = async || match poller.poll(Some(lost)).await.unwrap() {
        ChangesSince::Reset(newest, ResetReason::HistoryChanged) => newest.number - lost.number,
        since => panic!("{since:?}"),
    };
    let execute = async |sql: &str| given.database.execute(sql.to_owned()).await;
    // Numbers go back.
    execute(&format!("DELETE FROM changes WHERE number > {}", backup.number)).await;
    execute(&format!("UPDATE change_count SET count = {}", backup.number)).await;
    assert_eq!(broken().await, -1);
    assert_eq!(since(&poller, backup).await, (0, Vec::new()), "this far it is the same history");
    // They catch up to exactly the known one, and then overtake it.
    for ahead in 0..3 {
        execute(ADD).await;
        assert_eq!(broken().await, ahead);
    }
    // None at all: nothing is believed until there are some again.
    execute("DELETE FROM changes").await;
    assert!(matches!(poller.poll(Some(lost)).await.unwrap(), ChangesSince::Reset(_, ResetReason::HistoryChanged)));
    let nothing = newest(given.store()).await;
    assert!(matches!(poller.poll(Some(nothing)).await.unwrap(), ChangesSince::Reset(_, ResetReason::HistoryChanged)));
}

/// What an old release writes, and each row of one transaction.
async fn each_change_has_an_identity_of_its_own(given: &Given) {
    let (count, identities) = ("SELECT count(*) FROM changes", "SELECT count(DISTINCT identity) FROM changes");
    given
        .database
        .execute("INSERT INTO changes (number, object_id) SELECT 77, object_id FROM changes LIMIT 1".into())
        .await;
    let all = given.database.numbers(count, changes::ORGANIZATIONS).await;
    assert!(all[0] > 3, "{all:?}");
    assert_eq!(given.database.numbers(identities, changes::ORGANIZATIONS).await, all);
}

async fn the_mark_changes_with_each_commit_of_any_process(given: &Given) {
    let token = given.token(&given.spec("CI")).await.id;
    let other = Store::connect(&given.database.url).await.unwrap();
    let poller = ChangePoller::new(given.store().clone());
    let before = poller.wal_header();
    assert_eq!(before.is_some(), given.database.is_sqlite(), "PostgreSQL has none, so each check looks");
    if before.is_some() {
        assert!(before == poller.wal_header());
        given.store().ping().await.unwrap();
        assert!(before == poller.wal_header(), "reading is no commit");
        revoke(&other, token).await;
        assert!(before != poller.wal_header());
    }
    other.close().await;
}
