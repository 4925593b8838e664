//! Organizations and their projects, from the first day to the last.

use crate::common;
use crate::common::people::{events, instance_token, membership, nobody, outcome};
use crate::common::{World, asked, fields, listing, origin};
use latchkey_domain::Role;
use latchkey_service::{
    AuthenticationError, AuthorizationError, CreateToken, Error, RootKey, Service, Settings, StateFilter, SystemRandom,
};

on_both_engines!(
    whoever_makes_an_organization_owns_it,
    making_organizations_can_be_restricted,
    a_deleted_organization_takes_its_tokens_along,
    a_large_organization_is_deleted_in_steps,
    a_token_is_not_made_while_its_organization_goes,
    a_person_chooses_the_current_organization,
    a_project_goes_when_its_tokens_are_revoked,
);

async fn whoever_makes_an_organization_owns_it(world: &World) {
    let (service, ada) = (&world.service, nobody(world, "ada@example.com", false).await);
    assert!(matches!(
        service.organizations().resolve(&ada, None).await,
        Err(Error::Forbidden(AuthorizationError::NoOrganization))
    ));
    let made = service.organizations().create(&ada, "initech").await.unwrap();
    assert_eq!(world.organization(&ada, "initech").await.unwrap(), made);
    assert_eq!(service.organizations().resolve(&ada, None).await.unwrap(), "initech");
    let own = service.memberships().list(&ada, None, 10).await.unwrap().items;
    assert_eq!((own.len(), own[0].member.role, own[0].current), (1, Role::Owner, true));
    let other = world.admin().await;
    assert_eq!(outcome(service.organizations().create(&other, "initech").await), "conflict");
    for wrong in ["", "Initech", "a b", "-a", &"a".repeat(64)] {
        assert_eq!(fields(service.organizations().create(&ada, wrong).await.unwrap_err()), ["name"], "{wrong}");
    }
    world.clock.advance_seconds(1);
    // One that a pipeline makes has nobody in it, until somebody accepts; and its owner is not for a token to name.
    let pipeline = instance_token(world, &["orgs:create", "members:invite"]).await;
    service.organizations().create(&pipeline, "hooli").await.unwrap();
    for role in [Role::Owner, Role::Admin] {
        assert_eq!(
            outcome(
                service.invitations().create(&world.access_to(&pipeline, "hooli").await, "ada@example.com", role).await
            ),
            "people"
        );
    }
    let root = nobody(world, "root@example.com", true).await;
    let invitation = service
        .invitations()
        .create(&world.access_to(&root, "hooli").await, "ADA@example.com", Role::Owner)
        .await
        .unwrap()
        .invitation;
    let joined = service.invitations().accept(&ada, &invitation.id.to_string()).await.unwrap();
    assert_eq!((joined.organization.name.as_str(), joined.member.role, joined.current), ("hooli", Role::Owner, false));
}

async fn making_organizations_can_be_restricted(world: &World) {
    let settings = Settings { restricted_organization_creation: true, ..Settings::default() };
    let (catalogue, random) = (latchkey_domain::Catalogue::built_in(), std::sync::Arc::new(SystemRandom));
    let key = RootKey::new(&[7; 32]).unwrap();
    let service = Service::with_settings(world.store.clone(), catalogue, world.clock.clone(), random, key, settings);
    let owner = world.person(world.acme, Role::Owner).await;
    assert_eq!(outcome(service.organizations().create(&owner, "initech").await), "forbidden");
    let admin = nobody(world, "root@example.com", true).await;
    service.organizations().create(&admin, "initech").await.unwrap();
    service.organizations().create(&instance_token(world, &["orgs:create"]).await, "hooli").await.unwrap();
}

async fn a_deleted_organization_takes_its_tokens_along(world: &World) {
    let (service, owner) = (&world.service, world.person(world.acme, Role::Owner).await);
    let created = world.create(&owner, asked("CI")).await.unwrap();
    let of_project = CreateToken { project: Some("Website".into()), ..asked("site") };
    let of_project = world.create(&owner, of_project).await.unwrap();
    let foreign = world.person(world.globex, Role::Owner).await;
    let theirs = service.tokens().create(&world.access_to(&foreign, "globex").await, asked("CI")).await.unwrap();
    let invitation = service
        .invitations()
        .create(&world.access(&owner).await, "bob@example.com", Role::Member)
        .await
        .unwrap()
        .invitation
        .id
        .to_string();
    world.pipeline(&created).await;
    let replica = world.replica();
    common::authenticate(&replica, of_project.secret.reveal(), &origin("198.51.100.9")).await.unwrap();

    service.organizations().delete(&world.access(&owner).await).await.unwrap();
    for created in [&created, &of_project] {
        for service in [service, &replica] {
            let refused = common::authenticate(service, created.secret.reveal(), &origin("198.51.100.9")).await;
            assert!(matches!(refused, Err(Error::Unauthenticated(AuthenticationError::Revoked))), "{refused:?}");
        }
    }
    common::authenticate(service, theirs.secret.reveal(), &origin("198.51.100.9")).await.unwrap();
    assert_eq!(outcome(world.organization(&owner, "acme").await), "not found");
    assert_eq!(outcome(within!(world, &owner, "acme", tokens.list(listing(StateFilter::All)))), "not found");
    assert_eq!(outcome(within!(world, &owner, "acme", organizations.delete())), "not found");
    assert!(service.memberships().list(&owner, None, 10).await.unwrap().items.is_empty());
    let bob = nobody(world, "bob@example.com", false).await;
    assert!(service.invitations().list_received(&bob, None, 10).await.unwrap().items.is_empty());
    assert_eq!(outcome(service.invitations().accept(&bob, &invitation).await), "not found");
    // What happened is kept, and the instance admin reads of it.
    assert_eq!((world.events("token.revoked").await, world.events("organization.deleted").await), (2, 1));
    let root = nobody(world, "root@example.com", true).await;
    let seen = service.audit().list_of_instance(&root, &events()).await.unwrap().items;
    assert_eq!((seen[0].action.as_str(), seen[0].target_name.as_str()), ("organization.deleted", "acme"));
    // The name stays taken, so that nobody can pass for it, until an instance admin frees it.
    assert_eq!(outcome(service.organizations().create(&bob, "acme").await), "conflict");
    assert_eq!(outcome(service.organizations().list_deleted(&bob, None, 10).await), "forbidden");
    assert_eq!(outcome(service.organizations().free_name(&bob, "acme").await), "forbidden");
    let taken = service.organizations().list_deleted(&root, None, 10).await.unwrap().items;
    assert_eq!(taken.iter().map(|taken| taken.name.as_str()).collect::<Vec<_>>(), ["acme"]);
    assert_eq!(outcome(service.organizations().free_name(&root, "globex").await), "not found");
    service.organizations().free_name(&root, "acme").await.unwrap();
    assert!(service.organizations().list_deleted(&root, None, 10).await.unwrap().items.is_empty());
    // What comes after has nothing of what was before.
    service.organizations().create(&bob, "acme").await.unwrap();
    assert!(
        service.tokens().list(&world.access(&bob).await, listing(StateFilter::All)).await.unwrap().tokens.is_empty()
    );
    assert!(service.projects().list(&world.access(&bob).await, None, 10).await.unwrap().items.is_empty());
    assert_eq!(outcome(world.organization(&owner, "acme").await), "not found");
}

/// More tokens than one transaction revokes.
async fn a_large_organization_is_deleted_in_steps(world: &World) {
    let owner = world.person(world.acme, Role::Owner).await;
    let mut last = None;
    for number in 0..501 {
        last = Some(world.create(&owner, asked(&format!("token {number}"))).await.unwrap());
    }
    world.service.organizations().delete(&world.access(&owner).await).await.unwrap();
    assert_eq!((world.events("token.revoked").await, world.events("organization.deleted").await), (501, 1));
    let refused = common::authenticate(&world.service, last.unwrap().secret.reveal(), &origin("198.51.100.9")).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(AuthenticationError::Revoked))));
}

async fn a_token_is_not_made_while_its_organization_goes(world: &World) {
    let owner = world.person(world.acme, Role::Owner).await;
    for number in 0..5 {
        world.create(&owner, asked(&format!("token {number}"))).await.unwrap();
    }
    let admin = world.admin().await;
    let make = async {
        let mut made = Vec::new();
        for number in 0..40 {
            made.extend(world.create(&admin, asked(&format!("late {number}"))).await.ok());
        }
        made
    };
    let access = world.access(&owner).await;
    let (made, deleted) = tokio::join!(make, world.service.organizations().delete(&access));
    deleted.unwrap();
    for created in made {
        let refused = common::authenticate(&world.replica(), created.secret.reveal(), &origin("198.51.100.9")).await;
        assert!(matches!(refused, Err(Error::Unauthenticated(AuthenticationError::Revoked))), "{refused:?}");
    }
}

async fn a_person_chooses_the_current_organization(world: &World) {
    let (service, ada) = (&world.service, nobody(world, "ada@example.com", false).await);
    for name in ["initech", "hooli", "cyberdyne"] {
        service.organizations().create(&ada, name).await.unwrap();
        world.clock.advance_seconds(1);
    }
    assert_eq!(service.organizations().resolve(&ada, None).await.unwrap(), "initech");
    let hooli = membership(world, "hooli", &ada).await;
    assert!(service.memberships().set_current(&ada, &hooli).await.unwrap().current);
    assert_eq!(service.organizations().resolve(&ada, None).await.unwrap(), "hooli");
    let current = async |after, limit| -> Vec<_> {
        let page = service.memberships().list(&ada, after, limit).await.unwrap();
        page.items.into_iter().map(|own| (own.organization.name, own.current)).collect()
    };
    let all = [("cyberdyne".to_owned(), false), ("hooli".to_owned(), true), ("initech".to_owned(), false)];
    assert_eq!(current(None, 10).await, all);
    let first = service.memberships().list(&ada, None, 2).await.unwrap();
    assert_eq!(current(first.next.as_deref(), 2).await, all[2..]);
    // Whoever leaves it falls back to the oldest one.
    let bob = nobody(world, "bob@example.com", false).await;
    let invitation = service
        .invitations()
        .create(&world.access_to(&ada, "hooli").await, "bob@example.com", Role::Owner)
        .await
        .unwrap()
        .invitation;
    service.invitations().accept(&bob, &invitation.id.to_string()).await.unwrap();
    service.memberships().leave(&ada, &hooli).await.unwrap();
    assert_eq!(service.organizations().resolve(&ada, None).await.unwrap(), "initech");
    service.organizations().delete(&world.access_to(&ada, "initech").await).await.unwrap();
    assert_eq!(service.organizations().resolve(&ada, None).await.unwrap(), "cyberdyne");
}

async fn a_project_goes_when_its_tokens_are_revoked(world: &World) {
    let (service, admin) = (&world.service, world.admin().await);
    let project = service.projects().create(&world.access(&admin).await, " API ").await.unwrap();
    assert_eq!(outcome(service.projects().create(&world.access(&admin).await, "API").await), "conflict");
    assert_eq!(fields(service.projects().create(&world.access(&admin).await, " ").await.unwrap_err()), ["name"]);
    let in_project = || CreateToken { project: Some("API".into()), ..asked("CI") };
    let token = world.create(&admin, in_project()).await.unwrap().detail.token.id.to_string();
    assert_eq!(outcome(service.projects().delete(&world.access(&admin).await, "API").await), "conflict");
    service.tokens().revoke(&world.access(&admin).await, &token).await.unwrap();
    let replica = world.replica();
    let access = world.access(&admin).await;
    let (deleted, made) =
        tokio::join!(service.projects().delete(&access, "API"), replica.tokens().create(&access, in_project()));
    match (outcome(deleted), made) {
        ("conflict", Ok(made)) => {
            service.tokens().revoke(&world.access(&admin).await, &made.detail.token.id.to_string()).await.unwrap();
            service.projects().delete(&world.access(&admin).await, &project.id.to_string()).await.unwrap();
        }
        ("ok", Err(Error::NotFound(_) | Error::Invalid(_))) => {}
        (deleted, made) => panic!("{deleted} {made:?}"),
    }
    assert_eq!(outcome(service.projects().delete(&world.access(&admin).await, "API").await), "not found");
    assert_eq!(fields(world.create(&admin, in_project()).await.unwrap_err()), ["project"]);
    // The revoked token still says what it was of, and the name is free.
    assert_eq!(service.tokens().get(&world.access(&admin).await, &token).await.unwrap().token.project_name, "API");
    assert_ne!(service.projects().create(&world.access(&admin).await, "API").await.unwrap().id, project.id);
    assert_eq!((world.events("project.created").await, world.events("project.deleted").await), (2, 1));
}
