//! Users, sessions, user tokens, sign-in attempts and the set-up of a new instance.

use std::collections::BTreeSet;

use futures::future::join_all;
use latchkey_domain::{CredentialId, Email, SecretHash, SecretKind, Timestamp, UserId};
use latchkey_store::{
    Conflict,
    attempts::{self, Attempts},
    credentials, instance,
    sessions::{self, LiveSince, NewSession, Session},
    user_tokens,
    users::{self, User},
};

use crate::{
    database::on_both_engines,
    given::{Given, NOW, conflict},
};

on_both_engines!(
    users_are_read_as_written,
    an_email_is_taken_once,
    a_session_lives_until_idle_or_old,
    a_session_is_ended_once,
    an_id_of_a_session_is_taken_once,
    a_session_without_a_user_has_data_and_nobody,
    data_does_not_bring_a_session_back,
    a_session_is_taken_once,
    dead_sessions_are_removed_in_batches,
    user_tokens_tell_their_expiry,
    attempts_are_counted_within_a_window,
    attempts_at_once_are_counted_one_by_one,
    an_attempt_is_given_back_alone,
    old_attempts_are_removed_in_batches,
    networks_are_remembered_for_a_while,
    a_new_instance_is_set_up_once,
    who_forwards_without_trust_is_noted,
);

async fn users_are_read_as_written(given: &Given) {
    let user = User {
        id: UserId(given.id()),
        email: "ada@example.com".into(),
        instance_admin: true,
        created_at: NOW,
        locked_at: None,
    };
    let email = Email::new(&user.email).unwrap();
    given.write(async |tx| users::insert(tx, user.id, &email, Some("hash"), true, NOW).await).await;
    let without = UserId(given.id());
    let email = Email::new("bob@example.com").unwrap();
    given.write(async |tx| users::insert(tx, without, &email, None, false, NOW).await).await;

    assert_eq!(users::by_id(given.store(), user.id).await.unwrap(), Some(user.clone()));
    assert_eq!(users::by_id(given.store(), UserId(given.id())).await.unwrap(), None);
    let by_email = async |email: &str| users::by_email(given.store(), email).await.unwrap();
    assert_eq!(by_email("ada@example.com").await, Some((user, Some("hash".into()))));
    let (bob, hash) = by_email("bob@example.com").await.unwrap();
    assert_eq!((bob.id, bob.instance_admin, hash), (without, false, None));
    assert_eq!(by_email("eve@example.com").await, None);
    assert_eq!(by_email("ada@example.com\0").await, None);
}

async fn an_email_is_taken_once(given: &Given) {
    given.user("ada@example.com").await;
    let email = Email::new("Ada@example.com").unwrap();
    let again = given.try_write(async |tx| users::insert(tx, UserId(given.id()), &email, None, false, NOW).await).await;
    assert_eq!(conflict(again), Conflict::Email);
}

/// Of a session that is seen when it is made.
fn new_session(id: CredentialId, hash: &SecretHash, user: Option<UserId>, at: Timestamp) -> NewSession<'_> {
    let address = Some("192.0.2.1".parse().unwrap());
    NewSession { id, hash, user, created_at: at, last_seen_at: at, address, user_agent: "agent", data: None }
}

fn since(created_at: Timestamp, last_seen_at: Timestamp) -> LiveSince {
    LiveSince { created_at, last_seen_at, sign_in_started_at: NOW }
}

async fn a_session_lives_until_idle_or_old(given: &Given) {
    let user = given.user("ada@example.com").await;
    let hash = given.session_hash();
    let id = CredentialId(given.id());
    given.write(async |tx| sessions::insert(tx, &new_session(id, &hash, Some(user), NOW)).await).await;
    let seen = NOW.plus_seconds(100);
    given.write(async |tx| sessions::touch(tx, &hash, seen).await).await;
    // A slower replica doesn't turn the clock back.
    given.write(async |tx| sessions::touch(tx, &hash, NOW.plus_seconds(50)).await).await;

    let live = async |made_since, seen_since| {
        sessions::live(given.store(), &hash, since(made_since, seen_since)).await.unwrap()
    };
    let ada = users::by_id(given.store(), user).await.unwrap().unwrap();
    let expected = Session { id, user: ada, created_at: NOW, last_seen_at: seen };
    assert_eq!(live(NOW, seen).await, Some(expected));
    assert_eq!(live(NOW, seen.plus_seconds(1)).await, None);
    assert_eq!(live(NOW.plus_seconds(1), seen).await, None);
    let unknown = given.session_hash();
    assert_eq!(sessions::live(given.store(), &unknown, since(NOW, NOW)).await.unwrap(), None);

    assert!(given.write(async |tx| sessions::delete(tx, &hash).await).await);
    assert_eq!(live(NOW, NOW).await, None);
    assert!(!given.write(async |tx| sessions::delete(tx, &hash).await).await);
}

async fn a_session_is_ended_once(given: &Given) {
    let user = given.user("ada@example.com").await;
    let hash = given.session_hash();
    let insert = || {
        given.write(async |tx| {
            sessions::insert(tx, &new_session(CredentialId(given.id()), &hash, Some(user), NOW)).await
        })
    };
    let end = |made_since, seen_since| {
        given.write(async move |tx| {
            Ok(sessions::end(tx, &hash, since(made_since, seen_since)).await?.map(|user| user.id))
        })
    };
    insert().await;
    let ended = join_all((0..4).map(|_| end(NOW, NOW))).await;
    assert_eq!(ended.into_iter().flatten().collect::<Vec<_>>(), [user]);
    // One that is dead goes too, without a word.
    for (made, seen) in [(1, 0), (0, 1)] {
        insert().await;
        assert_eq!(end(NOW.plus_seconds(made), NOW.plus_seconds(seen)).await, None);
        assert_eq!(sessions::live(given.store(), &hash, since(NOW, NOW)).await.unwrap(), None);
    }
}

async fn an_id_of_a_session_is_taken_once(given: &Given) {
    let (ada, eve) = (given.user("ada@example.com").await, given.user("eve@example.com").await);
    let hash = given.session_hash();
    let insert = |user| {
        given
            .write(async move |tx| sessions::insert(tx, &new_session(CredentialId(given.id()), &hash, user, NOW)).await)
    };
    assert!(insert(Some(ada)).await);
    assert!(!insert(Some(eve)).await && !insert(None).await);
    assert_eq!(sessions::live(given.store(), &hash, since(NOW, NOW)).await.unwrap().unwrap().user.id, ada);
}

async fn a_session_without_a_user_has_data_and_nobody(given: &Given) {
    let hash = given.session_hash();
    let id = CredentialId(given.id());
    let new = NewSession { data: Some(b"{}"), ..new_session(id, &hash, None, NOW) };
    given.write(async |tx| sessions::insert(tx, &new).await).await;
    let data = async |since| sessions::data(given.store(), &hash, since).await.unwrap();
    assert_eq!(data(since(NOW, NOW)).await, Some(Some(b"{}".to_vec())));
    assert_eq!(sessions::live(given.store(), &hash, since(NOW, NOW)).await.unwrap(), None);
    assert_eq!(given.write(async |tx| sessions::lock_shared(tx, id, since(NOW, NOW)).await).await, None);
    assert_eq!(credentials::owner(given.store(), id).await.unwrap(), None);
    // It has a limit of its own, and not the one of who is signed in.
    let later = LiveSince { sign_in_started_at: NOW.plus_seconds(1), ..since(NOW, NOW) };
    let signed_in = LiveSince { created_at: NOW.plus_seconds(1), ..since(NOW, NOW) };
    assert_eq!((data(later).await, data(signed_in).await.is_some()), (None, true));

    let set = |value: Option<&'static [u8]>, since| {
        given.write(async move |tx| sessions::set_data(tx, &hash, value, since).await)
    };
    assert!(set(Some(b"[1]"), since(NOW, NOW)).await);
    assert!(!set(Some(b"[2]"), later).await, "it has ended");
    assert_eq!(data(since(NOW, NOW)).await, Some(Some(b"[1]".to_vec())));
    assert!(set(None, since(NOW, NOW)).await);
    assert_eq!(data(since(NOW, NOW)).await, Some(None));
    let too_much = vec![b'x'; sessions::DATA_MAX + 1];
    let set = given.try_write(async |tx| sessions::set_data(tx, &hash, Some(&too_much), since(NOW, NOW)).await).await;
    assert!(set.is_err());

    let dead = |since| given.write(async move |tx| sessions::delete_dead(tx, since, 100).await);
    assert_eq!((dead(since(NOW, NOW)).await, dead(later).await, dead(later).await), (0, 1, 0));
}

async fn data_does_not_bring_a_session_back(given: &Given) {
    let user = given.user("ada@example.com").await;
    for user in [Some(user), None] {
        let hash = given.session_hash();
        given
            .write(async |tx| sessions::insert(tx, &new_session(CredentialId(given.id()), &hash, user, NOW)).await)
            .await;
        let set = || given.write(async |tx| sessions::set_data(tx, &hash, Some(b"{}"), since(NOW, NOW)).await);
        assert!(set().await);
        given.write(async |tx| sessions::delete(tx, &hash).await).await;
        assert!(!set().await);
        assert_eq!(sessions::data(given.store(), &hash, since(NOW, NOW)).await.unwrap(), None);
    }
}

async fn a_session_is_taken_once(given: &Given) {
    let user = given.user("ada@example.com").await;
    let (hash, id) = (given.session_hash(), CredentialId(given.id()));
    given.write(async |tx| sessions::insert(tx, &new_session(id, &hash, Some(user), NOW)).await).await;
    let take = || given.write(async move |tx| sessions::take(tx, id).await);
    assert_eq!((take().await, take().await), (Some(NOW), None));
}

async fn dead_sessions_are_removed_in_batches(given: &Given) {
    let user = given.user("ada@example.com").await;
    let mut hashes = Vec::new();
    // Made and last seen, in seconds from the two limits; the last two live.
    for (made, seen) in [(-1, 5), (-9, -9), (5, -1), (0, 0), (5, 5)] {
        let hash = given.session_hash();
        let made = NOW.plus_seconds(made);
        given
            .write(async |tx| {
                sessions::insert(tx, &new_session(CredentialId(given.id()), &hash, Some(user), made)).await
            })
            .await;
        given.write(async |tx| sessions::touch(tx, &hash, made.plus_seconds(100)).await).await;
        hashes.push((hash, made, seen));
    }
    // Those that were made later are seen by a clock of their own: the limit for sight is relative to it.
    let seen_since = NOW.plus_seconds(100);
    let delete = |limit| given.write(async move |tx| sessions::delete_dead(tx, since(NOW, seen_since), limit).await);
    assert_eq!(delete(1).await, 1);
    assert_eq!(delete(100).await, 1);
    assert_eq!(delete(100).await, 0);
    let later = NOW.plus_seconds(101);
    assert_eq!(given.write(async |tx| sessions::delete_dead(tx, since(NOW, later), 100).await).await, 1);
    let mut left = 0;
    for (hash, _, _) in &hashes {
        let epoch = Timestamp::EPOCH;
        left += usize::from(sessions::live(given.store(), hash, since(epoch, epoch)).await.unwrap().is_some());
    }
    assert_eq!(left, 2);
}

async fn user_tokens_tell_their_expiry(given: &Given) {
    let user = given.user("ada@example.com").await;
    let mut hashes = Vec::new();
    for seconds in [-2, -1, 0, 1] {
        let hash = given.secret(SecretKind::UserToken).hash();
        let expires_at = NOW.plus_seconds(seconds);
        given
            .write(async |tx| {
                user_tokens::insert(tx, CredentialId(given.id()), &hash, user, None, "", NOW.plus_days(-1), expires_at)
                    .await
            })
            .await;
        hashes.push((hash, expires_at));
    }
    for (hash, expires_at) in &hashes {
        let user_tokens::UserToken { user: found, expires_at: expiry, .. } =
            user_tokens::by_hash(given.store(), hash).await.unwrap().unwrap();
        assert_eq!((found.id, expiry), (user, *expires_at));
    }
    let delete = |limit| given.write(async move |tx| user_tokens::delete_expired(tx, NOW, limit).await);
    assert_eq!((delete(1).await, delete(100).await, delete(100).await), (1, 1, 0));
    assert_eq!(user_tokens::by_hash(given.store(), &hashes[1].0).await.unwrap(), None);
    assert!(user_tokens::by_hash(given.store(), &hashes[2].0).await.unwrap().is_some());
}

async fn attempts_are_counted_within_a_window(given: &Given) {
    let (ada, bob) = ([1; 32], [2; 32]);
    let get = |key, since| given.write(async move |tx| attempts::get(tx, &key, since).await);
    let add = |key, since, at| given.write(async move |tx| attempts::add(tx, &key, since, at).await);
    assert_eq!(get(ada, NOW).await, None);
    add(ada, NOW, NOW).await;
    add(ada, NOW, NOW.plus_seconds(1)).await;
    add(bob, NOW, NOW).await;
    assert_eq!(get(ada, NOW).await, Some(Attempts { failures: 2, last_at: NOW.plus_seconds(1) }));
    assert_eq!(get(ada, NOW.plus_seconds(1)).await.unwrap().failures, 2);
    // The window has moved on: the old ones are forgotten.
    assert_eq!(get(ada, NOW.plus_seconds(2)).await, None);
    add(ada, NOW.plus_seconds(2), NOW.plus_seconds(3)).await;
    assert_eq!(get(ada, NOW.plus_seconds(2)).await, Some(Attempts { failures: 1, last_at: NOW.plus_seconds(3) }));
    given.write(async |tx| attempts::clear(tx, &ada).await).await;
    assert_eq!(get(ada, NOW).await, None);
    assert_eq!(get(bob, NOW).await.unwrap().failures, 1);
}

async fn attempts_at_once_are_counted_one_by_one(given: &Given) {
    let key = [7; 32];
    let attempt = || {
        given.write(async |tx| {
            let before = attempts::get(tx, &key, NOW).await?;
            attempts::add(tx, &key, NOW, NOW).await?;
            Ok(before.map_or(0, |attempts| attempts.failures))
        })
    };
    let seen = join_all((0..10).map(|_| attempt())).await;
    assert_eq!(BTreeSet::from_iter(seen), BTreeSet::from_iter(0..10));
}

async fn an_attempt_is_given_back_alone(given: &Given) {
    let key = [3; 32];
    let count = |at| {
        given.write(async move |tx| {
            let before = attempts::get(tx, &key, NOW).await?;
            attempts::add(tx, &key, NOW, at).await?;
            Ok(before)
        })
    };
    let give_back = |at, before| given.write(async move |tx| attempts::undo(tx, &key, at, before).await);
    let now = || given.write(async |tx| attempts::get(tx, &key, NOW).await);
    let attempts = |failures, last_at| Some(Attempts { failures, last_at });
    let (one, two, three) = (NOW.plus_seconds(1), NOW.plus_seconds(2), NOW.plus_seconds(3));
    assert_eq!(count(one).await, None);
    let before = count(two).await;
    // As if it had not been.
    give_back(two, before).await;
    assert_eq!(now().await, attempts(1, one));
    // One that was made meanwhile stays, with its time.
    let before = count(two).await;
    count(three).await;
    give_back(two, before).await;
    assert_eq!(now().await, attempts(2, three));
    // Never below nothing, and not of what was forgotten.
    for _ in 0..3 {
        give_back(three, None).await;
    }
    assert_eq!(now().await.unwrap().failures, 0);
    given.write(async |tx| attempts::clear(tx, &key).await).await;
    give_back(three, None).await;
    assert_eq!(now().await, None);
}

async fn networks_are_remembered_for_a_while(given: &Given) {
    let (ada, bob) = ([1; 32], [2; 32]);
    let remember = |key, at| given.write(async move |tx| attempts::record_network(tx, &key, at).await);
    let known = async |key, since| attempts::is_known_network(given.store(), &key, since).await.unwrap();
    assert!(!known(ada, NOW).await);
    remember(ada, NOW.plus_seconds(5)).await;
    remember(ada, NOW).await;
    remember(bob, NOW).await;
    assert!(known(ada, NOW.plus_seconds(5)).await && !known(ada, NOW.plus_seconds(6)).await);
    let forget = |before, limit| given.write(async move |tx| attempts::delete_old_networks(tx, before, limit).await);
    assert_eq!((forget(NOW, 9).await, forget(NOW.plus_seconds(6), 1).await), (0, 1));
    assert!(!known(bob, NOW).await && known(ada, NOW).await, "the oldest goes first");
}

async fn old_attempts_are_removed_in_batches(given: &Given) {
    for number in 0..5_u8 {
        let at = NOW.plus_seconds(i64::from(number));
        given.write(async |tx| attempts::add(tx, &[number; 32], NOW, at).await).await;
    }
    let before = NOW.plus_seconds(3);
    let delete = |limit| given.write(async move |tx| attempts::delete_old(tx, before, limit).await);
    assert_eq!((delete(2).await, delete(2).await, delete(2).await), (2, 1, 0));
    assert!(given.write(async |tx| attempts::get(tx, &[3; 32], NOW).await).await.is_some());
}

async fn a_new_instance_is_set_up_once(given: &Given) {
    let store = given.store();
    let (old, new) = (given.secret(SecretKind::Setup).hash(), given.secret(SecretKind::Setup).hash());
    let take = |hash| given.write(async move |tx| instance::take_setup_hash(tx, &hash).await);
    assert!(instance::is_new(store).await.unwrap());
    assert!(!instance::has_setup_hash(store, &old).await.unwrap());
    given.write(async |tx| instance::set_setup_hash(tx, &old, NOW).await).await;
    assert!(instance::has_setup_hash(store, &old).await.unwrap());
    given.write(async |tx| instance::set_setup_hash(tx, &new, NOW).await).await;
    assert!(!instance::has_setup_hash(store, &old).await.unwrap());

    assert!(!take(old).await);
    let taken: Vec<_> = join_all((0..4).map(|_| take(new))).await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
    assert!(!instance::has_setup_hash(store, &new).await.unwrap());

    // Once somebody can sign in, no link sets anything up.
    given.write(async |tx| instance::set_setup_hash(tx, &new, NOW).await).await;
    given.user("ada@example.com").await;
    assert!(!instance::is_new(store).await.unwrap());
    assert!(!take(new).await);
}

async fn who_forwards_without_trust_is_noted(given: &Given) {
    assert_eq!(instance::forwarded_by(given.store()).await.unwrap(), None);
    for (peer, at) in [("192.0.2.1", NOW), ("2001:db8::1", NOW.plus_seconds(1))] {
        let peer = peer.parse().unwrap();
        given.write(async |tx| instance::set_forwarded_by(tx, peer, at).await).await;
        assert_eq!(instance::forwarded_by(given.store()).await.unwrap(), Some((peer, at)));
    }
    // It makes no set-up link, and takes none away.
    let hash = given.secret(SecretKind::Setup).hash();
    given.write(async |tx| instance::set_setup_hash(tx, &hash, NOW).await).await;
    given.write(async |tx| instance::set_forwarded_by(tx, "192.0.2.1".parse().unwrap(), NOW).await).await;
    assert!(instance::has_setup_hash(given.store(), &hash).await.unwrap());
}
