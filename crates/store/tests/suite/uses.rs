//! Recording uses.

use latchkey_domain::{Timestamp, TokenId};
use latchkey_store::tokens::{self, Sort, SortKey, Use};

use crate::{
    database::on_both_engines,
    given::{Given, NOW, revoked, used},
    model::{everything, walk},
};

on_both_engines!(
    the_last_use_never_moves_backwards,
    the_newest_of_a_batch_counts,
    revoked_tokens_are_left_alone,
    a_use_moves_the_token_in_the_list,
);

fn from(at: Timestamp, agent: &str) -> Use {
    Use { at, address: Some("192.0.2.1".parse().unwrap()), user_agent: agent.into() }
}

async fn last_use(given: &Given, id: TokenId) -> Option<Use> {
    tokens::by_id(given.store(), id).await.unwrap().unwrap().last_use
}

async fn the_last_use_never_moves_backwards(given: &Given) {
    let id = given.token(&given.spec("deploy")).await.id;
    let record = |recorded: Use| given.write(async move |tx| tokens::record_uses(tx, &[(id, recorded)]).await);
    assert_eq!(record(from(NOW, "a")).await, [id]);
    assert_eq!(last_use(given, id).await, Some(from(NOW, "a")));
    // Recorded by a slower replica: the token lives, its last use stays.
    assert_eq!(record(used(NOW.plus_seconds(-1))).await, [id]);
    assert_eq!(last_use(given, id).await, Some(from(NOW, "a")));
    assert_eq!(record(used(NOW.plus_seconds(1))).await, [id]);
    assert_eq!(last_use(given, id).await, Some(used(NOW.plus_seconds(1))));
}

async fn the_newest_of_a_batch_counts(given: &Given) {
    let a = given.token(&given.spec("a")).await.id;
    let b = given.token(&given.spec("b")).await.id;
    let batch = [
        (b, from(NOW.plus_seconds(5), "b")),
        (a, from(NOW.plus_seconds(2), "a2")),
        (TokenId(given.id()), from(NOW, "nobody")),
        (a, from(NOW.plus_seconds(3), "a3 \"\\ \u{7} é")),
        (a, from(NOW.plus_seconds(1), "a1")),
    ];
    let mut recorded = given.write(async |tx| tokens::record_uses(tx, &batch).await).await;
    recorded.sort();
    assert_eq!(recorded, [a, b]);
    assert_eq!(last_use(given, a).await, Some(from(NOW.plus_seconds(3), "a3 \"\\ \u{7} é")));
    assert_eq!(last_use(given, b).await, Some(from(NOW.plus_seconds(5), "b")));
    assert_eq!(given.write(async |tx| tokens::record_uses(tx, &[]).await).await, []);
}

async fn revoked_tokens_are_left_alone(given: &Given) {
    let mut spec = given.spec("deploy");
    spec.used_at = Some(NOW);
    let id = given.token(&spec).await.id;
    given.write(async |tx| tokens::revoke(tx, id, &revoked(NOW)).await).await;
    let later = [(id, used(NOW.plus_seconds(9)))];
    assert_eq!(given.write(async |tx| tokens::record_uses(tx, &later).await).await, []);
    assert_eq!(last_use(given, id).await, Some(used(NOW)));
}

async fn a_use_moves_the_token_in_the_list(given: &Given) {
    let a = given.token(&given.spec("a")).await.id;
    let b = given.token(&given.spec("b")).await.id;
    let sort = Sort { key: SortKey::LastUsed, descending: true };
    let mut listed = Vec::new();
    for (id, seconds) in [(a, 1), (b, 2), (a, 3)] {
        given.write(async |tx| tokens::record_uses(tx, &[(id, used(NOW.plus_seconds(seconds)))]).await).await;
        let (tokens, _) = walk(given, &everything(given), sort, 1).await;
        listed.push(tokens.into_iter().map(|token| token.id).collect::<Vec<_>>());
    }
    assert_eq!(listed, [[a, b], [b, a], [a, b]]);
}
