//! Guesses at passwords and links, browsers that are known, and the session that a sign-in ends.

use crate::common;
use std::collections::BTreeMap;

use crate::common::{World, origin};
use latchkey_domain::{Role, Secret, SecretKind};
use latchkey_service::{AuthenticationError, Browser, Caller, Error, Origin, Principal, Service, SessionId, SignedIn};
use latchkey_store::{WritePriority, audit};

on_both_engines!(
    guesses_are_slowed_down_where_they_come_from,
    strangers_lock_nobody_out,
    a_known_browser_has_guesses_of_its_own,
    of_many_at_once_as_many_are_looked_at_as_the_rule_allows,
    what_is_right_is_given_back_and_no_more,
    a_link_is_looked_at_before_a_password,
    links_are_counted_by_the_networks_around_an_address,
    a_new_session_ends_the_one_before,
    a_made_up_cookie_signs_nobody_out,
);

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";
const HOME: &str = "203.0.113.7";

const STRANGER: Browser<'_> = Browser { session: None, device: None };

/// What was said, in a word.
fn said<T>(result: Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "in",
        Err(Error::Unauthenticated(AuthenticationError::Password)) => "wrong",
        Err(Error::TooManyAttempts { .. } | Error::Busy { .. }) => "wait",
        Err(Error::NotFound(_)) => "no link",
        Err(error) => panic!("{error:?}"),
    }
}

async fn attempt(world: &World, from: &str, device: Option<&SignedIn>, email: &str, password: &str) -> &'static str {
    let browser = Browser { session: None, device: device.map(|known| known.device.reveal()) };
    said(world.service.sessions().sign_in(&origin(from), browser, email, password).await)
}

async fn signed_in(world: &World, from: &str) -> SignedIn {
    world.service.sessions().sign_in(&origin(from), STRANGER, EMAIL, PASSWORD).await.unwrap()
}

fn counted(answers: Vec<&'static str>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer).or_default() += 1;
    }
    counts
}

async fn ended(world: &World) -> u64 {
    audit::count(&world.store, None, "session.ended").await.unwrap()
}

async fn guesses_are_slowed_down_where_they_come_from(world: &World) {
    world.service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
    let here = async |password| world.service.sessions().sign_in(&origin(HOME), STRANGER, EMAIL, password).await;
    for _ in 0..5 {
        assert_eq!(said(here("wrong").await), "wrong");
    }
    let Err(Error::TooManyAttempts { retry_after }) = here(PASSWORD).await else { panic!("not slowed down") };
    assert_eq!(retry_after, 5);
    assert_eq!(attempt(world, "198.51.100.1", None, EMAIL, PASSWORD).await, "in", "elsewhere nobody has guessed");
    // By the API as by the page, and not for an account beside it.
    assert_eq!(said(world.service.authentication().log_in(&origin(HOME), EMAIL, PASSWORD).await), "wait");
    assert_eq!(attempt(world, HOME, None, "bob@example.com", PASSWORD).await, "wrong");
    world.clock.advance_seconds(5);
    assert_eq!(said(here(PASSWORD).await), "in", "who waits as long as they are told is let in");
    assert_eq!(said(here("wrong").await), "wrong");
    assert_eq!(said(here(PASSWORD).await), "in", "a success forgets the failures before it");

    // Whoever has no address shares a bucket with those who have none, and with nobody else.
    let nowhere = Origin::new(None, "tests/1.0", "request-1");
    for _ in 0..5 {
        assert_eq!(said(world.service.sessions().sign_in(&nowhere, STRANGER, EMAIL, "wrong").await), "wrong");
    }
    assert_eq!(said(world.service.sessions().sign_in(&nowhere, STRANGER, EMAIL, PASSWORD).await), "wait");
    assert_eq!(said(here(PASSWORD).await), "in");
}

async fn strangers_lock_nobody_out(world: &World) {
    world.service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
    let known = signed_in(world, HOME).await;
    for number in 0..100 {
        let from = format!("198.51.100.{}", number / 4);
        assert_eq!(attempt(world, &from, None, EMAIL, "wrong").await, "wrong");
    }
    // The account is under attack from everywhere: who comes from somewhere new waits, a minute at most.
    let new = world.service.sessions().sign_in(&origin("192.0.2.1"), STRANGER, EMAIL, PASSWORD).await;
    let Err(Error::TooManyAttempts { retry_after }) = new else { panic!("not slowed down") };
    assert!(retry_after <= 60, "{retry_after}");
    // Its owner does not: not with a browser that is known, wherever, and not where they have signed in before.
    assert_eq!(attempt(world, "192.0.2.2", Some(&known), EMAIL, PASSWORD).await, "in");
    assert_eq!(attempt(world, HOME, None, EMAIL, PASSWORD).await, "in");
    assert_eq!(said(world.service.authentication().log_in(&origin(HOME), EMAIL, PASSWORD).await), "in");
    // Who guesses there is not told that the account is known there, by the answer or by what it costs.
    let mut told = Vec::new();
    for from in [HOME, "192.0.2.3"] {
        let before = world.service.health().stats().hashed;
        let answer =
            world.service.sessions().sign_in(&origin(from), STRANGER, EMAIL, "wrong").await.unwrap_err().to_string();
        told.push((answer, world.service.health().stats().hashed - before));
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].0.starts_with("too many attempts") && told[0].1 == 1, "{told:?}");
    // And has no more guesses than anywhere.
    for _ in 0..4 {
        assert_eq!(attempt(world, HOME, None, EMAIL, "wrong").await, "wait");
    }
    assert_eq!(attempt(world, HOME, None, EMAIL, PASSWORD).await, "wait");
    world.clock.advance_seconds(60);
    assert_eq!(attempt(world, "192.0.2.1", None, EMAIL, PASSWORD).await, "in");
}

async fn a_known_browser_has_guesses_of_its_own(world: &World) {
    world.service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
    let known = signed_in(world, HOME).await;
    let cookie = known.device.reveal().to_owned();
    assert!(!cookie.contains(EMAIL) && !format!("{known:?}").contains(&cookie));
    let office = "198.51.100.200";
    for number in 0..20 {
        let email = format!("user{number}@example.com");
        assert_eq!(attempt(world, office, Some(&known), &email, "wrong").await, "wrong", "it is known to one account");
    }
    assert_eq!(attempt(world, office, Some(&known), "user1@example.com", PASSWORD).await, "wait");
    assert_eq!(attempt(world, office, None, EMAIL, PASSWORD).await, "wait");
    // Nothing but the very cookie will do, of this instance, and while it is young.
    let with = async |service: &Service, cookie: &str| {
        let browser = Browser { session: None, device: Some(cookie) };
        said(service.sessions().sign_in(&origin(office), browser, EMAIL, PASSWORD).await)
    };
    let mut changed = cookie.clone();
    changed.replace_range(5..6, if &cookie[5..6] == "A" { "B" } else { "A" });
    for wrong in [changed.as_str(), "", ".", "x", &cookie[1..], &"A".repeat(100_000)] {
        assert_eq!(with(&world.service, wrong).await, "wait", "{wrong:.90}");
    }
    assert_eq!(with(&world.replica(), &cookie).await, "wait", "of another root key");
    let others = format!("x.{}.{cookie}", "A".repeat(75));
    assert_eq!(with(&world.service, &others).await, "in", "a browser may be known to several");

    // Whoever steals it has as many guesses as its owner, and takes no others' away.
    let guess = async |from: &str, password| attempt(world, from, Some(&known), EMAIL, password).await;
    let mut stolen = Vec::new();
    for from in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"] {
        stolen.push(guess(from, "wrong").await);
    }
    assert_eq!(stolen, ["wrong", "wrong", "wrong", "wrong", "wrong", "wait"]);
    assert_eq!(guess("192.0.2.7", PASSWORD).await, "wait");
    assert_eq!(attempt(world, HOME, None, EMAIL, PASSWORD).await, "in");
    world.clock.advance_seconds(5);
    assert_eq!(guess("192.0.2.7", PASSWORD).await, "in");

    // Half a year later it is a stranger's.
    world.clock.advance_days(181);
    for _ in 0..5 {
        attempt(world, office, None, EMAIL, "wrong").await;
    }
    assert_eq!(with(&world.service, &cookie).await, "wait");
}

async fn of_many_at_once_as_many_are_looked_at_as_the_rule_allows(world: &World) {
    world.service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
    let replica = world.replica();
    let at_once = async |from: &'static str, email: fn(usize) -> String| {
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let service = if number % 2 == 0 { world.service.clone() } else { replica.clone() };
                tokio::spawn(async move {
                    said(service.sessions().sign_in(&origin(from), STRANGER, &email(number), "wrong").await)
                })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        counted(answers)
    };
    let before = world.service.health().stats().hashed + replica.health().stats().hashed;
    assert_eq!(at_once(HOME, |_| EMAIL.to_owned()).await, BTreeMap::from([("wait", 195), ("wrong", 5)]));
    assert_eq!(world.service.health().stats().hashed + replica.health().stats().hashed - before, 5);
    let made_up = at_once("198.51.100.1", |number| format!("user{number}@example.com")).await;
    assert_eq!(made_up, BTreeMap::from([("wait", 180), ("wrong", 20)]));
    // Each is in the log, also of those whom nobody knows: else the time to write it would tell who has an account.
    assert_eq!(audit::count(&world.store, None, "session.refused").await.unwrap(), 25);
}

async fn what_is_right_is_given_back_and_no_more(world: &World) {
    world.service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
    // An office of people who know their passwords never waits.
    for _ in 0..25 {
        assert_eq!(attempt(world, HOME, None, EMAIL, PASSWORD).await, "in");
    }
    // Who owns an account makes no room for guesses at others with it.
    let made_up = async |number: u8| attempt(world, HOME, None, &format!("user{number}@example.com"), "wrong").await;
    for number in 0..19 {
        assert_eq!(made_up(number).await, "wrong");
    }
    assert_eq!(attempt(world, HOME, None, EMAIL, PASSWORD).await, "in");
    assert_eq!((made_up(20).await, made_up(21).await), ("wrong", "wait"));
    // Where the account is known it is let in all the same.
    assert_eq!(attempt(world, HOME, None, EMAIL, PASSWORD).await, "in");
    assert_eq!(made_up(22).await, "wait");
    world.clock.advance_seconds(2 * 3_600);
    assert_eq!(made_up(23).await, "wrong");
    world.service.maintenance().tidy().await.unwrap();
}

async fn a_link_is_looked_at_before_a_password(world: &World) {
    let service = &world.service;
    let link = service.setup().new_link().await.unwrap().unwrap();
    let made_up = Secret::generate(SecretKind::Setup, |bytes| bytes.fill(1));
    let invited = Secret::generate(SecretKind::Invitation, |bytes| bytes.fill(1));
    let set_up = async |from: &str, link: &str| {
        said(service.setup().complete(&origin(from), STRANGER, link, EMAIL, PASSWORD).await)
    };
    let mut answers = Vec::new();
    for number in 0..300 {
        answers.push(set_up(HOME, if number % 2 == 0 { made_up.reveal() } else { "nonsense" }).await);
    }
    assert_eq!(counted(answers), BTreeMap::from([("no link", 20), ("wait", 280)]));
    assert_eq!(said(service.invitations().join(&origin(HOME), STRANGER, invited.reveal(), PASSWORD).await), "wait");
    let elsewhere = said(service.invitations().join(&origin("192.0.2.1"), STRANGER, invited.reveal(), PASSWORD).await);
    assert_eq!((elsewhere, service.health().stats().hashed), ("no link", 0));

    // A right link is no guess, however often its form comes back.
    for _ in 0..30 {
        let short = service.setup().complete(&origin("192.0.2.1"), STRANGER, link.reveal(), EMAIL, "short").await;
        assert_eq!(common::fields(short.unwrap_err()), ["password"]);
    }
    assert_eq!((set_up("192.0.2.1", link.reveal()).await, service.health().stats().hashed), ("in", 1));
    // Once it is done, nothing is hashed, counted or said.
    for _ in 0..30 {
        assert_eq!(set_up("192.0.2.2", link.reveal()).await, "no link");
    }
    assert_eq!(service.health().stats().hashed, 1);
    assert_eq!(
        attempt(world, HOME, None, EMAIL, PASSWORD).await,
        "in",
        "guesses at links are not guesses at passwords"
    );
}

async fn links_are_counted_by_the_networks_around_an_address(world: &World) {
    let flood = async |addresses: &mut dyn Iterator<Item = String>| {
        let mut answers = Vec::new();
        for address in addresses {
            answers
                .push(said(world.service.invitations().join(&origin(&address), STRANGER, "nonsense", PASSWORD).await));
        }
        counted(answers)
    };
    let one = flood(&mut (0..30).map(|host| format!("2001:db8:1::{host:x}"))).await;
    assert_eq!(one, BTreeMap::from([("no link", 20), ("wait", 10)]), "/64");
    let house = flood(&mut (0..80).map(|subnet| format!("2001:db8:2:{subnet:x}::1"))).await;
    assert_eq!(house, BTreeMap::from([("no link", 60), ("wait", 20)]), "/56");
    let provider = flood(&mut (0..150).map(|house| format!("2001:db8:3:{:x}::1", house << 8))).await;
    assert_eq!(provider, BTreeMap::from([("no link", 120), ("wait", 30)]), "/48");
    assert_eq!(flood(&mut std::iter::once("2001:db8:4::1".to_owned())).await, BTreeMap::from([("no link", 1)]));
}

async fn a_new_session_ends_the_one_before(world: &World) {
    let service = &world.service;
    let link = service.setup().new_link().await.unwrap().unwrap();
    let from = origin(HOME);
    let live = async |session: &SignedIn| service.sessions().person(session.session).await.unwrap().is_some();
    let again = async |session: Option<SessionId>| {
        service.sessions().sign_in(&from, Browser { session, device: None }, EMAIL, PASSWORD).await.unwrap()
    };
    let set_up = service.setup().complete(&from, STRANGER, link.reveal(), EMAIL, PASSWORD).await.unwrap();

    let second = again(Some(set_up.session)).await;
    assert!(!live(&set_up).await && live(&second).await);
    assert_eq!(ended(world).await, 1);
    // An old cookie that is dead, was never good, or is something else ends nothing.
    for dead in [&set_up.session.reveal(), "AAAAAAAAAAAAAAAAAAAAAA", "nonsense", "", second.device.reveal()] {
        let planted = SessionId::parse(dead);
        let signed_in = again(planted).await;
        assert!(live(&signed_in).await);
        assert_ne!(planted, Some(signed_in.session), "an id that a browser brings along is never adopted");
    }
    assert!(live(&second).await);
    assert_eq!(ended(world).await, 1);
    // A sign-in that fails leaves the session alone.
    let browser = Browser { session: Some(second.session), device: None };
    assert_eq!(said(service.sessions().sign_in(&from, browser, EMAIL, "wrong").await), "wrong");
    assert!(live(&second).await);
    // Of two at once, one ends it.
    let old = Some(second.session);
    let (one, two) = tokio::join!(again(old), again(old));
    assert!(!live(&second).await && live(&one).await && live(&two).await);
    assert_eq!(ended(world).await, 2);

    // Whoever joins by a link in a browser where somebody else is signed in.
    let admin = Caller { principal: Principal::Session(one.person.clone()), origin: from.clone() };
    let invited = service
        .invitations()
        .create(&world.access_to(&admin, "default").await, "carl@example.com", Role::Viewer)
        .await
        .unwrap();
    let browser = Browser { session: Some(one.session), device: Some(one.device.reveal()) };
    let carl = service.invitations().join(&from, browser, invited.link.unwrap().reveal(), PASSWORD).await.unwrap();
    assert!(!live(&one).await && live(&carl).await);
    assert_eq!((carl.person.email.as_str(), ended(world).await), ("carl@example.com", 3));
    // The browser is known to both now.
    assert_eq!(carl.device.reveal().split('.').count(), 2);
}

/// It is not even looked at where people wait who end something.
async fn a_made_up_cookie_signs_nobody_out(world: &World) {
    // All that there are: on SQLite the one writer.
    let mut held = vec![world.store.begin(WritePriority::Urgent).await.unwrap()];
    while held.len() < 4 && world.url.starts_with("postgres") {
        held.push(world.store.begin(WritePriority::Urgent).await.unwrap());
    }
    let made_up = SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    world.service.sessions().sign_out(&origin(HOME), made_up).await.unwrap();
}
