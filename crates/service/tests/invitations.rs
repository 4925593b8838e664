//! Invitations.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::people::{nobody, outcome};
use common::{World, fields};
use latchkey_domain::Role;

on_both_engines!(an_invitation_makes_a_member_once, an_invitation_is_for_its_email_only,);

async fn an_invitation_makes_a_member_once(world: &World) {
    let (service, admin) = (&world.service, world.admin().await);
    let bob = nobody(world, "bob@example.com", false).await;
    let invite = async |role| service.invite(&admin, "acme", " Bob@Example.com ", role).await;
    let first = invite(Role::Viewer).await.unwrap();
    assert_eq!(outcome(invite(Role::Admin).await), "conflict");
    service.revoke_invitation(&admin, "acme", &first.id.to_string()).await.unwrap();
    assert_eq!(outcome(service.accept_invitation(&bob, &first.id.to_string()).await), "not found");
    assert_eq!(outcome(service.revoke_invitation(&admin, "acme", &first.id.to_string()).await), "not found");
    let second = invite(Role::Member).await.unwrap();
    let received = service.received_invitations(&bob, None, 10).await.unwrap().items;
    assert_eq!(received, std::slice::from_ref(&second));
    let (id, replica) = (second.id.to_string(), world.replica());
    let (one, two) = tokio::join!(service.accept_invitation(&bob, &id), replica.accept_invitation(&bob, &id));
    let mut both = [outcome(one), outcome(two)];
    both.sort_unstable();
    assert_eq!(both, ["not found", "ok"]);
    assert_eq!(service.own_membership(&bob, "acme").await.unwrap().unwrap().member.role, Role::Member);
    assert!(service.received_invitations(&bob, None, 10).await.unwrap().items.is_empty());
    assert_eq!(outcome(invite(Role::Viewer).await), "conflict", "a member is not invited");
    assert_eq!(outcome(service.revoke_invitation(&admin, "acme", &id).await), "not found");
    let sent = service.sent_invitations(&admin, "acme", None, 10).await.unwrap().items;
    assert_eq!(sent.iter().map(|sent| sent.accepted_at.is_some()).collect::<Vec<_>>(), [true]);
    assert_eq!(fields(service.invite(&admin, "acme", "bob", Role::Viewer).await.unwrap_err()), ["email"]);
    let counted = ["invitation.created", "invitation.revoked", "invitation.accepted"];
    for (action, count) in counted.into_iter().zip([2, 1, 1]) {
        assert_eq!(world.events(action).await, count, "{action}");
    }
    // Only an owner takes an owner's invitation back.
    let owner = world.person(world.acme, Role::Owner).await;
    let third = service.invite(&owner, "acme", "eve@example.com", Role::Owner).await.unwrap().id.to_string();
    assert_eq!(outcome(service.revoke_invitation(&admin, "acme", &third).await), "forbidden");
    service.revoke_invitation(&owner, "acme", &third).await.unwrap();
}

async fn an_invitation_is_for_its_email_only(world: &World) {
    let (service, admin) = (&world.service, world.admin().await);
    let invitation = service.invite(&admin, "acme", "bob@example.com", Role::Admin).await.unwrap().id.to_string();
    let eve = nobody(world, "eve@example.com", false).await;
    assert!(service.received_invitations(&eve, None, 10).await.unwrap().items.is_empty());
    assert_eq!(outcome(service.accept_invitation(&eve, &invitation).await), "not found");
    let root = nobody(world, "root@example.com", true).await;
    assert_eq!(outcome(service.accept_invitation(&root, &invitation).await), "not found");
    assert_eq!(outcome(service.organization(&eve, "acme").await.map(drop)), "not found");
}
