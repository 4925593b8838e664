//! Signing in, and what is accepted and refused.

use crate::common;
use std::sync::Arc;

use crate::common::{START, World, asked, origin, scoped};
use latchkey_domain::{Catalogue, RepositoryId, RepositoryName, Role, Secret, SecretKind, Signature, SignedRequest};
use latchkey_service::{
    AuthenticationError, Bearer, Browser, Clock, CreateToken, Error, ExpiresIn, PresentedCredential, Principal, Random,
    RootKey, Service, SessionId, Settings, SystemClock, SystemRandom,
};
use latchkey_store::repositories;

on_both_engines!(
    the_first_account_is_made_once,
    a_session_ends_by_idleness_by_age_and_by_signing_out,
    a_wrong_password_and_an_unknown_email_are_the_same,
    a_user_token_lives_for_a_day,
    refusals_say_why,
    a_token_reaches_its_repositories_only,
    last_use_survives_shutdown_and_never_goes_back,
    a_demo_is_filled_once,
    what_is_remembered_has_a_budget_in_bytes,
    a_clock_that_is_set_back_makes_no_nonce_good_again,
    nobody_knows_what_a_database_is_after_a_long_stop,
);

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";

async fn refusal(world: &World, bearer: &str) -> AuthenticationError {
    match common::authenticate(&world.service, bearer, &origin("198.51.100.9")).await {
        Err(Error::Unauthenticated(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn the_first_account_is_made_once(world: &World) {
    let origin = origin("203.0.113.7");
    let old = world.service.setup().new_link().await.unwrap().unwrap();
    let link = world.service.setup().new_link().await.unwrap().unwrap();
    assert!(!world.service.setup().is_link(old.reveal()).await.unwrap());
    assert!(world.service.setup().is_link(link.reveal()).await.unwrap());
    assert_eq!(
        common::fields(
            world
                .service
                .setup()
                .complete(&origin, Browser::default(), link.reveal(), "ada", "short")
                .await
                .unwrap_err()
        ),
        ["email", "password"]
    );
    let stale = world.service.setup().complete(&origin, Browser::default(), old.reveal(), EMAIL, PASSWORD).await;
    assert!(matches!(stale, Err(Error::NotFound(_))));
    let signed_in =
        world.service.setup().complete(&origin, Browser::default(), link.reveal(), EMAIL, PASSWORD).await.unwrap();
    assert!(signed_in.person.instance_admin);
    assert_eq!(world.service.sessions().person(signed_in.session).await.unwrap(), Some(signed_in.person));
    let again =
        world.service.setup().complete(&origin, Browser::default(), link.reveal(), "eve@example.com", PASSWORD).await;
    assert!(matches!(again, Err(Error::NotFound(_))));
    assert!(world.service.setup().new_link().await.unwrap().is_none());
    assert!(!world.service.setup().bootstrap("eve@example.com", PASSWORD).await.unwrap());
}

async fn a_session_ends_by_idleness_by_age_and_by_signing_out(world: &World) {
    world.service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
    let origin = origin("203.0.113.7");
    let sign_in =
        async || world.service.sessions().sign_in(&origin, Browser::default(), EMAIL, PASSWORD).await.unwrap().session;
    let live = async |session: &SessionId| world.service.sessions().person(*session).await.unwrap().is_some();

    let idle = sign_in().await;
    world.clock.advance_seconds(12 * 3_600 - 1);
    assert!(live(&idle).await);
    world.clock.advance_seconds(12 * 3_600 + 1);
    assert!(!live(&idle).await);

    let busy = sign_in().await;
    for _ in 0..20 {
        world.clock.advance_seconds(8 * 3_600);
        assert!(live(&busy).await);
    }
    world.clock.advance_seconds(8 * 3_600 + 1);
    assert!(!live(&busy).await, "7 days are the end, however busy");

    let (one, two) = (sign_in().await, sign_in().await);
    assert_ne!(one.reveal(), two.reveal());
    world.service.sessions().sign_out(&origin, one).await.unwrap();
    assert!(!live(&one).await && live(&two).await);
    world.service.maintenance().tidy().await.unwrap();
    assert!(live(&two).await);
    // What is stored can't be used: the hash is not the secret.
    assert_eq!(SessionId::parse("nonsense"), None);
}

async fn a_wrong_password_and_an_unknown_email_are_the_same(world: &World) {
    world.service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
    let answer = async |email: &str, password: &str| {
        world
            .service
            .sessions()
            .sign_in(&origin("203.0.113.7"), Browser::default(), email, password)
            .await
            .unwrap_err()
            .to_string()
    };
    let wrong = answer(EMAIL, "wrong").await;
    for (email, password) in [("eve@example.com", PASSWORD), ("not an email", "x"), (EMAIL, &"x".repeat(10_000))] {
        assert_eq!(answer(email, password).await, wrong);
    }
}

async fn a_user_token_lives_for_a_day(world: &World) {
    world.service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
    let from = origin("203.0.113.7");
    let made = world.service.authentication().log_in(&from, EMAIL, PASSWORD).await.unwrap();
    let principal = common::authenticate(&world.service, made.token.reveal(), &from).await.unwrap();
    assert!(matches!(principal, Principal::UserToken(person) if person.email == EMAIL));
    world.clock.advance_seconds(24 * 3_600);
    assert_eq!(refusal(world, made.token.reveal()).await, AuthenticationError::Expired);
    // A session's cookie is no bearer.
    let session = world.service.sessions().sign_in(&from, Browser::default(), EMAIL, PASSWORD).await.unwrap().session;
    assert_eq!(refusal(world, &session.reveal()).await, AuthenticationError::Malformed);
}

async fn refusals_say_why(world: &World) {
    let admin = world.admin().await;
    assert_eq!(refusal(world, "").await, AuthenticationError::Missing);
    assert_eq!(refusal(world, &"x".repeat(100_000)).await, AuthenticationError::Malformed);
    let unknown = Secret::generate(SecretKind::ApiToken, |bytes| bytes.fill(1));
    assert_eq!(refusal(world, unknown.reveal()).await, AuthenticationError::Unknown);
    let asked_for = CreateToken {
        expires: ExpiresIn::Days(1),
        allowed_networks: vec!["198.51.100.0/24".into()],
        ..asked("narrow")
    };
    let created = world.create(&admin, asked_for).await.unwrap();
    let secret = created.secret.reveal();
    let mut typo = secret.to_owned();
    typo.replace_range(10..11, if &secret[10..11] == "a" { "b" } else { "a" });
    assert_eq!(refusal(world, &typo).await, AuthenticationError::Checksum);
    let elsewhere = common::authenticate(&world.service, secret, &origin("203.0.113.7")).await;
    assert!(matches!(elsewhere, Err(Error::Unauthenticated(AuthenticationError::Network))));
    common::authenticate(&world.service, secret, &origin("198.51.100.9")).await.unwrap();
    world.clock.advance_days(1);
    assert_eq!(refusal(world, secret).await, AuthenticationError::Expired);
    world.service.tokens().revoke(&world.access(&admin).await, &created.detail.token.id.to_string()).await.unwrap();
    assert_eq!(refusal(world, secret).await, AuthenticationError::Revoked);
}

async fn a_token_reaches_its_repositories_only(world: &World) {
    let admin = world.admin().await;
    let narrow = CreateToken {
        all_repositories: false,
        repositories: vec!["acme/api".into()],
        ..scoped("narrow", &["repos:read", "repos:write"])
    };
    let caller = world.pipeline(&world.create(&admin, narrow).await.unwrap()).await;
    let (service, web) = (&world.service, world.repositories[1].to_string());
    let names =
        |page: latchkey_service::RepositoryPage| page.repositories.into_iter().map(|r| r.name).collect::<Vec<_>>();
    assert_eq!(
        names(service.repositories().list(&world.access(&caller).await, "", None, 50).await.unwrap()),
        ["acme/api"]
    );
    assert_eq!(
        names(service.repositories().list(&world.access(&caller).await, "acme", None, 50).await.unwrap()),
        ["acme/api"]
    );
    assert!(matches!(service.repositories().get(&world.access(&caller).await, &web).await, Err(Error::Forbidden(_))));
    assert!(matches!(
        service.repositories().delete(&world.access(&caller).await, &web).await,
        Err(Error::Forbidden(_))
    ));
    assert!(matches!(
        service.repositories().create(&world.access(&caller).await, "acme/new").await,
        Err(Error::Forbidden(_))
    ));
    // Deleting the last one leaves a token that reaches nothing, not one that reaches all.
    let admin_of_repositories = world.person(world.acme, Role::Admin).await;
    service.repositories().delete(&world.access(&admin_of_repositories).await, "acme/api").await.unwrap();
    assert_eq!(
        names(service.repositories().list(&world.access(&caller).await, "", None, 50).await.unwrap()),
        Vec::<String>::new()
    );
}

async fn last_use_survives_shutdown_and_never_goes_back(world: &World) {
    let admin = world.admin().await;
    let created = world.create(&admin, asked("CI")).await.unwrap();
    let id = created.detail.token.id.to_string();
    let other = world.replica();
    world.clock.advance_seconds(10);
    common::authenticate(&other, created.secret.reveal(), &origin("198.51.100.1")).await.unwrap();
    world.clock.advance_seconds(10);
    common::authenticate(&world.service, created.secret.reveal(), &origin("198.51.100.2")).await.unwrap();
    assert_eq!(world.service.maintenance().waiting_uses(), 1);
    world.service.maintenance().flush_uses().await.unwrap();
    other.maintenance().flush_uses().await.unwrap();
    let token = world.replica().tokens().get(&world.access(&admin).await, &id).await.unwrap().token;
    let last = token.last_use.unwrap();
    assert_eq!(last.at, START.plus_seconds(20));
    assert_eq!(last.address, Some("198.51.100.2".parse().unwrap()));
}

async fn a_demo_is_filled_once(world: &World) {
    // The organization of the demo is `acme`, which this world has: filling fails whole and leaves nothing.
    assert!(world.service.setup().fill_demo().await.is_err());
    assert!(world.service.setup().is_pending().await.unwrap());
    world.service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
    assert!(world.service.setup().fill_demo().await.unwrap().is_none());
}

/// Tokens with long lists are heavy; one that is too heavy for its place is read each time.
async fn what_is_remembered_has_a_budget_in_bytes(world: &World) {
    let admin = world.admin().await;
    let mut tx = world.store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    let mut ids = Vec::new();
    for at in 0..500 {
        let (id, name) = (RepositoryId(SystemRandom.id(START)), format!("acme/{}-{at}", "long".repeat(20)));
        repositories::insert(&mut tx, id, world.acme, &RepositoryName::new(&name).unwrap(), START).await.unwrap();
        ids.push(id.to_string());
    }
    tx.commit().await.unwrap();
    let mut secrets = Vec::new();
    for at in 0..30 {
        let asked = CreateToken { all_repositories: false, repositories: ids.clone(), ..asked(&format!("heavy {at}")) };
        secrets.push(world.create(&admin, asked).await.unwrap().secret);
    }
    for memory in [8 * 1024, 256 * 1024] {
        let key = RootKey::new(&[7; 32]).unwrap();
        let settings = Settings { memory, ..Settings::default() };
        let (catalogue, clock) = (Catalogue::built_in(), world.clock.clone());
        let random = Arc::new(SystemRandom);
        let service = Service::with_settings(world.store.clone(), catalogue, clock, random, key, settings);
        for secret in secrets.iter().chain(&secrets) {
            let Principal::ApiToken(token) =
                common::authenticate(&service, secret.reveal(), &origin("192.0.2.7")).await.unwrap()
            else {
                panic!("an API token");
            };
            assert_eq!(token.repositories.len(), 500);
            assert!(
                service.health().stats().cache_bytes <= memory,
                "{} of {memory}",
                service.health().stats().cache_bytes
            );
        }
        for _ in 0..3_000 {
            let nobody = Secret::generate(SecretKind::ApiToken, |bytes| SystemRandom.fill(bytes));
            let refused = common::authenticate(&service, nobody.reveal(), &origin("192.0.2.7")).await;
            assert!(matches!(refused, Err(Error::Unauthenticated(AuthenticationError::Unknown))));
        }
        assert!(service.health().stats().cache_bytes <= memory);
        assert_eq!(service.health().stats().cached_tokens > 0, memory > 100 * 1024, "one has 8 KB");
    }
}

async fn present(service: &Service, secret: &Secret, signature: &Signature) -> Result<(), Error> {
    let (request, origin) = (signed_request(), origin("192.0.2.7"));
    let presented = PresentedCredential {
        bearer: &Bearer::parse(secret.reveal()),
        origin: &origin,
        signature: Some((signature, request)),
    };
    service.authentication().authenticate(&presented).await.map(drop)
}

fn signed_request() -> SignedRequest<'static> {
    SignedRequest { method: "GET", target: "/api/repos", body_hash: SignedRequest::NO_BODY }
}

fn sign(world: &World, secret: &Secret, seconds: i64, nonce: &str) -> Signature {
    Signature::sign(secret, &signed_request(), world.clock.now().plus_seconds(seconds), nonce)
}

fn is_lost(result: Result<(), Error>) -> bool {
    matches!(result, Err(Error::NoncesLost { .. }))
}

/// SQLite's file has the time of the machine.
fn set_to_the_machine(world: &World) {
    world.clock.advance_seconds((SystemClock.now().micros() - world.clock.now().micros()) / 1_000_000);
}

async fn a_clock_that_is_set_back_makes_no_nonce_good_again(world: &World) {
    set_to_the_machine(world);
    let secret = world.create(&world.admin().await, asked("signer")).await.unwrap().secret;
    let used = sign(world, &secret, 0, "used");
    present(&world.service, &secret, &used).await.unwrap();
    world.clock.advance_seconds(3_600);
    world.service.maintenance().forget_nonces().await.unwrap();
    world.clock.advance_seconds(-3_600);
    let other = world.replica();
    assert!(is_lost(present(&other, &secret, &used).await), "its nonce is deleted");
    assert!(is_lost(present(&other, &secret, &sign(world, &secret, 0, "now")).await));
    world.clock.advance_seconds(4);
    present(&other, &secret, &sign(world, &secret, 0, "later")).await.unwrap();
    assert!(is_lost(present(&other, &secret, &used).await));
    // Within their time, nonces stay.
    world.clock.advance_seconds(290);
    world.service.maintenance().forget_nonces().await.unwrap();
    let replayed = present(&other, &secret, &sign(world, &secret, -290, "later")).await;
    assert!(matches!(replayed, Err(Error::Unauthenticated(AuthenticationError::Replayed))), "{replayed:?}");
}

async fn nobody_knows_what_a_database_is_after_a_long_stop(world: &World) {
    set_to_the_machine(world);
    let secret = world.create(&world.admin().await, asked("signer")).await.unwrap().secret;
    let used = sign(world, &secret, 290, "ahead");
    present(&world.service, &secret, &used).await.unwrap();
    for (pause, lost) in [(15, false), (16, true)] {
        world.service.maintenance().confirm_nonces().await.unwrap();
        world.clock.advance_seconds(pause);
        let next = world.replica();
        let fresh = sign(world, &secret, 0, &format!("fresh {pause}"));
        let (again, new) = (present(&next, &secret, &used).await, present(&next, &secret, &fresh).await);
        if lost {
            assert!(again.is_err() && is_lost(new));
            world.clock.advance_seconds(303);
            present(&next, &secret, &sign(world, &secret, 0, "at last")).await.unwrap();
        } else {
            assert!(matches!(again, Err(Error::Unauthenticated(AuthenticationError::Replayed))), "{again:?}");
            new.unwrap();
        }
    }
}
