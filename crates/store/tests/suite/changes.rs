//! What replicas must not remember any longer: see `docs/revocation.md`.

use futures::future::join_all;
use latchkey_domain::RevocationReason;
use latchkey_store::{
    Store,
    changes::{self, Since, Watch},
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
    the_mark_changes_with_each_commit_of_any_process,
);

fn revocation() -> Revocation {
    let by = Actor { kind: "system", id: None, name: "test".to_owned() };
    Revocation { at: NOW, by, reason: RevocationReason::Manual }
}

async fn revoke(store: &Store, token: latchkey_domain::TokenId) {
    let mut tx = store.begin().await.unwrap();
    assert!(tokens::revoke(&mut tx, token, &revocation()).await.unwrap().is_some());
    tx.commit().await.unwrap();
}

async fn a_change_is_seen_once_it_is_committed(given: &Given) {
    let token = given.token(&given.spec("CI")).await.id;
    let repository = given.repository(given.acme, "acme/gone").await;
    let watch = Watch::new(given.store().clone());
    let before = changes::newest(given.store()).await.unwrap();
    let mut tx = given.store().begin().await.unwrap();
    tokens::revoke(&mut tx, token, &revocation()).await.unwrap();
    assert_eq!(watch.look(before).await.unwrap(), Since::These(before, Vec::new()));
    tx.commit().await.unwrap();
    assert_eq!(watch.look(before).await.unwrap(), Since::These(before + 1, vec![token.0]));
    let mut tx = given.store().begin().await.unwrap();
    repositories::delete(&mut tx, given.acme, repository).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(watch.look(before + 1).await.unwrap(), Since::These(before + 2, vec![repository.0]));
    assert_eq!(watch.look(before + 2).await.unwrap(), Since::These(before + 2, Vec::new()));
}

/// Whatever somebody may remember, by itself or inside something else.
async fn what_goes_is_told(given: &Given) {
    let watch = Watch::new(given.store().clone());
    let newest = async || changes::newest(given.store()).await.unwrap();
    let before = newest().await;
    assert_eq!(before, 2, "an organization that comes, too: there were two of them");
    assert_eq!(watch.look(0).await.unwrap(), Since::These(2, vec![changes::ORGANIZATIONS; 2]));
    given.token(&given.spec("CI")).await;
    assert_eq!(newest().await, before + 1, "a secret that comes is unknown no longer");
    let before = before + 1;
    let repository = given.repository(given.acme, "acme/gone").await;
    assert_eq!(newest().await, before, "what else comes takes nothing away");
    given
        .write(async |tx| {
            repositories::delete(tx, given.acme, repository).await?;
            projects::delete(tx, given.project, NOW).await?;
            organizations::delete(tx, given.acme, NOW).await
        })
        .await;
    let told = vec![repository.0, given.project.0, given.acme.0, changes::ORGANIZATIONS];
    assert_eq!(watch.look(before).await.unwrap(), Since::These(before + 4, told));
    // What was not there is no change.
    given.write(async |tx| repositories::delete(tx, given.acme, repository).await).await;
    assert_eq!(newest().await, before + 4);
}

/// Somebody looks all the time while many revoke at once: whoever knows a number knows all below it.
async fn numbers_follow_commits_without_gaps(given: &Given) {
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(given.token(&given.spec(&format!("token {number}"))).await.id);
    }
    let first = changes::newest(given.store()).await.unwrap();
    let looking = async {
        let (watch, mut known, mut seen) = (Watch::new(given.store().clone()), first, Vec::<Uuid>::new());
        while known < first + 20 {
            let Since::These(newest, objects) = watch.look(known).await.unwrap() else { panic!("nothing was removed") };
            assert_eq!(newest - known, i64::try_from(objects.len()).unwrap());
            known = newest;
            seen.extend(objects);
        }
        seen
    };
    let (mut seen, _) = tokio::join!(looking, join_all(ids.iter().map(|id| revoke(given.store(), *id))));
    seen.sort_unstable();
    assert_eq!(seen, ids.iter().map(|id| id.0).collect::<Vec<_>>());
}

async fn who_is_too_far_behind_forgets_everything(given: &Given) {
    let token = given.token(&given.spec("CI")).await.id;
    revoke(given.store(), token).await;
    let watch = Watch::new(given.store().clone());
    // A number that is no longer there, and one that never was.
    assert_eq!(watch.look(-1).await.unwrap(), Since::Anything(4));
    assert_eq!(watch.look(7).await.unwrap(), Since::Anything(4));
}

async fn the_mark_changes_with_each_commit_of_any_process(given: &Given) {
    let token = given.token(&given.spec("CI")).await.id;
    let other = Store::connect(&given.database.url).await.unwrap();
    let watch = Watch::new(given.store().clone());
    let before = watch.mark();
    assert_eq!(before.is_some(), given.database.is_sqlite(), "PostgreSQL has none, so each check looks");
    if before.is_some() {
        assert!(before == watch.mark());
        given.store().ping().await.unwrap();
        assert!(before == watch.mark(), "reading is no commit");
        revoke(&other, token).await;
        assert!(before != watch.mark());
    }
    other.close().await;
}
