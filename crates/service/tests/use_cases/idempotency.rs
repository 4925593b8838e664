//! The same request twice under one key.

use std::sync::Arc;

use crate::common::people::{membership, outcome};
use crate::common::{World, asked, listing, scoped};
use latchkey_domain::{Catalogue, Role};
use latchkey_service::{
    CreateToken, CreatedToken, EditToken, Error, IdempotentRequest, PreconditionError, RootKey, RotateToken, Service,
    Settings, StateFilter, SystemRandom,
};

on_both_engines!(
    a_creation_sent_again_answers_the_same,
    two_at_once_make_one_token,
    a_key_is_its_callers_and_its_requests,
    a_key_is_over_after_a_day,
    a_rotation_sent_again_answers_the_same,
    what_failed_is_not_remembered,
    a_rotated_root_key_still_answers,
    a_repository_is_added_once,
    nothing_is_answered_again_to_who_may_it_no_more,
);

fn once(key: &str, content: &str) -> Option<IdempotentRequest> {
    Some(IdempotentRequest::new(key, content.as_bytes()).unwrap())
}

fn keyed(key: &str, name: &str) -> CreateToken {
    CreateToken { idempotency: once(key, name), ..asked(name) }
}

fn same(a: &CreatedToken, b: &CreatedToken) -> bool {
    a.detail.token.id == b.detail.token.id && a.secret.reveal() == b.secret.reveal()
}

async fn count(world: &World) -> usize {
    let admin = world.admin().await;
    world.service.tokens().list(&world.access(&admin).await, listing(StateFilter::All)).await.unwrap().tokens.len()
}

fn replica(world: &World, keys: &[[u8; 32]]) -> Service {
    let key = RootKey::new(&keys.concat()).unwrap();
    let random = Arc::new(SystemRandom);
    Service::with_settings(
        world.store.clone(),
        Catalogue::built_in(),
        world.clock.clone(),
        random,
        key,
        Settings::default(),
    )
}

/// The answer to a creation carries its secret, so it is for who could create the token now.
async fn nothing_is_answered_again_to_who_may_it_no_more(world: &World) {
    let (service, owner) = (&world.service, world.person(world.acme, Role::Owner).await);
    let admin = world.admin().await;
    let own = membership(world, "acme", &admin).await;
    let made = world.create(&admin, keyed("k1", "CI")).await.unwrap().detail.token.id.to_string();
    let rotate = || RotateToken { idempotency: once("k2", "rotate"), ..RotateToken::default() };
    service.tokens().rotate(&world.access(&admin).await, &made, rotate()).await.unwrap();
    world.create(&admin, keyed("k3", "Other")).await.unwrap();
    let add = async || {
        let once = once("k4", "add");
        service.repositories().create_idempotent(&world.access(&admin).await, "acme/new", once.as_ref()).await
    };
    add().await.unwrap();
    for role in [Role::Member, Role::Viewer] {
        service.members().set_role(&world.access(&owner).await, &own, role).await.unwrap();
        assert_eq!(outcome(world.create(&admin, keyed("k3", "Other")).await), "forbidden", "{role:?}");
        assert_eq!(
            outcome(service.tokens().rotate(&world.access(&admin).await, &made, rotate()).await),
            "forbidden",
            "{role:?}"
        );
        assert_eq!(outcome(add().await), "forbidden", "{role:?}");
    }
    service.members().set_role(&world.access(&owner).await, &own, Role::Admin).await.unwrap();
    world.create(&admin, keyed("k3", "Other")).await.unwrap();

    // A token that was narrowed gets nothing that is wider than itself; nor does one when what it made was widened.
    let maker = scoped("maker", &["tokens:manage", "scans:read", "repos:read"]);
    let maker = world.create(&admin, maker).await.unwrap();
    let caller = world.pipeline(&maker).await;
    let lesser =
        world.create(&caller, CreateToken { idempotency: once("k5", "x"), ..scoped("lesser", &["scans:read"]) }).await;
    let (lesser, id) = (lesser.unwrap().detail.token.id.to_string(), maker.detail.token.id.to_string());
    let scopes = |scopes: &[&str]| EditToken {
        scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
        ..EditToken::default()
    };
    let again = async || {
        let asked = CreateToken { idempotency: once("k5", "x"), ..scoped("lesser", &["scans:read"]) };
        outcome(world.create(&world.pipeline(&maker).await, asked).await)
    };
    assert_eq!(again().await, "ok");
    service.tokens().edit(&world.access(&owner).await, &lesser, scopes(&["scans:read", "drifts:read"])).await.unwrap();
    assert_eq!(again().await, "forbidden");
    service.tokens().edit(&world.access(&owner).await, &lesser, scopes(&["scans:read"])).await.unwrap();
    assert_eq!(again().await, "ok");
    service.tokens().edit(&world.access(&owner).await, &id, scopes(&["tokens:manage"])).await.unwrap();
    assert_eq!(again().await, "forbidden");
}

async fn a_creation_sent_again_answers_the_same(world: &World) {
    let admin = world.admin().await;
    let first = world.create(&admin, keyed("k1", "CI")).await.unwrap();
    world.pipeline(&first).await;
    let again = world.create(&admin, keyed("k1", "CI")).await.unwrap();
    assert!(same(&first, &again));
    assert_eq!((count(world).await, world.events("token.created").await), (1, 1));
    assert_eq!(world.events("token.answer_repeated").await, 1);
    // Another request under the key is refused, and makes nothing.
    let other = world.create(&admin, keyed("k1", "Other")).await;
    assert!(matches!(other, Err(Error::Precondition(PreconditionError::KeyReused))), "{other:?}");
    // Once the secret is no longer the token's, it is not told again.
    let id = first.detail.token.id.to_string();
    world.service.tokens().rotate(&world.access(&admin).await, &id, RotateToken::default()).await.unwrap();
    assert!(matches!(
        world.create(&admin, keyed("k1", "CI")).await,
        Err(Error::Precondition(PreconditionError::Spent))
    ));
    assert_eq!(count(world).await, 1);
}

async fn two_at_once_make_one_token(world: &World) {
    let admin = world.admin().await;
    let (one, two) = (replica(world, &[[5; 32]]), replica(world, &[[5; 32]]));
    for round in 0..10 {
        let form = keyed(&format!("k{round}"), &format!("CI {round}"));
        let access = world.access(&admin).await;
        let (a, b, c) = tokio::join!(
            one.tokens().create(&access, form.clone()),
            two.tokens().create(&access, form.clone()),
            one.tokens().create(&access, form.clone()),
        );
        let made: Vec<_> = [&a, &b, &c].into_iter().filter_map(|result| result.as_ref().ok()).collect();
        assert!(!made.is_empty() && made.iter().all(|other| same(made[0], other)));
        for refused in [&a, &b, &c].into_iter().filter_map(|result| result.as_ref().err()) {
            assert!(matches!(refused, Error::Precondition(PreconditionError::RequestInProgress)), "{refused:?}");
        }
        assert_eq!(count(world).await, round + 1);
    }
}

async fn a_key_is_its_callers_and_its_requests(world: &World) {
    let (one, two) = (world.admin().await, world.admin().await);
    let first = world.create(&one, keyed("k", "one")).await.unwrap();
    // Somebody else's request under the same key is another request: it must not get this secret.
    let theirs = CreateToken { idempotency: once("k", "one"), ..asked("two") };
    let second = world.create(&two, theirs).await.unwrap();
    assert!(!same(&first, &second));
    // Nor does the key of a creation mean anything to a rotation.
    let id = first.detail.token.id.to_string();
    let rotation = RotateToken { idempotency: once("k", "one"), ..RotateToken::default() };
    let rotated = world.service.tokens().rotate(&world.access(&one).await, &id, rotation).await.unwrap();
    assert_ne!(rotated.secret.reveal(), first.secret.reveal());
    // Whoever may no longer create is not answered again either.
    let made = world.create(&one, scoped("maker", &["tokens:manage", "scans:read", "repos:read"])).await.unwrap();
    world.create(&world.pipeline(&made).await, keyed("k", "three")).await.unwrap();
    let narrowed = EditToken { scopes: Some(vec!["repos:read".into()]), ..EditToken::default() };
    world.service.tokens().edit(&world.access(&one).await, &made.detail.token.id.to_string(), narrowed).await.unwrap();
    let refused = world.create(&world.pipeline(&made).await, keyed("k", "three")).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
}

async fn a_key_is_over_after_a_day(world: &World) {
    let admin = world.admin().await;
    let first = world.create(&admin, keyed("k", "CI")).await.unwrap();
    world.clock.advance_seconds(86_400);
    assert!(same(&first, &world.create(&admin, keyed("k", "CI")).await.unwrap()));
    world.clock.advance_seconds(1);
    assert!(matches!(world.create(&admin, keyed("k", "CI")).await, Err(Error::Conflict(_))), "a new request by now");
    let second = world.create(&admin, keyed("k", "Second")).await.unwrap();
    assert_ne!(second.secret.reveal(), first.secret.reveal());
    world.clock.advance_days(2);
    world.service.maintenance().tidy().await.unwrap();
    let third = world.create(&admin, keyed("k", "Third")).await.unwrap();
    assert_ne!(third.secret.reveal(), second.secret.reveal());
}

async fn a_rotation_sent_again_answers_the_same(world: &World) {
    let admin = world.admin().await;
    let created = world.create(&admin, asked("CI")).await.unwrap();
    let id = created.detail.token.id.to_string();
    let asked = RotateToken {
        overlap: Some("1h".into()),
        expected: Some(vec![created.detail.version()]),
        idempotency: once("k", "rotate"),
    };
    let first = world.service.tokens().rotate(&world.access(&admin).await, &id, asked.clone()).await.unwrap();
    // The version is another by now, because of this very request.
    let again = world.service.tokens().rotate(&world.access(&admin).await, &id, asked.clone()).await.unwrap();
    assert!(same(&first, &again));
    assert_eq!(world.events("token.rotated").await, 1);
    world.pipeline(&created).await;
    let next = RotateToken { idempotency: once("k2", "rotate"), ..RotateToken::default() };
    world.service.tokens().rotate(&world.access(&admin).await, &id, next).await.unwrap();
    let late = world.service.tokens().rotate(&world.access(&admin).await, &id, asked).await;
    assert!(matches!(late, Err(Error::Precondition(PreconditionError::Spent))), "{late:?}");
}

async fn what_failed_is_not_remembered(world: &World) {
    let admin = world.admin().await;
    let taken = world.create(&admin, asked("CI")).await.unwrap();
    assert!(matches!(world.create(&admin, keyed("k", "CI")).await, Err(Error::Conflict(_))));
    world.service.tokens().revoke(&world.access(&admin).await, &taken.detail.token.id.to_string()).await.unwrap();
    world.create(&admin, keyed("k", "CI")).await.unwrap();
}

async fn a_rotated_root_key_still_answers(world: &World) {
    let admin = world.admin().await;
    let before = replica(world, &[[1; 32]]);
    let first = before.tokens().create(&world.access(&admin).await, keyed("k", "CI")).await.unwrap();
    let rotated = replica(world, &[[2; 32], [1; 32]]);
    assert!(same(&first, &rotated.tokens().create(&world.access(&admin).await, keyed("k", "CI")).await.unwrap()));
    // Without the old key the secret can't be told again; no other one is told in its place.
    let forgotten = replica(world, &[[2; 32]]);
    let refused = forgotten.tokens().create(&world.access(&admin).await, keyed("k", "CI")).await;
    assert!(matches!(refused, Err(Error::Precondition(PreconditionError::Spent))), "{refused:?}");
    // Nor does who reads the database find anything that another key would open.
    assert_eq!(count(world).await, 1);
}

async fn a_repository_is_added_once(world: &World) {
    let admin = world.admin().await;
    let add = async |name: &str, key: &str| {
        let once = IdempotentRequest::new(key, name.as_bytes()).unwrap();
        world.service.repositories().create_idempotent(&world.access(&admin).await, name, Some(&once)).await
    };
    let first = add("acme/new", "k").await.unwrap();
    assert_eq!(add("acme/new", "k").await.unwrap(), first);
    assert_eq!(world.events("repository.created").await, 1);
    assert!(matches!(add("acme/other", "k").await, Err(Error::Precondition(PreconditionError::KeyReused))));
    assert!(matches!(add("acme/new", "k2").await, Err(Error::Conflict(_))), "another key is another request");
    world.service.repositories().delete(&world.access(&admin).await, &first.id.to_string()).await.unwrap();
    assert!(matches!(add("acme/new", "k").await, Err(Error::Precondition(PreconditionError::Spent))));
}
