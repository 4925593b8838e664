//! Changing and rotating tokens, and remembering requests.

use futures::future::join;
use latchkey_domain::{
    AllowedNetworks, Description, RepositoryAccess, Scope, ScopeSet, Secret, SecretKind, TokenId, TokenName,
    TokenSettings, TokenState,
};
use latchkey_store::{
    Conflict,
    idempotency::{self, StoredRequest},
    tokens::{self, Filter, Found, Rotation, SortKey, Token},
};
use uuid::Uuid;

use crate::{
    database::on_both_engines,
    given::{Given, NOW, conflict, revoked},
    model::{everything, listed, order, sorts, walk},
};

on_both_engines!(
    an_edited_token_is_where_it_belongs,
    an_edit_needs_a_free_name,
    a_locked_token_waits_for_the_lock,
    secrets_find_their_token_through_rotations,
    only_the_current_secret_ends_an_overlap,
    a_key_is_remembered_for_its_time,
    one_of_two_with_a_key_at_once_is_first,
);

/// A token as it is, to be changed.
fn as_it_is(token: &Token, name: &TokenName, description: &Description) -> TokenSettings {
    TokenSettings { name: name.clone(), description: description.clone(), ..token.settings([]) }
}

async fn edit(given: &Given, token: &Token, edited: &TokenSettings) -> Token {
    given.write(async |tx| tokens::update(tx, token, &token.settings([]), edited).await).await;
    tokens::by_id(given.store(), token.id).await.unwrap().unwrap()
}

fn named(name: &str, description: &str) -> (TokenName, Description) {
    (TokenName::new(name).unwrap(), Description::new(description).unwrap())
}

async fn rotate(given: &Given, token: &Token, overlap: Option<i64>) -> Secret {
    let secret = given.secret(SecretKind::ApiToken);
    let rotation = Rotation {
        hash: &secret.hash(),
        prefix: &secret.prefix(),
        at: NOW,
        overlap_until: overlap.map(|seconds| NOW.plus_seconds(seconds)),
    };
    given.write(async |tx| tokens::rotate(tx, token, &rotation).await).await;
    secret
}

async fn found(given: &Given, secret: &Secret) -> Found {
    tokens::by_secret(given.store(), &secret.hash()).await.unwrap().unwrap()
}

async fn an_edited_token_is_where_it_belongs(given: &Given) {
    let (a, b) = (given.repository(given.acme, "acme/a").await, given.repository(given.acme, "acme/b").await);
    let mut all = Vec::new();
    for (name, days) in [("alpha", None), ("beta", Some(3)), ("gamma", Some(9))] {
        let mut spec = given.spec(name);
        spec.expires_at = days.map(|days| NOW.plus_days(days));
        spec.repositories = vec![a];
        all.push(given.token(&spec).await);
    }
    let (name, description) = named("Zeta", "posts to chat");
    let scopes = ScopeSet::new(["scans:read"].map(Scope::stored)).unwrap();
    let networks = AllowedNetworks::new(["192.0.2.0/24"]).unwrap();
    let edited = TokenSettings {
        scopes: scopes.clone(),
        repositories: RepositoryAccess::new(false, [b]).unwrap(),
        require_signing: true,
        allowed_networks: networks.clone(),
        expires_at: Some(NOW.plus_days(5)),
        ..as_it_is(&all[0], &name, &description)
    };
    all[0] = edit(given, &all[0], &edited).await;
    let token = &all[0];
    assert_eq!(
        (token.name.as_str(), token.description.as_str(), token.scopes.clone()),
        ("Zeta", "posts to chat", scopes)
    );
    assert_eq!((token.require_signing, token.allowed_networks.clone(), token.repository_count), (true, networks, 1));
    assert_eq!(tokens::repositories(given.store(), token.id).await.unwrap(), [(b, "acme/b".to_owned())]);
    let (name, description) = named("beta", "");
    let edited = TokenSettings {
        repositories: RepositoryAccess::All,
        expires_at: None,
        ..as_it_is(&all[1], &name, &description)
    };
    all[1] = edit(given, &all[1], &edited).await;
    assert!(all[1].all_repositories && all[1].repository_count == 0);
    for sort in sorts().filter(|sort| sort.key != SortKey::LastUsed) {
        all.sort_by(order(sort));
        let expected: Vec<_> = all.iter().map(listed).collect();
        assert_eq!(walk(given, &everything(given), sort, 2).await.0, expected, "{sort:?}");
    }
    for (term, count) in [("alpha", 0), ("zeta", 1), ("chat", 1), ("beta", 1)] {
        let filter = Filter { terms: Some(vec![term.into()]), ..everything(given) };
        assert_eq!(tokens::count(given.store(), &filter, NOW).await.unwrap(), count, "{term}");
    }
    // One whose expiry another clock has noted already is live again.
    let mut spec = given.spec("late");
    spec.expires_at = Some(NOW.plus_seconds(-1));
    let late = given.token(&spec).await;
    assert_eq!(tokens::count(given.store(), &everything(given), NOW).await.unwrap(), 4);
    walk(given, &everything(given), sorts().next().unwrap(), 10).await;
    let (name, description) = named("late", "");
    edit(given, &late, &TokenSettings { expires_at: None, ..as_it_is(&late, &name, &description) }).await;
    let active = Filter { state: Some(TokenState::Active), ..everything(given) };
    assert_eq!(tokens::count(given.store(), &active, NOW).await.unwrap(), 4);
}

async fn an_edit_needs_a_free_name(given: &Given) {
    let token = given.token(&given.spec("one")).await;
    given.token(&given.spec("Two")).await;
    let (name, description) = named("TWO", "");
    let edited = as_it_is(&token, &name, &description);
    assert_eq!(
        conflict(given.try_write(async |tx| tokens::update(tx, &token, &token.settings([]), &edited).await).await),
        Conflict::TokenName
    );
    assert_eq!(tokens::by_id(given.store(), token.id).await.unwrap(), Some(token));
}

/// Two who read, decide and write: the second one decides on what the first one has written.
async fn a_locked_token_waits_for_the_lock(given: &Given) {
    let token = given.token(&given.spec("counter")).await;
    let add = async || {
        for _ in 0..10 {
            let mut tx = given.store().begin(latchkey_store::WritePriority::Normal).await.unwrap();
            let (locked, listed) = tokens::lock(&mut tx, token.id).await.unwrap().unwrap();
            assert_eq!(listed, []);
            let count: u32 = locked.description.parse().unwrap_or_default();
            let (name, description) = named("counter", &(count + 1).to_string());
            let edited = as_it_is(&locked, &name, &description);
            tokens::update(&mut tx, &locked, &locked.settings([]), &edited).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    join(add(), add()).await;
    assert_eq!(tokens::by_id(given.store(), token.id).await.unwrap().unwrap().description, "20");
    let mut tx = given.store().begin(latchkey_store::WritePriority::Normal).await.unwrap();
    assert_eq!(tokens::lock(&mut tx, TokenId(given.id())).await.unwrap(), None);
}

async fn secrets_find_their_token_through_rotations(given: &Given) {
    let (id, first) = given.try_token(&given.spec("deploy")).await.unwrap();
    let token = tokens::by_id(given.store(), id).await.unwrap().unwrap();
    assert_eq!(found(given, &first).await, Found { token: token.clone(), retired_until: None });
    let second = rotate(given, &token, Some(60)).await;
    let rotated = found(given, &second).await;
    assert_eq!((rotated.retired_until, rotated.token.overlap_until), (None, Some(NOW.plus_seconds(60))));
    assert_eq!(rotated.token.prefix, second.prefix().as_str());
    assert_eq!(found(given, &first).await.retired_until, Some(NOW.plus_seconds(60)));
    let third = rotate(given, &rotated.token, None).await;
    for (secret, until) in [(&first, Some(NOW)), (&second, Some(NOW)), (&third, None)] {
        let found = found(given, secret).await;
        assert_eq!((found.token.id, found.retired_until, found.token.overlap_until), (id, until, None));
    }
    assert_eq!(tokens::by_secret(given.store(), &given.secret(SecretKind::ApiToken).hash()).await.unwrap(), None);
    // What is revoked is revoked for each of its secrets.
    given.write(async |tx| tokens::revoke(tx, id, &revoked(NOW)).await).await;
    assert!(found(given, &first).await.token.revocation.is_some());
}

async fn only_the_current_secret_ends_an_overlap(given: &Given) {
    let (id, first) = given.try_token(&given.spec("deploy")).await.unwrap();
    let token = tokens::by_id(given.store(), id).await.unwrap().unwrap();
    let second = rotate(given, &token, Some(60)).await;
    let third = rotate(given, &token, Some(60)).await;
    let end = async |secret: &Secret| {
        let hash = secret.hash();
        given.write(async |tx| tokens::end_overlap(tx, id, &hash, NOW.plus_seconds(1)).await).await
    };
    // A request that was let in with the second secret while it was the current one comes late.
    assert!(!end(&second).await && !end(&first).await);
    assert_eq!(found(given, &second).await.retired_until, Some(NOW.plus_seconds(60)));
    assert!(end(&third).await);
    assert_eq!(found(given, &second).await.retired_until, Some(NOW.plus_seconds(1)));
    assert!(!end(&third).await, "it has ended");
}

async fn a_key_is_remembered_for_its_time(given: &Given) {
    let key = [7; 32];
    let first = StoredRequest { request: [1; 32], salt: [2; 32], object: Uuid::from_u128(1) };
    let second = StoredRequest { request: [3; 32], salt: [4; 32], object: Uuid::from_u128(2) };
    let insert = async |new: &StoredRequest, since, at| {
        given.try_write(async |tx| idempotency::insert(tx, &key, new, since, at).await).await
    };
    let get = async |since| idempotency::get(given.store(), &key, since).await.unwrap();
    insert(&first, NOW, NOW).await.unwrap();
    assert_eq!(get(NOW).await.as_ref(), Some(&first));
    assert_eq!(get(NOW.plus_seconds(1)).await, None, "its time is over");
    assert_eq!(conflict(insert(&second, NOW, NOW.plus_seconds(5)).await), Conflict::IdempotencyKey);
    insert(&second, NOW.plus_seconds(1), NOW.plus_seconds(5)).await.unwrap();
    assert_eq!(get(NOW).await.as_ref(), Some(&second));
    assert_eq!(idempotency::get(given.store(), &[8; 32], NOW).await.unwrap(), None);
    let remove = async |before| given.write(async |tx| idempotency::delete_old(tx, before, 10).await).await;
    assert_eq!(remove(NOW.plus_seconds(5)).await, 0);
    assert_eq!(remove(NOW.plus_seconds(6)).await, 1);
    assert_eq!(get(NOW).await, None);
}

async fn one_of_two_with_a_key_at_once_is_first(given: &Given) {
    for number in 0..10 {
        let new = StoredRequest { request: [1; 32], salt: [2; 32], object: given.id() };
        let insert = || given.try_write(async |tx| idempotency::insert(tx, &[number; 32], &new, NOW, NOW).await);
        let (a, b) = join(insert(), insert()).await;
        assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1);
        assert_eq!(conflict(if a.is_ok() { b } else { a }), Conflict::IdempotencyKey);
    }
}
