//! Creating, reading and revoking tokens.

use futures::future::join;
use latchkey_domain::{
    AllowedNetworks, Description, Level, RepositoryAccess, RepositoryId, RevocationReason, Scope, ScopeSet, SecretKind,
    TokenId, TokenName, TokenSettings,
};
use latchkey_store::{
    Conflict, StoreError,
    tokens::{self, Actor, Filter, NewToken, Revocation, Token, Use},
};
use uuid::Uuid;

use crate::{
    changes::newest,
    database::on_both_engines,
    given::{Given, NOW, ada, conflict, revoked},
    model::everything,
};

on_both_engines!(
    what_is_written_is_read,
    names_are_unique_in_any_case_until_revoked,
    one_of_two_at_once_gets_the_name,
    a_creation_key_makes_one_token,
    a_secret_finds_its_token,
    repositories_come_by_name,
    a_token_is_revoked_once,
    one_of_two_revocations_at_once_wins,
    many_are_revoked_in_one_statement,
    without_a_commit_nothing_is_left,
    an_unknown_repository_is_an_error,
);

async fn what_is_written_is_read(given: &Given) {
    let secret = given.secret(SecretKind::ApiToken);
    let (a, b) = (given.repository(given.acme, "acme/b").await, given.repository(given.acme, "acme/a").await);
    let networks = AllowedNetworks::new(["192.0.2.0/24", "2001:db8::/32"]).unwrap();
    let scopes = ScopeSet::new(["scans:read", "repos:read"].map(Scope::stored)).unwrap();
    let expected = Token {
        id: TokenId(given.id()),
        name: "Déploiement".into(),
        name_key: "déploiement".into(),
        description: "Two\nlines".into(),
        level: Level::Project(given.acme, given.project),
        organization_name: "acme".into(),
        project_name: "web".into(),
        scopes: scopes.clone(),
        all_repositories: false,
        repository_count: 2,
        prefix: secret.prefix().as_str().into(),
        require_signing: true,
        allowed_networks: networks.clone(),
        created_at: NOW,
        created_by: Actor { kind: "api_token", id: Some(given.id()), name: "nul \u{fffd} inside".into() },
        expires_at: Some(NOW.plus_days(30)),
        revocation: None,
        overlap_until: None,
        last_use: None,
    };
    let new = NewToken {
        id: expected.id,
        level: expected.level,
        settings: &TokenSettings {
            name: TokenName::new(&expected.name).unwrap(),
            description: Description::new(&expected.description).unwrap(),
            scopes: scopes.clone(),
            repositories: RepositoryAccess::new(false, [a, b]).unwrap(),
            expires_at: expected.expires_at,
            allowed_networks: networks.clone(),
            require_signing: true,
        },
        hash: &secret.hash(),
        prefix: &secret.prefix(),
        created_at: expected.created_at,
        created_by: &Actor { name: "nul \0 inside".into(), ..expected.created_by.clone() },
        creation_key: None,
    };
    given.write(async |tx| tokens::insert(tx, &new).await).await;
    assert_eq!(tokens::by_id(given.store(), expected.id).await.unwrap(), Some(expected.clone()));

    let address = "2001:db8::7".parse().unwrap();
    let last = Use { at: NOW.plus_seconds(1), address: Some(address), user_agent: "x".repeat(10_000) };
    given.write(async |tx| tokens::record_uses(tx, &[(expected.id, last.clone())]).await).await;
    let revocation = Revocation {
        at: NOW.plus_seconds(2),
        by: Actor { kind: "system", id: None, name: "auto-revoke".into() },
        reason: RevocationReason::Leaked,
    };
    let returned = given.write(async |tx| tokens::revoke(tx, expected.id, &revocation).await).await;
    let expected = Token { last_use: Some(last), revocation: Some(revocation), ..expected };
    assert_eq!(returned, Some(expected.clone()));
    assert_eq!(tokens::by_ids(given.store(), &[TokenId(given.id()), expected.id]).await.unwrap(), [expected]);
}

async fn names_are_unique_in_any_case_until_revoked(given: &Given) {
    let first = given.token(&given.spec("Déploiement")).await;
    let again = given.spec("DÉPLOIEMENT");
    assert_eq!(conflict(given.try_token(&again).await), Conflict::TokenName);

    // Other owners have names of their own.
    for level in [Level::Instance, Level::Organization(given.other), Level::Project(given.acme, given.project)] {
        let mut spec = again.clone();
        spec.level = level;
        given.token(&spec).await;
        assert_eq!(conflict(given.try_token(&spec).await), Conflict::TokenName);
    }

    given.write(async |tx| tokens::revoke(tx, first.id, &revoked(NOW)).await).await;
    let second = given.token(&again).await;
    given.write(async |tx| tokens::revoke(tx, second.id, &revoked(NOW)).await).await;
    // Expired is not revoked.
    let mut expired = again.clone();
    expired.expires_at = Some(NOW.plus_days(-1));
    given.token(&expired).await;
    assert_eq!(conflict(given.try_token(&again).await), Conflict::TokenName);
}

async fn one_of_two_at_once_gets_the_name(given: &Given) {
    for number in 0..10 {
        let spec = given.spec(&format!("name {number}"));
        let (a, b) = join(given.try_token(&spec), given.try_token(&spec)).await;
        assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1);
        assert_eq!(conflict(if a.is_ok() { b } else { a }), Conflict::TokenName);
    }
}

async fn a_creation_key_makes_one_token(given: &Given) {
    let key = Uuid::from_u128(77);
    let mut spec = given.spec("first");
    spec.creation_key = Some(key);
    let first = given.token(&spec).await;
    spec.name = "second".into();
    assert_eq!(conflict(given.try_token(&spec).await), Conflict::CreationKey);
    // Somebody else's key is another key.
    spec.creator = Actor { id: Some(Uuid::from_u128(2)), ..ada() };
    let second = given.token(&spec).await;

    // The same form twice, one after the other and at once: the name is taken, too, but by the same token.
    for number in 0..10 {
        let mut spec = given.spec(&format!("form {number}"));
        spec.creation_key = Some(given.id());
        let (a, b) = join(given.try_token(&spec), given.try_token(&spec)).await;
        assert_eq!(conflict(if a.is_ok() { b } else { a }), Conflict::CreationKey);
        assert_eq!(conflict(given.try_token(&spec).await), Conflict::CreationKey);
    }

    let made = async |creator: u128, key| {
        tokens::by_creation_key(given.store(), Uuid::from_u128(creator), key).await.unwrap().map(|token| token.id)
    };
    assert_eq!(made(1, key).await, Some(first.id));
    assert_eq!(made(2, key).await, Some(second.id));
    assert_eq!(made(3, key).await, None);
    assert_eq!(made(1, Uuid::from_u128(78)).await, None);
}

async fn a_secret_finds_its_token(given: &Given) {
    let (instance, of_instance) = {
        let mut spec = given.spec("instance");
        spec.level = Level::Instance;
        given.try_token(&spec).await.unwrap()
    };
    let (id, secret) = given.try_token(&given.spec("organization")).await.unwrap();
    let found = async |secret: &latchkey_domain::Secret| tokens::by_hash(given.store(), &secret.hash()).await.unwrap();

    let token = found(&secret).await.unwrap();
    assert_eq!((token.id, &*token.organization_name, &*token.project_name), (id, "acme", ""));
    let token = found(&of_instance).await.unwrap();
    assert_eq!((token.id, &*token.organization_name, token.level), (instance, "", Level::Instance));
    assert_eq!(found(&given.secret(SecretKind::ApiToken)).await, None);

    // From the moment that the revocation is committed.
    given.write(async |tx| tokens::revoke(tx, id, &revoked(NOW)).await).await;
    assert_eq!(found(&secret).await.unwrap().revocation, Some(revoked(NOW)));
}

async fn repositories_come_by_name(given: &Given) {
    let mut ids = Vec::new();
    for name in ["acme/c", "acme/a", "acme/B"] {
        ids.push(given.repository(given.acme, name).await);
    }
    let mut spec = given.spec("some");
    spec.repositories = ids.clone();
    let some = given.token(&spec).await;
    let all = given.token(&given.spec("all")).await;
    let named = |number: usize, name: &str| (ids[number], name.to_owned());
    let expected = [named(2, "acme/B"), named(1, "acme/a"), named(0, "acme/c")];
    assert_eq!((some.repository_count, some.all_repositories), (3, false));
    assert_eq!((all.repository_count, all.all_repositories), (0, true));
    assert_eq!(tokens::repositories(given.store(), some.id).await.unwrap(), expected);
    assert_eq!(tokens::repositories(given.store(), all.id).await.unwrap(), []);
    let of_page = tokens::repositories_of(given.store(), &[all.id, some.id]).await.unwrap();
    assert_eq!(of_page, expected.map(|(repository, name)| (some.id, repository, name)));
}

async fn a_token_is_revoked_once(given: &Given) {
    let token = given.token(&given.spec("deploy")).await;
    let first = given.write(async |tx| tokens::revoke(tx, token.id, &revoked(NOW)).await).await;
    let later = revoked(NOW.plus_seconds(1));
    let second = given.write(async |tx| tokens::revoke(tx, token.id, &later).await).await;
    assert_eq!(first, Some(Token { revocation: Some(revoked(NOW)), ..token }));
    assert_eq!(second, None);
    assert_eq!(tokens::by_id(given.store(), first.as_ref().unwrap().id).await.unwrap(), first);
    assert_eq!(given.write(async |tx| tokens::revoke(tx, TokenId(given.id()), &later).await).await, None);
}

async fn one_of_two_revocations_at_once_wins(given: &Given) {
    for number in 0..10 {
        let token = given.token(&given.spec(&format!("token {number}"))).await;
        let revoke = || given.write(async |tx| tokens::revoke(tx, token.id, &revoked(NOW)).await);
        let (a, b) = join(revoke(), revoke()).await;
        assert_eq!(usize::from(a.is_some()) + usize::from(b.is_some()), 1);
    }
}

async fn without_a_commit_nothing_is_left(given: &Given) {
    let repository = given.repository(given.acme, "acme/api").await;
    let kept = given.token(&given.spec("kept")).await;
    let mut spec = given.spec("dropped");
    spec.repositories = vec![repository];
    let secret = {
        let mut tx = given.store().begin(latchkey_store::WritePriority::Normal).await.unwrap();
        let (_, secret) = given.insert(&mut tx, &spec).await.unwrap();
        assert!(tokens::revoke(&mut tx, kept.id, &revoked(NOW)).await.unwrap().is_some());
        secret
    };
    assert_eq!(tokens::by_hash(given.store(), &secret.hash()).await.unwrap(), None);
    assert_eq!(tokens::by_id(given.store(), kept.id).await.unwrap(), Some(kept));
    let search = Filter { terms: Some(vec!["dropped".into()]), ..everything(given) };
    assert_eq!(tokens::count(given.store(), &search, NOW).await.unwrap(), 0);
    // The name is free, and so is SQLite's writer.
    given.token(&spec).await;
    assert_eq!(tokens::count(given.store(), &search, NOW).await.unwrap(), 1);
}

async fn an_unknown_repository_is_an_error(given: &Given) {
    let mut spec = given.spec("deploy");
    spec.repositories = vec![RepositoryId(given.id())];
    assert!(matches!(given.try_token(&spec).await, Err(StoreError::Database(_))));
}

async fn many_are_revoked_in_one_statement(given: &Given) {
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(given.token(&given.spec(&format!("token {number}"))).await.id);
    }
    let untouched = given.token(&given.spec("untouched")).await;
    let earlier = revoked(NOW.plus_days(-1));
    given.write(async |tx| tokens::revoke(tx, ids[1], &earlier).await).await;
    let before = newest(given.store()).await;
    let asked = [ids[2], TokenId(given.id()), ids[1], ids[0], ids[2]];
    let done = given.write(async |tx| tokens::revoke_many(tx, &asked, &revoked(NOW)).await).await;
    assert_eq!(done, [(ids[0], "token 0".to_owned()), (ids[2], "token 2".to_owned())]);
    assert_eq!(newest(given.store()).await.number, before.number + 2, "replicas are told of each");
    let read = async |id| tokens::by_id(given.store(), id).await.unwrap().unwrap();
    for id in [ids[0], ids[2]] {
        assert_eq!(read(id).await.revocation, Some(revoked(NOW)));
    }
    assert_eq!(read(ids[1]).await.revocation, Some(earlier), "what was revoked before stays as it was");
    assert_eq!(read(untouched.id).await, untouched);
    assert!(given.write(async |tx| tokens::revoke_many(tx, &asked, &revoked(NOW)).await).await.is_empty());
}
