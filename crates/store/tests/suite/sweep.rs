//! Auto-revoke.

use std::collections::BTreeSet;

use futures::future::join;
use latchkey_domain::{Level, OrganizationId, RevocationReason, SweepId, Timestamp, TokenId};
use latchkey_store::{
    Store,
    sweeps::{self, Sweep},
    tokens::{self, Actor, Revocation},
};

use crate::{
    database::on_both_engines,
    given::{Given, NOW, revoked, used},
};

on_both_engines!(
    inactive_is_strictly_older_than_the_cutoff,
    the_preview_is_what_the_sweep_takes,
    only_active_tokens_of_the_organization_are_taken,
    two_sweeps_at_once_take_each_token_once,
    a_use_that_is_recorded_saves_the_token,
    a_sweep_that_was_first_wins,
    uses_and_sweeps_at_once_share_the_tokens,
    sweeps_are_listed_newest_first,
);

const CUTOFF: Timestamp = NOW.plus_days(-30);

fn after_cutoff(micros: i64) -> Timestamp {
    Timestamp::from_micros(CUTOFF.micros() + micros)
}

/// An idle token of acme.
async fn idle(given: &Given, name: &str) -> TokenId {
    given.token(&given.spec(name)).await.id
}

async fn preview(given: &Given, organization: OrganizationId) -> Vec<TokenId> {
    let tokens = tokens::inactive(given.store(), organization, None, CUTOFF, 100, NOW).await.unwrap();
    tokens.into_iter().map(|token| token.id).collect()
}

async fn sweep(store: &Store, organization: OrganizationId, limit: u32) -> Vec<TokenId> {
    let mut tx = store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    let taken = tokens::revoke_inactive(&mut tx, organization, CUTOFF, limit, NOW).await.unwrap();
    tx.commit().await.unwrap();
    taken.into_iter().map(|(id, _)| id).collect()
}

async fn inactive_is_strictly_older_than_the_cutoff(given: &Given) {
    let mut expected = Vec::new();
    for (name, created, used, inactive) in [
        ("never used, older", after_cutoff(-1), None, true),
        ("never used, at the cutoff", after_cutoff(0), None, false),
        ("never used, younger", after_cutoff(1), None, false),
        ("used before", NOW.plus_days(-90), Some(after_cutoff(-1)), true),
        ("used at the cutoff", NOW.plus_days(-90), Some(after_cutoff(0)), false),
        ("used since", NOW.plus_days(-90), Some(after_cutoff(1)), false),
    ] {
        let mut spec = given.spec(name);
        (spec.created_at, spec.used_at) = (created, used);
        let id = given.token(&spec).await.id;
        expected.extend(inactive.then_some(id));
    }
    assert_eq!(preview(given, given.acme).await, expected);
    assert_eq!(BTreeSet::from_iter(sweep(given.store(), given.acme, 100).await), BTreeSet::from_iter(expected));
}

async fn the_preview_is_what_the_sweep_takes(given: &Given) {
    let mut longest_first = Vec::new();
    for days in [50, 90, 70, 60, 80] {
        let mut spec = given.spec(&format!("idle for {days} days"));
        spec.created_at = NOW.plus_days(-days);
        longest_first.push((-days, given.token(&spec).await.id));
    }
    longest_first.sort();
    let ids: Vec<_> = longest_first.into_iter().map(|(_, id)| id).collect();
    assert_eq!(preview(given, given.acme).await, ids);
    let two = tokens::inactive(given.store(), given.acme, None, CUTOFF, 2, NOW).await.unwrap();
    assert_eq!(two.iter().map(|token| token.id).collect::<Vec<_>>(), ids[..2]);

    assert_eq!(BTreeSet::from_iter(sweep(given.store(), given.acme, 2).await), BTreeSet::from_iter(ids[..2].to_vec()));
    assert_eq!(preview(given, given.acme).await, ids[2..]);
    let token = tokens::by_id(given.store(), ids[0]).await.unwrap().unwrap();
    let by = Actor { kind: "system", id: None, name: "auto-revoke".into() };
    assert_eq!(token.revocation, Some(Revocation { at: NOW, by, reason: RevocationReason::Inactive }));
    assert_eq!(sweep(given.store(), given.acme, 100).await.len(), 3);
    assert_eq!(sweep(given.store(), given.acme, 100).await, []);
}

async fn only_active_tokens_of_the_organization_are_taken(given: &Given) {
    let of_project = {
        let mut spec = given.spec("of a project");
        spec.level = Level::Project(given.acme, given.project);
        given.token(&spec).await.id
    };
    let mut spec = given.spec("of the instance");
    spec.level = Level::Instance;
    given.token(&spec).await;
    let mut spec = given.spec("of another organization");
    spec.level = Level::Organization(given.other);
    given.token(&spec).await;
    let mut spec = given.spec("revoked");
    spec.revoked_at = Some(NOW.plus_days(-1));
    let revoked_before = given.token(&spec).await;
    let mut spec = given.spec("expired at this moment");
    spec.expires_at = Some(NOW);
    let expired = given.token(&spec).await;

    // Without a list that was read before, which would have noted the expiry.
    assert_eq!(sweep(given.store(), given.acme, 100).await, [of_project]);
    assert_eq!(tokens::by_id(given.store(), revoked_before.id).await.unwrap(), Some(revoked_before));
    assert_eq!(tokens::by_id(given.store(), expired.id).await.unwrap(), Some(expired));
    // Instance tokens are in the list of the nil id.
    let nobody = OrganizationId(uuid::Uuid::nil());
    assert_eq!(preview(given, nobody).await, []);
    assert_eq!(sweep(given.store(), nobody, 100).await, []);
}

async fn two_sweeps_at_once_take_each_token_once(given: &Given) {
    let mut ids = BTreeSet::new();
    for number in 0..40 {
        ids.insert(idle(given, &format!("token {number}")).await);
    }
    let run = async || {
        let mut taken = Vec::new();
        for _ in 0..8 {
            taken.extend(sweep(given.store(), given.acme, 7).await);
        }
        taken
    };
    let (a, b) = join(run(), run()).await;
    assert_eq!(a.len() + b.len(), 40);
    assert_eq!(BTreeSet::from_iter(a.into_iter().chain(b)), ids);
}

async fn a_use_that_is_recorded_saves_the_token(given: &Given) {
    let id = idle(given, "deploy").await;
    let mut using = given.store().begin(latchkey_store::WritePriority::Normal).await.unwrap();
    tokens::record_uses(&mut using, &[(id, used(NOW))]).await.unwrap();
    // The sweep begins while the use is not committed yet.
    let (store, acme) = (given.store().clone(), given.acme);
    let sweeping = tokio::spawn(async move { sweep(&store, acme, 100).await });
    tokio::task::yield_now().await;
    using.commit().await.unwrap();
    assert_eq!(sweeping.await.unwrap(), []);
    assert_eq!(sweep(given.store(), given.acme, 100).await, []);
}

async fn a_sweep_that_was_first_wins(given: &Given) {
    let id = idle(given, "deploy").await;
    let mut sweeping = given.store().begin(latchkey_store::WritePriority::Normal).await.unwrap();
    let taken = tokens::revoke_inactive(&mut sweeping, given.acme, CUTOFF, 100, NOW).await.unwrap();
    assert_eq!(taken, [(id, "deploy".to_owned())]);
    let store = given.store().clone();
    let using = tokio::spawn(async move {
        let mut tx = store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
        let unrevoked = tokens::record_uses(&mut tx, &[(id, used(NOW))]).await.unwrap();
        tx.commit().await.unwrap();
        unrevoked
    });
    tokio::task::yield_now().await;
    sweeping.commit().await.unwrap();
    assert_eq!(using.await.unwrap(), []);
    assert_eq!(tokens::by_id(given.store(), id).await.unwrap().unwrap().last_use, None);
}

async fn uses_and_sweeps_at_once_share_the_tokens(given: &Given) {
    for round in 0..10 {
        let mut uses = Vec::new();
        for number in 0..20 {
            uses.push((idle(given, &format!("token {round} {number}")).await, used(NOW)));
        }
        let ids: BTreeSet<_> = uses.iter().map(|(id, _)| *id).collect();
        let record = given.write(async |tx| tokens::record_uses(tx, &uses).await);
        let (used, swept) = join(record, sweep(given.store(), given.acme, 100)).await;
        let swept: BTreeSet<_> = swept.into_iter().collect();
        let used: BTreeSet<_> = used.into_iter().collect();
        assert!(used.is_disjoint(&swept), "a token that was used was revoked");
        assert_eq!(&used | &swept, ids);
        for token in tokens::by_ids(given.store(), &ids.into_iter().collect::<Vec<_>>()).await.unwrap() {
            assert_eq!(
                (token.last_use.is_some(), token.revocation.is_none()),
                (used.contains(&token.id), used.contains(&token.id))
            );
        }
        // So that the next round begins with nothing idle.
        for id in used {
            given.write(async |tx| tokens::revoke(tx, id, &revoked(NOW)).await).await;
        }
    }
}

async fn sweeps_are_listed_newest_first(given: &Given) {
    let mut expected = Vec::new();
    for (seconds, organization_id) in [(3, given.acme), (9, given.other), (5, given.acme), (4, given.acme)] {
        let sweep = Sweep {
            id: SweepId(given.id()),
            organization_id,
            threshold_days: 365,
            started_at: NOW.plus_seconds(seconds),
            finished_at: NOW.plus_seconds(seconds + 1),
            revoked: 100_000,
        };
        given.write(async |tx| sweeps::save(tx, &sweep).await).await;
        expected.push(sweep);
    }
    let latest = sweeps::latest(given.store(), given.acme, 2).await.unwrap();
    assert_eq!(latest, [expected[2].clone(), expected[3].clone()]);
}
