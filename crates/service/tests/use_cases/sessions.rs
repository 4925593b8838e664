//! Sessions as `tower-sessions` handles them: what is stored, what ends them, and what gets a new id.

use crate::common;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{World, origin};
use latchkey_domain::{Catalogue, SecretHash, Timestamp};
use latchkey_service::{
    AuthenticationError, Browser, BrowserSession, Caller, Error, PendingSignIn, Principal, Random, RequestSessionStore,
    Service, SessionId, SignedIn, SystemRandom,
};
use latchkey_store::sessions::{self, DATA_MAX, LiveSince};
use sqlx::Connection;
use tower_sessions_core::Session;

on_both_engines!(
    the_id_is_stored_nowhere,
    saving_does_not_bring_back_what_has_ended,
    an_id_that_is_taken_is_drawn_again,
    a_planted_id_is_not_adopted,
    a_sign_in_in_progress_is_good_once_and_not_for_long,
    a_session_has_little_data,
    a_fresh_password_renews_the_session_that_asks,
    nothing_can_fail_once_a_session_is_replaced,
    a_session_is_touched_every_five_minutes,
    signing_out_is_what_tower_sessions_deletes_by,
);

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";
const HOME: &str = "203.0.113.7";
const EPOCH: LiveSince =
    LiveSince { created_at: Timestamp::EPOCH, last_seen_at: Timestamp::EPOCH, sign_in_started_at: Timestamp::EPOCH };

/// What a request with this cookie has of its session. The first is the layer's, and is saved at the end of the request.
fn request(service: &Service, cookie: Option<SessionId>) -> (Session, BrowserSession, RequestSessionStore) {
    let store = RequestSessionStore::new(service.clone(), origin(HOME));
    let id = cookie.map(|id| id.reveal().parse().unwrap());
    let session = Session::new(id, Arc::new(store.clone()), Some(BrowserSession::COOKIE_EXPIRY));
    (session.clone(), BrowserSession::new(session, store.clone()), store)
}

fn pending(state: &str) -> PendingSignIn {
    PendingSignIn {
        state: state.to_owned(),
        nonce: "n".repeat(43),
        code_verifier: "v".repeat(43),
        return_path: "/orgs/acme/settings/tokens?q=é\"".to_owned(),
    }
}

async fn sign_in(world: &World) -> SignedIn {
    world.service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
    world.service.sessions().sign_in(&origin(HOME), Browser::default(), EMAIL, PASSWORD).await.unwrap()
}

fn caller(signed_in: &SignedIn) -> Caller {
    Caller { principal: Principal::Session(signed_in.person.clone()), origin: origin(HOME) }
}

fn hash(id: SessionId) -> SecretHash {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    SecretHash::of(&URL_SAFE_NO_PAD.decode(id.reveal()).unwrap())
}

/// The data of a session, however old it is.
async fn stored(world: &World, id: SessionId) -> Option<Option<Vec<u8>>> {
    sessions::data(&world.store, &hash(id), EPOCH).await.unwrap()
}

/// All that there is of sessions, as bytes.
async fn table(world: &World) -> Vec<u8> {
    let rows: Vec<(Vec<u8>, String, Option<Vec<u8>>)> = if world.url.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(&world.url).await.unwrap();
        let sql = "SELECT hash, CAST(sessions AS TEXT), data FROM sessions";
        sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
    } else {
        let mut connection = sqlx::SqliteConnection::connect(&world.url).await.unwrap();
        let sql = "SELECT hash, hex(hash) || hex(id) || user_agent || coalesce(hex(data), ''), data FROM sessions";
        sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
    };
    let bytes = |(hash, text, data): (Vec<u8>, String, Option<Vec<u8>>)| {
        [hash, text.to_lowercase().into_bytes(), data.unwrap_or_default()].concat()
    };
    rows.into_iter().flat_map(bytes).collect()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

async fn the_id_is_stored_nowhere(world: &World) {
    let signed_in = sign_in(world).await;
    let (session, browser, _) = request(&world.service, None);
    browser.begin_sign_in(&pending("state-1")).await.unwrap();
    session.save().await.unwrap();
    let table = table(world).await;
    assert!(contains(&table, b"state-1"), "the search itself works");
    for id in [signed_in.session, browser.id().unwrap()] {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let (text, bytes) = (id.reveal(), URL_SAFE_NO_PAD.decode(id.reveal()).unwrap());
        let number = i128::from_le_bytes(bytes.clone().try_into().unwrap()).to_string();
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let text = text.to_lowercase();
        for form in [text.as_bytes(), &bytes, number.as_bytes(), hex.as_bytes()] {
            assert!(!contains(&table, form));
        }
        assert!(contains(&table, hash(id).as_bytes()));
    }
}

async fn saving_does_not_bring_back_what_has_ended(world: &World) {
    let service = &world.service;
    for how in ["sign-out", "end all", "operator ends", "operator locks", "operator's password", "another sign-in"] {
        let signed_in = sign_in(world).await;
        let other = sign_in(world).await;
        // A request is under way, and has something to save.
        let (session, browser, store) = request(service, Some(signed_in.session));
        browser.begin_sign_in(&pending("state")).await.unwrap();
        match how {
            "sign-out" => service.sessions().sign_out(&origin(HOME), signed_in.session).await.unwrap(),
            "end all" => assert!(service.credentials().end_all(&caller(&other), "me").await.unwrap() > 0),
            "operator ends" => drop(service.operator().end(signed_in.person.credential.0).await.unwrap()),
            "operator locks" => {
                service.operator().set_locked(EMAIL, true).await.unwrap();
                service.operator().set_locked(EMAIL, false).await.unwrap();
            }
            "operator's password" => service.operator().set_password(EMAIL, PASSWORD).await.unwrap(),
            _ => {
                let browser = Browser { session: Some(signed_in.session), device: None };
                service.sessions().sign_in(&origin(HOME), browser, EMAIL, PASSWORD).await.unwrap();
            }
        }
        session.save().await.unwrap();
        assert!(store.take_failure().is_none(), "{how}: the answer is not spoilt by it");
        assert_eq!(service.sessions().person(signed_in.session).await.unwrap(), None, "{how}");
        assert_eq!(stored(world, signed_in.session).await, None, "{how}");
    }
    // One that lives is saved, and stays whose it is.
    let signed_in = sign_in(world).await;
    let (session, browser, _) = request(service, Some(signed_in.session));
    browser.begin_sign_in(&pending("state")).await.unwrap();
    session.save().await.unwrap();
    assert_eq!(browser.id(), Some(signed_in.session));
    assert!(stored(world, signed_in.session).await.unwrap().is_some());
    assert_eq!(service.sessions().person(signed_in.session).await.unwrap(), Some(signed_in.person));
}

/// Gives the same 16 bytes a few times.
struct Repeating(AtomicUsize);

impl Random for Repeating {
    fn fill(&self, bytes: &mut [u8]) {
        match bytes.len() {
            16 if self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() => {
                bytes.fill(7);
            }
            _ => SystemRandom.fill(bytes),
        }
    }
}

async fn an_id_that_is_taken_is_drawn_again(world: &World) {
    let service = |times| {
        let random = Arc::new(Repeating(AtomicUsize::new(times)));
        Service::new(world.store.clone(), Catalogue::built_in(), world.clock.clone(), random)
    };
    let begin = async |service: &Service| {
        let (session, browser, _) = request(service, None);
        browser.begin_sign_in(&pending("state")).await.unwrap();
        session.save().await.map(|()| browser.id().unwrap())
    };
    let (first, second) = (begin(&service(1)).await.unwrap(), begin(&service(3)).await.unwrap());
    assert_eq!(first, SessionId::parse("BwcHBwcHBwcHBwcHBwcHBw").unwrap());
    assert_ne!(first, second);
    assert!(stored(world, first).await.is_some() && stored(world, second).await.is_some());
    assert!(begin(&service(usize::MAX)).await.is_err(), "a broken source of randomness is no endless loop");
}

async fn a_planted_id_is_not_adopted(world: &World) {
    let planted = SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    let (session, browser, _) = request(&world.service, Some(planted));
    browser.begin_sign_in(&pending("state")).await.unwrap();
    session.save().await.unwrap();
    assert_ne!(browser.id(), Some(planted));
    assert!(stored(world, planted).await.is_none() && stored(world, browser.id().unwrap()).await.is_some());
    // Nobody has signed in with that.
    assert_eq!(world.service.sessions().person(browser.id().unwrap()).await.unwrap(), None);

    // Signing in ends it, and has an id of its own.
    world.service.setup().bootstrap(EMAIL, PASSWORD).await.unwrap();
    let started = Browser { session: browser.id(), device: None };
    let signed_in = world.service.sessions().sign_in(&origin(HOME), started, EMAIL, PASSWORD).await.unwrap();
    assert_ne!(Some(signed_in.session), browser.id());
    assert_eq!(stored(world, browser.id().unwrap()).await, None);
}

async fn a_sign_in_in_progress_is_good_once_and_not_for_long(world: &World) {
    let service = &world.service;
    let begin = async |cookie, state| {
        let (session, browser, _) = request(service, cookie);
        browser.begin_sign_in(&pending(state)).await.unwrap();
        session.save().await.unwrap();
        browser.id().unwrap()
    };
    let take = async |cookie, state| {
        let (session, browser, _) = request(service, Some(cookie));
        let taken = browser.take_sign_in(state).await.unwrap();
        if session.is_modified() {
            session.save().await.unwrap();
        }
        taken
    };
    let id = begin(None, "state-1").await;
    assert_eq!(take(id, "another").await, None);
    assert_eq!(take(id, "").await, None);
    assert_eq!(take(id, "state-1").await, Some(pending("state-1")));
    assert_eq!(take(id, "state-1").await, None);
    assert_eq!(stored(world, id).await, Some(None));

    // Another in its place, in the same session.
    assert_eq!(begin(Some(id), "state-2").await, id);
    assert_eq!(begin(Some(id), "state-3").await, id);
    assert_eq!(take(id, "state-2").await, None);
    world.clock.advance_seconds(15 * 60);
    assert_eq!(take(id, "state-3").await, Some(pending("state-3")));

    begin(Some(id), "state-4").await;
    let young = begin(None, "state-5").await;
    world.clock.advance_seconds(1);
    assert_eq!(take(id, "state-4").await, None, "it is over");
    assert!(stored(world, id).await.is_some());
    service.maintenance().tidy().await.unwrap();
    assert!(stored(world, id).await.is_none() && stored(world, young).await.is_some());
    assert_ne!(begin(Some(id), "state-6").await, id);
}

async fn a_session_has_little_data(world: &World) {
    let long = PendingSignIn { return_path: "/".repeat(DATA_MAX), ..pending("state") };
    let (session, browser, _) = request(&world.service, None);
    assert!(matches!(browser.begin_sign_in(&long).await, Err(Error::Invalid(_))));
    assert!(!session.is_modified());
    // What escapes the most still fits.
    let escaped = PendingSignIn { return_path: "\u{1}".repeat(500), ..pending("state") };
    browser.begin_sign_in(&escaped).await.unwrap();
    session.save().await.unwrap();

    let (session, _, store) = request(&world.service, browser.id());
    session.insert("anything", "x".repeat(DATA_MAX)).await.unwrap();
    assert!(session.save().await.is_err() && matches!(store.take_failure(), Some(Error::Invalid(_))));
    assert!(stored(world, browser.id().unwrap()).await.unwrap().unwrap().len() < DATA_MAX);
}

async fn a_fresh_password_renews_the_session_that_asks(world: &World) {
    let service = &world.service;
    let fresh = "staple battery horse";
    let (here, elsewhere) = (sign_in(world).await, sign_in(world).await);
    let wrong = service.users().set_password(&caller(&here), "me", Some("wrong"), fresh).await;
    assert!(matches!(wrong, Err(Error::Invalid(_))));
    assert!(service.sessions().person(here.session).await.unwrap().is_some(), "what fails leaves the session as it is");

    let renewed = service.users().set_password(&caller(&here), "me", Some(PASSWORD), fresh).await.unwrap().unwrap();
    for ended in [&here, &elsewhere] {
        assert_eq!(service.sessions().person(ended.session).await.unwrap(), None);
    }
    assert_eq!(service.sessions().person(renewed.session).await.unwrap(), Some(renewed.person.clone()));
    assert_eq!(renewed.person.id, here.person.id);
    assert_ne!(renewed.person.credential, here.person.credential);
    // Whoever has asked for something with the old id, and waits, gets nothing any more.
    let late = service.credentials().end_all(&caller(&here), "me").await;
    assert!(matches!(late, Err(Error::Unauthenticated(AuthenticationError::SessionEnded))), "{late:?}");
    let now = Caller { principal: Principal::Session(renewed.person.clone()), origin: origin(HOME) };
    let listed = service.credentials().list(&now, "me", None, 10).await.unwrap().items;
    assert_eq!(
        listed.iter().map(|one| (one.credential.id, one.current)).collect::<Vec<_>>(),
        [(renewed.person.credential, true)]
    );

    // It does not live longer for that: 7 days from signing in.
    for _ in 0..20 {
        world.clock.advance_seconds(8 * 3_600);
        assert!(service.sessions().person(renewed.session).await.unwrap().is_some());
    }
    let renewed = service.users().set_password(&now, "me", Some(fresh), PASSWORD).await.unwrap().unwrap();
    world.clock.advance_seconds(8 * 3_600 + 1);
    assert_eq!(service.sessions().person(renewed.session).await.unwrap(), None);

    // An admin who sets somebody else's has no more power than before; a user token has no id to renew.
    let bob = common::people::nobody(world, "bob@example.com", false).await;
    let bob = bob.principal.person().unwrap().id.to_string();
    let admin = sign_in(world).await;
    assert!(service.users().set_password(&caller(&admin), &bob, None, fresh).await.unwrap().is_none());
    assert!(service.sessions().person(admin.session).await.unwrap().is_some());
    let token = service.authentication().log_in(&origin(HOME), EMAIL, PASSWORD).await.unwrap().token;
    let principal = common::authenticate(service, token.reveal(), &origin(HOME)).await.unwrap();
    let with_token = Caller { principal, origin: origin(HOME) };
    assert!(service.users().set_password(&with_token, "me", Some(PASSWORD), fresh).await.unwrap().is_none());
}

async fn nothing_can_fail_once_a_session_is_replaced(world: &World) {
    let before = sign_in(world).await;
    let browser = Browser { session: Some(before.session), device: None };
    let (session, in_request, store) = request(&world.service, Some(before.session));
    let signed_in = world.service.sessions().sign_in(&origin(HOME), browser, EMAIL, PASSWORD).await.unwrap();
    world.store.close().await;
    assert!(world.service.sessions().person(signed_in.session).await.is_err(), "nothing can be asked any more");
    in_request.replace(signed_in.session).await.unwrap();
    // As the layer does it.
    assert!(session.is_modified() && !session.is_empty().await && store.is_replaced());
    session.save().await.unwrap();
    assert_eq!(in_request.id(), Some(signed_in.session));
    assert!(store.take_failure().is_none());
}

async fn a_session_is_touched_every_five_minutes(world: &World) {
    let signed_in = sign_in(world).await;
    let seen =
        async || sessions::live(&world.store, &hash(signed_in.session), EPOCH).await.unwrap().unwrap().last_seen_at;
    let start = seen().await;
    for minute in 1..=5 {
        world.clock.advance_seconds(60);
        assert!(world.service.sessions().person(signed_in.session).await.unwrap().is_some());
        assert_eq!(seen().await, start, "{minute}");
    }
    world.clock.advance_seconds(1);
    world.service.sessions().person(signed_in.session).await.unwrap();
    assert_eq!(seen().await, start.plus_seconds(301));
}

async fn signing_out_is_what_tower_sessions_deletes_by(world: &World) {
    let signed_in = sign_in(world).await;
    let (session, browser, _) = request(&world.service, Some(signed_in.session));
    browser.end().await.unwrap();
    assert!(session.is_empty().await, "the layer takes the cookie away");
    assert_eq!(stored(world, signed_in.session).await, None);
    let count = latchkey_store::audit::count(&world.store, None, "session.ended").await.unwrap();
    assert_eq!(count, 1);
    // Without a session there is nothing to end.
    let (session, browser, _) = request(&world.service, None);
    browser.end().await.unwrap();
    assert!(!session.is_modified());
}
