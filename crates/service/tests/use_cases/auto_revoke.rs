//! Inactivity, its preview and the sweep.

use crate::common::{self, World, asked};
use latchkey_domain::{RevocationReason, TokenState};
use latchkey_service::{Caller, CreateToken, Error, ExpiresIn, StateFilter, SweepKind};

on_both_engines!(
    an_inactive_token_is_revoked_by_the_sweep,
    inactive_is_strictly_older,
    what_is_used_is_never_called_inactive,
    expired_and_revoked_tokens_are_left_alone,
    two_sweeps_revoke_once,
    the_preview_is_what_the_sweep_does,
    looking_ahead_ends_no_token,
    off_means_off,
    a_scheduled_sweep_runs_once_an_hour,
);

async fn state(world: &World, admin: &Caller, id: &str) -> TokenState {
    world.service.tokens().get(&world.access(admin).await, id).await.unwrap().state
}

async fn create(world: &World, admin: &Caller, name: &str) -> (String, String) {
    let created = world.create(admin, asked(name)).await.unwrap();
    (created.detail.token.id.to_string(), created.secret.reveal().to_owned())
}

async fn an_inactive_token_is_revoked_by_the_sweep(world: &World) {
    let admin = world.admin().await;
    let (id, _) = create(world, &admin, "forgotten").await;
    world.service.auto_revoke().set(&world.access(&admin).await, 90).await.unwrap();
    world.clock.advance_days(90);
    world.clock.advance_seconds(1);
    let report = world.service.auto_revoke().sweep(SweepKind::Manual).await.unwrap().unwrap();
    assert_eq!((report.organizations, report.revoked), (1, 1));
    let token = world.service.tokens().get(&world.access(&admin).await, &id).await.unwrap().token;
    let revocation = token.revocation.unwrap();
    assert_eq!((revocation.reason, revocation.by.kind), (RevocationReason::Inactive, "system"));
    assert_eq!(world.events("token.revoked").await, 1);
    let setting = world.service.auto_revoke().get(&world.access(&admin).await).await.unwrap();
    assert_eq!(setting.sweeps.iter().map(|sweep| sweep.revoked).collect::<Vec<_>>(), [1]);
}

async fn inactive_is_strictly_older(world: &World) {
    let admin = world.admin().await;
    let (id, _) = create(world, &admin, "on the edge").await;
    world.service.auto_revoke().set(&world.access(&admin).await, 1).await.unwrap();
    world.clock.advance_days(1);
    assert_eq!(world.service.auto_revoke().sweep(SweepKind::Manual).await.unwrap().unwrap().revoked, 0);
    assert_eq!(state(world, &admin, &id).await, TokenState::Active);
    world.clock.advance_seconds(1);
    assert_eq!(world.service.auto_revoke().sweep(SweepKind::Manual).await.unwrap().unwrap().revoked, 1);
}

async fn what_is_used_is_never_called_inactive(world: &World) {
    let admin = world.admin().await;
    let (id, secret) = create(world, &admin, "used in memory").await;
    world.service.auto_revoke().set(&world.access(&admin).await, 1).await.unwrap();
    let pipeline = common::origin("198.51.100.9");
    // Another replica gathers the use and dies before it writes; 23 hours later the token is not inactive yet.
    world.clock.advance_seconds(3_600);
    drop(common::authenticate(&world.replica(), &secret, &pipeline).await.unwrap());
    world.clock.advance_seconds(23 * 3_600 - 1);
    assert_eq!(world.service.auto_revoke().sweep(SweepKind::Manual).await.unwrap().unwrap().revoked, 0);
    // A use after half a day is written before the request is accepted, so that every replica's sweep sees it.
    common::authenticate(&world.replica(), &secret, &pipeline).await.unwrap();
    world.clock.advance_seconds(23 * 3_600);
    assert_eq!(world.service.auto_revoke().sweep(SweepKind::Manual).await.unwrap().unwrap().revoked, 0);
    assert_eq!(state(world, &admin, &id).await, TokenState::Active);
    world.clock.advance_seconds(3_601);
    assert_eq!(world.service.auto_revoke().sweep(SweepKind::Manual).await.unwrap().unwrap().revoked, 1);
    assert!(matches!(common::authenticate(&world.service, &secret, &pipeline).await, Err(Error::Unauthenticated(_))));
}

async fn expired_and_revoked_tokens_are_left_alone(world: &World) {
    let admin = world.admin().await;
    let short = CreateToken { expires: ExpiresIn::Days(1), ..asked("short") };
    let expired = world.create(&admin, short).await.unwrap().detail.token.id.to_string();
    let (revoked, _) = create(world, &admin, "revoked").await;
    world.service.tokens().revoke(&world.access(&admin).await, &revoked).await.unwrap();
    world.service.auto_revoke().set(&world.access(&admin).await, 1).await.unwrap();
    world.clock.advance_days(5);
    assert_eq!(world.service.auto_revoke().sweep(SweepKind::Manual).await.unwrap().unwrap().revoked, 0);
    assert_eq!(state(world, &admin, &expired).await, TokenState::Expired);
    let token = world.service.tokens().get(&world.access(&admin).await, &revoked).await.unwrap().token;
    assert_eq!(token.revocation.unwrap().reason, RevocationReason::Manual);
}

async fn two_sweeps_revoke_once(world: &World) {
    let admin = world.admin().await;
    for number in 0..20 {
        create(world, &admin, &format!("token {number}")).await;
    }
    world.service.auto_revoke().set(&world.access(&admin).await, 1).await.unwrap();
    world.clock.advance_days(2);
    let other = world.replica();
    let (a, b) = tokio::join!(
        world.service.auto_revoke().sweep(SweepKind::Manual),
        other.auto_revoke().sweep(SweepKind::Manual)
    );
    let revoked = |report: Option<latchkey_service::SweepReport>| report.map_or(0, |report| report.revoked);
    assert_eq!(revoked(a.unwrap()) + revoked(b.unwrap()), 20);
    assert_eq!(world.events("token.revoked").await, 20);
}

/// The preview is of the next sweep, up to an hour ahead; a token that expires before it is still active now.
async fn looking_ahead_ends_no_token(world: &World) {
    let admin = world.admin().await;
    let asked = CreateToken { expires: ExpiresIn::Duration("10m".to_owned()), ..asked("brief") };
    world.create(&admin, asked).await.unwrap();
    world.service.auto_revoke().preview(&world.access(&admin).await, 1).await.unwrap();
    let page = world
        .service
        .tokens()
        .overview(&world.access(&admin).await, common::listing(StateFilter::Active))
        .await
        .unwrap();
    assert_eq!((page.page.tokens.len(), page.counts.active), (1, 1));
}

async fn the_preview_is_what_the_sweep_does(world: &World) {
    let admin = world.admin().await;
    create(world, &admin, "old").await;
    world.clock.advance_days(10);
    let (_, secret) = create(world, &admin, "older but used").await;
    world.clock.advance_days(10);
    common::authenticate(&world.service, &secret, &common::origin("198.51.100.9")).await.unwrap();
    create(world, &admin, "new").await;
    let preview = world.service.auto_revoke().preview(&world.access(&admin).await, 15).await.unwrap();
    let names: Vec<_> = preview.tokens.iter().map(|detail| detail.token.name.as_str()).collect();
    assert_eq!((preview.would_revoke, preview.active, names.as_slice()), (1, 3, ["old"].as_slice()));
    assert_eq!(world.service.auto_revoke().preview(&world.access(&admin).await, 0).await.unwrap().would_revoke, 0);
    for days in [-1, 366] {
        assert_eq!(
            common::fields(world.service.auto_revoke().preview(&world.access(&admin).await, days).await.unwrap_err()),
            ["apiTokenMaxDaysInactive"]
        );
    }
    world.service.auto_revoke().set(&world.access(&admin).await, 15).await.unwrap();
    assert_eq!(world.service.auto_revoke().sweep(SweepKind::Manual).await.unwrap().unwrap().revoked, 1);
}

async fn off_means_off(world: &World) {
    let admin = world.admin().await;
    create(world, &admin, "old").await;
    world.service.auto_revoke().set(&world.access(&admin).await, 1).await.unwrap();
    world.service.auto_revoke().set(&world.access(&admin).await, 0).await.unwrap();
    world.clock.advance_days(300);
    assert_eq!(world.service.auto_revoke().sweep(SweepKind::Manual).await.unwrap().unwrap().organizations, 0);
    assert_eq!(world.events("organization.auto_revoke_set").await, 2);
}

async fn a_scheduled_sweep_runs_once_an_hour(world: &World) {
    let admin = world.admin().await;
    world.service.auto_revoke().set(&world.access(&admin).await, 30).await.unwrap();
    let looked_at = async |kind| world.service.auto_revoke().sweep(kind).await.unwrap().unwrap().organizations;
    assert_eq!(looked_at(SweepKind::Scheduled).await, 1);
    assert_eq!(looked_at(SweepKind::Scheduled).await, 0);
    assert_eq!(looked_at(SweepKind::Manual).await, 1);
    assert_eq!(world.service.auto_revoke().next_sweep_at().to_string(), "2026-11-22T13:00:00Z");
    world.clock.advance_seconds(3_600);
    assert_eq!(looked_at(SweepKind::Scheduled).await, 1);
}
