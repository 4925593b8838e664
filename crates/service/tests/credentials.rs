//! Signing in, and what is accepted and refused.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{World, asked, origin, scoped};
use latchkey_domain::{Role, Secret, SecretKind};
use latchkey_service::{Browser, CreateToken, Error, ExpiresIn, Principal, Refusal};

on_both_engines!(
    the_first_account_is_made_once,
    a_session_ends_by_idleness_by_age_and_by_signing_out,
    a_wrong_password_and_an_unknown_email_are_the_same,
    a_user_token_lives_for_a_day,
    refusals_say_why,
    a_token_reaches_its_repositories_only,
    last_use_survives_shutdown_and_never_goes_back,
    a_demo_is_filled_once,
);

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";

async fn refusal(world: &World, bearer: &str) -> Refusal {
    match world.service.authenticate(bearer, &origin("198.51.100.9")).await {
        Err(Error::Unauthenticated(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn the_first_account_is_made_once(world: &World) {
    let origin = origin("203.0.113.7");
    let old = world.service.setup_link().await.unwrap().unwrap();
    let link = world.service.setup_link().await.unwrap().unwrap();
    assert!(!world.service.is_setup_link(old.reveal()).await.unwrap());
    assert!(world.service.is_setup_link(link.reveal()).await.unwrap());
    assert_eq!(
        common::fields(
            world.service.set_up(&origin, Browser::default(), link.reveal(), "ada", "short").await.unwrap_err()
        ),
        ["email", "password"]
    );
    let stale = world.service.set_up(&origin, Browser::default(), old.reveal(), EMAIL, PASSWORD).await;
    assert!(matches!(stale, Err(Error::NotFound(_))));
    let signed_in = world.service.set_up(&origin, Browser::default(), link.reveal(), EMAIL, PASSWORD).await.unwrap();
    assert!(signed_in.person.instance_admin);
    assert_eq!(world.service.session(signed_in.session.reveal()).await.unwrap(), Some(signed_in.person));
    let again = world.service.set_up(&origin, Browser::default(), link.reveal(), "eve@example.com", PASSWORD).await;
    assert!(matches!(again, Err(Error::NotFound(_))));
    assert!(world.service.setup_link().await.unwrap().is_none());
    assert!(!world.service.bootstrap("eve@example.com", PASSWORD).await.unwrap());
}

async fn a_session_ends_by_idleness_by_age_and_by_signing_out(world: &World) {
    world.service.bootstrap(EMAIL, PASSWORD).await.unwrap();
    let origin = origin("203.0.113.7");
    let sign_in = async || world.service.sign_in(&origin, Browser::default(), EMAIL, PASSWORD).await.unwrap().session;
    let live = async |session: &Secret| world.service.session(session.reveal()).await.unwrap().is_some();

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
    world.service.sign_out(&origin, one.reveal()).await.unwrap();
    assert!(!live(&one).await && live(&two).await);
    world.service.tidy().await.unwrap();
    assert!(live(&two).await);
    // What is stored can't be used: the hash is not the secret.
    assert!(world.service.session("nonsense").await.unwrap().is_none());
}

async fn a_wrong_password_and_an_unknown_email_are_the_same(world: &World) {
    world.service.bootstrap(EMAIL, PASSWORD).await.unwrap();
    let answer = async |email: &str, password: &str| {
        world
            .service
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
    world.service.bootstrap(EMAIL, PASSWORD).await.unwrap();
    let from = origin("203.0.113.7");
    let made = world.service.log_in(&from, EMAIL, PASSWORD).await.unwrap();
    let principal = world.service.authenticate(made.token.reveal(), &from).await.unwrap();
    assert!(matches!(principal, Principal::UserToken(person) if person.email == EMAIL));
    world.clock.advance_seconds(24 * 3_600);
    assert_eq!(refusal(world, made.token.reveal()).await, Refusal::Expired);
    // A session's cookie is no bearer.
    let session = world.service.sign_in(&from, Browser::default(), EMAIL, PASSWORD).await.unwrap().session;
    assert_eq!(refusal(world, session.reveal()).await, Refusal::Malformed);
}

async fn refusals_say_why(world: &World) {
    let admin = world.admin().await;
    assert_eq!(refusal(world, "").await, Refusal::Missing);
    assert_eq!(refusal(world, &"x".repeat(100_000)).await, Refusal::Malformed);
    let unknown = Secret::generate(SecretKind::ApiToken, |bytes| bytes.fill(1));
    assert_eq!(refusal(world, unknown.reveal()).await, Refusal::Unknown);
    let asked_for = CreateToken {
        expires: ExpiresIn::Days(1),
        allowed_networks: vec!["198.51.100.0/24".into()],
        ..asked("narrow")
    };
    let created = world.create(&admin, asked_for).await.unwrap();
    let secret = created.secret.reveal();
    let mut typo = secret.to_owned();
    typo.replace_range(10..11, if &secret[10..11] == "a" { "b" } else { "a" });
    assert_eq!(refusal(world, &typo).await, Refusal::Checksum);
    let elsewhere = world.service.authenticate(secret, &origin("203.0.113.7")).await;
    assert!(matches!(elsewhere, Err(Error::Unauthenticated(Refusal::Network))));
    world.service.authenticate(secret, &origin("198.51.100.9")).await.unwrap();
    world.clock.advance_days(1);
    assert_eq!(refusal(world, secret).await, Refusal::Expired);
    world.service.revoke_token(&admin, "acme", &created.detail.token.id.to_string()).await.unwrap();
    assert_eq!(refusal(world, secret).await, Refusal::Revoked);
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
    assert_eq!(names(service.repositories(&caller, "acme", "", None, 50).await.unwrap()), ["acme/api"]);
    assert_eq!(names(service.repositories(&caller, "acme", "acme", None, 50).await.unwrap()), ["acme/api"]);
    assert!(matches!(service.repository(&caller, "acme", &web).await, Err(Error::Forbidden(_))));
    assert!(matches!(service.delete_repository(&caller, "acme", &web).await, Err(Error::Forbidden(_))));
    assert!(matches!(service.create_repository(&caller, "acme", "acme/new").await, Err(Error::Forbidden(_))));
    // Deleting the last one leaves a token that reaches nothing, not one that reaches all.
    let admin_of_repositories = world.person(world.acme, Role::Admin).await;
    service.delete_repository(&admin_of_repositories, "acme", "acme/api").await.unwrap();
    assert_eq!(names(service.repositories(&caller, "acme", "", None, 50).await.unwrap()), Vec::<String>::new());
}

async fn last_use_survives_shutdown_and_never_goes_back(world: &World) {
    let admin = world.admin().await;
    let created = world.create(&admin, asked("CI")).await.unwrap();
    let id = created.detail.token.id.to_string();
    let other = world.replica();
    world.clock.advance_seconds(10);
    other.authenticate(created.secret.reveal(), &origin("198.51.100.1")).await.unwrap();
    world.clock.advance_seconds(10);
    world.service.authenticate(created.secret.reveal(), &origin("198.51.100.2")).await.unwrap();
    assert_eq!(world.service.waiting_uses(), 1);
    world.service.flush_uses().await.unwrap();
    other.flush_uses().await.unwrap();
    let token = world.replica().token(&admin, "acme", &id).await.unwrap().token;
    let last = token.last_use.unwrap();
    assert_eq!(last.at, common::START.plus_seconds(20));
    assert_eq!(last.address, Some("198.51.100.2".parse().unwrap()));
}

async fn a_demo_is_filled_once(world: &World) {
    // The organization of the demo is `acme`, which this world has: filling fails whole and leaves nothing.
    assert!(world.service.fill_demo().await.is_err());
    assert!(world.service.is_new().await.unwrap());
    world.service.bootstrap(EMAIL, PASSWORD).await.unwrap();
    assert!(world.service.fill_demo().await.unwrap().is_none());
}
