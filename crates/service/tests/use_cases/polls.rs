//! Polls for changes: how many requests one serves, and what becomes of those who wait for it.

use futures::future::join_all;
use latchkey_service::{AuthenticationError, Error};

use crate::common::{World, asked, authenticate, origin};

on_both_engines!(one_serves_all_who_wait, who_goes_away_takes_it_from_nobody);

async fn one_serves_all_who_wait(world: &World) {
    let created = world.create(&world.admin().await, asked("CI")).await.unwrap();
    let (replica, origin) = (world.replica(), origin("198.51.100.9"));
    let check = || authenticate(&replica, created.secret.reveal(), &origin);
    check().await.unwrap();
    let before = replica.health().stats().change_polls;
    for checked in join_all((0..200).map(|_| check())).await {
        checked.unwrap();
    }
    let polls = replica.health().stats().change_polls - before;
    assert!(polls < 100, "{polls} polls for 200 requests");
}

/// Whoever has asked first does not poll themselves: their request may end at any moment.
async fn who_goes_away_takes_it_from_nobody(world: &World) {
    let admin = world.admin().await;
    let created = world.create(&admin, asked("CI")).await.unwrap();
    let (replica, origin) = (world.replica(), origin("198.51.100.9"));
    let check = || authenticate(&replica, created.secret.reveal(), &origin);
    check().await.unwrap();
    let id = created.detail.token.id.to_string();
    world.service.tokens().revoke(&world.access(&admin).await, &id).await.unwrap();
    for _ in 0..50 {
        let (mut first, second) = (Box::pin(check()), check());
        // It waits for a poll by now.
        let _ = futures::poll!(first.as_mut());
        let (refused, ()) = futures::join!(second, async { drop(first) });
        assert!(matches!(refused, Err(Error::Unauthenticated(AuthenticationError::Revoked))));
    }
}
