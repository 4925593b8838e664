//! Invitations.

use crate::common;
use crate::common::people::{instance_token, membership, nobody, outcome};
use crate::common::{World, fields, origin};
use latchkey_domain::Role;
use latchkey_service::{Browser, Caller, Error, PreconditionError, Principal};

on_both_engines!(
    an_invitation_makes_a_member_once,
    an_invitation_is_for_its_email_only,
    a_link_makes_an_account_once,
    only_who_acts_on_the_instance_gets_a_link,
    an_invitation_is_worth_no_more_than_its_sender,
);

async fn an_invitation_makes_a_member_once(world: &World) {
    let (service, admin) = (&world.service, world.admin().await);
    let bob = nobody(world, "bob@example.com", false).await;
    let invite =
        async |role| service.invitations().create(&world.access(&admin).await, " Bob@Example.com ", role).await;
    let first = invite(Role::Viewer).await.unwrap().invitation;
    assert_eq!(outcome(invite(Role::Admin).await), "conflict");
    service.invitations().revoke(&world.access(&admin).await, &first.id.to_string()).await.unwrap();
    assert_eq!(outcome(service.invitations().accept(&bob, &first.id.to_string()).await), "not found");
    assert_eq!(
        outcome(service.invitations().revoke(&world.access(&admin).await, &first.id.to_string()).await),
        "not found"
    );
    let second = invite(Role::Member).await.unwrap().invitation;
    let received = service.invitations().list_received(&bob, None, 10).await.unwrap().items;
    assert_eq!(received, std::slice::from_ref(&second));
    let (id, replica) = (second.id.to_string(), world.replica());
    let (one, two) = tokio::join!(service.invitations().accept(&bob, &id), replica.invitations().accept(&bob, &id));
    let mut both = [outcome(one), outcome(two)];
    both.sort_unstable();
    assert_eq!(both, ["not found", "ok"]);
    assert_eq!(service.memberships().get(&world.access(&bob).await).await.unwrap().unwrap().member.role, Role::Member);
    assert!(service.invitations().list_received(&bob, None, 10).await.unwrap().items.is_empty());
    assert_eq!(outcome(invite(Role::Viewer).await), "conflict", "a member is not invited");
    assert_eq!(outcome(service.invitations().revoke(&world.access(&admin).await, &id).await), "not found");
    let sent = service.invitations().list_sent(&world.access(&admin).await, None, 10).await.unwrap().items;
    assert_eq!(sent.iter().map(|sent| sent.accepted_at.is_some()).collect::<Vec<_>>(), [true]);
    assert_eq!(
        fields(service.invitations().create(&world.access(&admin).await, "bob", Role::Viewer).await.unwrap_err()),
        ["email"]
    );
    let counted = ["invitation.created", "invitation.revoked", "invitation.accepted"];
    for (action, count) in counted.into_iter().zip([2, 1, 1]) {
        assert_eq!(world.events(action).await, count, "{action}");
    }
    // Only an owner takes an owner's invitation back.
    let owner = world.person(world.acme, Role::Owner).await;
    let third = service
        .invitations()
        .create(&world.access(&owner).await, "eve@example.com", Role::Owner)
        .await
        .unwrap()
        .invitation
        .id
        .to_string();
    assert_eq!(outcome(service.invitations().revoke(&world.access(&admin).await, &third).await), "forbidden");
    service.invitations().revoke(&world.access(&owner).await, &third).await.unwrap();
}

async fn an_invitation_is_worth_no_more_than_its_sender(world: &World) {
    let (service, owner) = (&world.service, world.person(world.acme, Role::Owner).await);
    let bob = nobody(world, "bob@example.com", false).await;
    let root = nobody(world, "root@example.com", true).await;
    let accept = async |id: &str| service.invitations().accept(&bob, id).await;
    let lost = |done: Result<_, Error>| matches!(done, Err(Error::Precondition(PreconditionError::SenderLost)));
    for way in ["demoted", "removed", "locked"] {
        let sender = world.admin().await;
        let membership = membership(world, "acme", &sender).await;
        let sent = service
            .invitations()
            .create(&world.access(&sender).await, "bob@example.com", Role::Admin)
            .await
            .unwrap()
            .invitation;
        match way {
            "demoted" => {
                drop(service.members().set_role(&world.access(&owner).await, &membership, Role::Member).await.unwrap())
            }
            "removed" => service.members().remove(&world.access(&owner).await, &membership).await.unwrap(),
            _ => {
                let id = sender.principal.person().unwrap().id.to_string();
                service.users().set_locked(&root, &id, true).await.unwrap();
            }
        }
        assert!(lost(accept(&sent.id.to_string()).await.map(drop)), "{way}");
        service.invitations().revoke(&world.access(&owner).await, &sent.id.to_string()).await.unwrap();
    }
    // By a token, with its link: it ends with the token.
    let token = instance_token(world, &["members:invite"]).await;
    let sent =
        service.invitations().create(&world.access(&token).await, "new@example.com", Role::Member).await.unwrap();
    let Principal::ApiToken(own) = &token.principal else { panic!("a token") };
    service.tokens().revoke(&world.access_to(&root, "").await, &own.id.to_string()).await.unwrap();
    let link = sent.link.unwrap();
    let joined = service
        .invitations()
        .join(&origin("192.0.2.7"), Browser::default(), link.reveal(), "correct horse battery")
        .await;
    assert!(lost(joined.map(drop)));
    // Who has nothing against them joins.
    let sent = service
        .invitations()
        .create(&world.access(&owner).await, "bob@example.com", Role::Admin)
        .await
        .unwrap()
        .invitation;
    accept(&sent.id.to_string()).await.unwrap();
}

async fn an_invitation_is_for_its_email_only(world: &World) {
    let (service, admin) = (&world.service, world.admin().await);
    let invitation = service
        .invitations()
        .create(&world.access(&admin).await, "bob@example.com", Role::Admin)
        .await
        .unwrap()
        .invitation
        .id
        .to_string();
    let eve = nobody(world, "eve@example.com", false).await;
    assert!(service.invitations().list_received(&eve, None, 10).await.unwrap().items.is_empty());
    assert_eq!(outcome(service.invitations().accept(&eve, &invitation).await), "not found");
    let root = nobody(world, "root@example.com", true).await;
    assert_eq!(outcome(service.invitations().accept(&root, &invitation).await), "not found");
    assert_eq!(outcome(world.organization(&eve, "acme").await), "not found");
}

const PASSWORD: &str = "correct horse battery";

async fn link(world: &World, caller: &Caller, email: &str) -> String {
    let made = world.service.invitations().create(&world.access(caller).await, email, Role::Member).await.unwrap();
    made.link.unwrap().reveal().to_owned()
}

async fn a_link_makes_an_account_once(world: &World) {
    let (service, root) = (&world.service, nobody(world, "root@example.com", true).await);
    let bob = link(world, &root, "Bob@example.com").await;
    assert_eq!(service.invitations().by_link(&bob).await.unwrap().unwrap().email, "bob@example.com");
    let from = origin("203.0.113.9");
    assert_eq!(
        fields(service.invitations().join(&from, Browser::default(), &bob, "short").await.unwrap_err()),
        ["password"]
    );
    let replica = world.replica();
    let (one, two) = tokio::join!(
        service.invitations().join(&from, Browser::default(), &bob, PASSWORD),
        replica.invitations().join(&from, Browser::default(), &bob, PASSWORD)
    );
    let (joined, refused) = if one.is_ok() { (one, two) } else { (two, one) };
    let joined = joined.unwrap();
    assert_eq!(outcome(refused), "not found");
    assert_eq!((joined.person.email.as_str(), joined.person.instance_admin), ("bob@example.com", false));
    assert_eq!(service.sessions().person(joined.session).await.unwrap().unwrap(), joined.person);
    service.sessions().sign_in(&from, Browser::default(), "bob@example.com", PASSWORD).await.unwrap();
    let caller = Caller { principal: Principal::Session(joined.person), origin: from.clone() };
    assert_eq!(
        service.memberships().get(&world.access(&caller).await).await.unwrap().unwrap().member.role,
        Role::Member
    );
    assert_eq!(world.events("invitation.accepted").await, 1);

    // Not after a week, not once it is revoked, not for an account that came in the meantime, not made up.
    let eve = link(world, &root, "eve@example.com").await;
    world.clock.advance_days(7);
    assert!(service.invitations().by_link(&eve).await.unwrap().is_some());
    world.clock.advance_seconds(1);
    assert_eq!(outcome(service.invitations().join(&from, Browser::default(), &eve, PASSWORD).await), "not found");
    let carl = link(world, &root, "carl@example.com").await;
    nobody(world, "carl@example.com", false).await;
    assert_eq!(outcome(service.invitations().join(&from, Browser::default(), &carl, PASSWORD).await), "conflict");
    let sent = service.invitations().list_sent(&world.access(&root).await, None, 10).await.unwrap().items;
    assert_eq!((sent[0].email.as_str(), sent[0].accepted_at), ("carl@example.com", None));
    service.invitations().revoke(&world.access(&root).await, &sent[0].id.to_string()).await.unwrap();
    assert_eq!(outcome(service.invitations().join(&from, Browser::default(), &carl, PASSWORD).await), "not found");
    for made_up in ["", "lkj_", &carl.replacen("lkj_", "lki_", 1), &carl[..39]] {
        assert_eq!(
            outcome(service.invitations().join(&from, Browser::default(), made_up, PASSWORD).await),
            "not found",
            "{made_up}"
        );
    }
    // It is no credential of the API.
    assert!(common::authenticate(service, &carl, &from).await.is_err());
}

/// Otherwise an organization could make itself an account of anybody's email, and accept what is sent there.
async fn only_who_acts_on_the_instance_gets_a_link(world: &World) {
    let owner = world.person(world.acme, Role::Owner).await;
    let root = nobody(world, "root@example.com", true).await;
    let pipeline = instance_token(world, &["members:invite"]).await;
    nobody(world, "known@example.com", false).await;
    for (caller, email, given) in [
        (&owner, "a@example.com", false),
        (&root, "b@example.com", true),
        (&pipeline, "c@example.com", true),
        (&root, "known@example.com", false),
    ] {
        let made = world.service.invitations().create(&world.access(caller).await, email, Role::Viewer).await.unwrap();
        assert_eq!(made.link.is_some(), given, "{email}");
    }
}
