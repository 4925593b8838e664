//! Organizations, members, invitations and projects.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{World, asked, fields, listing, origin, scoped};
use latchkey_domain::{Email, MembershipId, Role, UserId};
use latchkey_service::{
    Caller, CreateToken, Denial, Error, ListMembers, Person, Principal, Random, Refusal, Service, Settings,
    StateFilter, SystemRandom,
};
use latchkey_store::{memberships, users};

on_both_engines!(
    roles_decide_who_does_what,
    tokens_do_what_their_scopes_say,
    another_organization_is_not_there,
    whoever_makes_an_organization_owns_it,
    making_organizations_can_be_restricted,
    a_deleted_organization_takes_its_tokens_along,
    a_token_is_not_made_while_its_organization_goes,
    an_organization_keeps_an_owner,
    owners_who_demote_each_other_leave_one,
    a_power_that_was_just_taken_away_is_gone,
    members_are_found_by_what_they_are,
    a_person_chooses_the_current_organization,
    an_invitation_makes_a_member_once,
    an_invitation_is_for_its_email_only,
    a_project_goes_when_its_tokens_are_revoked,
);

/// `ok`, or what refused.
fn outcome<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(Error::Forbidden(Denial::PeopleOnly)) => "people",
        Err(Error::Forbidden(Denial::MissingScope(_))) => "scope",
        Err(Error::Forbidden(Denial::BeyondProject)) => "project",
        Err(Error::Forbidden(_)) => "forbidden",
        Err(Error::NotFound(_)) => "not found",
        Err(Error::Conflict(_)) => "conflict",
        Err(error) => panic!("unexpected: {error:?}"),
    }
}

async fn membership(world: &World, organization: &str, caller: &Caller) -> String {
    let found = world.service.own_membership(caller, organization).await.unwrap().unwrap();
    found.member.id.to_string()
}

/// A person of this email who belongs to nothing.
async fn nobody(world: &World, email: &str, instance_admin: bool) -> Caller {
    let (id, email) = (UserId(SystemRandom.id(common::START)), Email::new(email).unwrap());
    let mut tx = world.store.begin().await.unwrap();
    users::insert(&mut tx, id, &email, None, instance_admin, common::START).await.unwrap();
    tx.commit().await.unwrap();
    let person = Person { id, email: email.as_str().to_owned(), instance_admin };
    Caller { principal: Principal::Session(person), origin: origin("203.0.113.8") }
}

/// A pipeline with an instance token of these scopes.
async fn instance_token(world: &World, scopes: &[&str]) -> Caller {
    let admin = nobody(world, &format!("{}@instance.example", SystemRandom.id(common::START)), true).await;
    let asked = CreateToken { instance: true, ..scoped(&format!("instance {scopes:?}"), scopes) };
    world.pipeline(&world.create(&admin, asked).await.unwrap()).await
}

async fn roles_decide_who_does_what(world: &World) {
    let service = &world.service;
    world.person(world.acme, Role::Owner).await;
    for (role, reads, manages, owns) in [
        (Role::Viewer, "ok", "forbidden", "forbidden"),
        (Role::Contributor, "ok", "forbidden", "forbidden"),
        (Role::Member, "ok", "forbidden", "forbidden"),
        (Role::Admin, "ok", "ok", "forbidden"),
        (Role::Owner, "ok", "ok", "ok"),
    ] {
        let caller = world.person(world.acme, role).await;
        let id = async |role| membership(world, "acme", &world.person(world.acme, role).await).await;
        let list = ListMembers::default();
        let name = |what: &str| format!("{what}-{}", role.as_str());
        let seen = [
            ("organization", outcome(service.organization(&caller, "acme").await.map(drop)), reads),
            ("members", outcome(service.members(&caller, "acme", &list, None, 10).await), reads),
            ("projects", outcome(service.list_projects(&caller, "acme", None, 10).await), reads),
            ("audit", outcome(service.events(&caller, "acme", &events()).await), manages),
            ("instance", outcome(service.instance_events(&caller, &events()).await), "forbidden"),
            ("invitations", outcome(service.sent_invitations(&caller, "acme", None, 10).await), manages),
            ("invite admin", outcome(service.invite(&caller, "acme", &invited("a", role), Role::Admin).await), manages),
            ("invite owner", outcome(service.invite(&caller, "acme", &invited("o", role), Role::Owner).await), owns),
            ("project", outcome(service.create_project(&caller, "acme", &name("p")).await), manages),
            ("no project", outcome(service.delete_project(&caller, "acme", &name("p")).await), manages),
            ("promote", outcome(change(service, &caller, &id(Role::Viewer).await, Role::Admin).await), manages),
            ("demote admin", outcome(change(service, &caller, &id(Role::Admin).await, Role::Viewer).await), manages),
            ("make owner", outcome(change(service, &caller, &id(Role::Admin).await, Role::Owner).await), owns),
            ("unmake owner", outcome(change(service, &caller, &id(Role::Owner).await, Role::Viewer).await), owns),
            ("remove", outcome(service.remove_member(&caller, "acme", &id(Role::Admin).await).await), manages),
            ("remove owner", outcome(service.remove_member(&caller, "acme", &id(Role::Owner).await).await), owns),
            (
                "raise oneself",
                outcome(change(service, &caller, &membership(world, "acme", &caller).await, Role::Owner).await),
                owns,
            ),
            (
                "leave",
                outcome(service.remove_member(&caller, "acme", &membership(world, "acme", &caller).await).await),
                "ok",
            ),
        ];
        for (what, seen, expected) in seen {
            assert_eq!(seen, expected, "{what} by {role:?}");
        }
        let another = world.person(world.acme, role).await;
        if role != Role::Owner {
            assert_eq!(outcome(service.delete_organization(&another, "acme").await), "forbidden", "{role:?}");
        }
    }
}

async fn change(service: &Service, caller: &Caller, id: &str, role: Role) -> Result<(), Error> {
    service.change_role(caller, "acme", id, role).await.map(drop)
}

fn invited(what: &str, by: Role) -> String {
    format!("{what}-by-{}@example.com", by.as_str())
}

fn events() -> latchkey_service::ListEvents {
    latchkey_service::ListEvents { limit: 50, ..Default::default() }
}

async fn tokens_do_what_their_scopes_say(world: &World) {
    let (service, admin) = (&world.service, world.admin().await);
    let id = membership(world, "acme", &admin).await;
    let website = world.project.to_string();
    let token = async |name: &str, scopes: &[&str], project: Option<&str>| {
        let asked = CreateToken { project: project.map(str::to_owned), ..scoped(name, scopes) };
        world.pipeline(&world.create(&admin, asked).await.unwrap()).await
    };
    let none = token("none", &["scans:read"], None).await;
    let reads = token("reads", &["org:read", "tokens:manage"], None).await;
    let confined = token("confined", &["org:read"], Some("Website")).await;
    let invites = instance_token(world, &["members:invite", "orgs:create"]).await;
    let instance = instance_token(world, &["org:read"]).await;
    service.create_project(&admin, "acme", "Elsewhere").await.unwrap();
    let list = ListMembers::default();
    for (what, caller, expected) in [
        ("none", &none, ["scope", "scope", "scope", "scope", "scope", "forbidden"]),
        ("reads", &reads, ["ok", "ok", "ok", "scope", "scope", "forbidden"]),
        ("confined", &confined, ["ok", "project", "project", "scope", "scope", "forbidden"]),
        ("invites", &invites, ["scope", "scope", "scope", "ok", "ok", "scope"]),
        ("instance", &instance, ["ok", "ok", "ok", "scope", "scope", "ok"]),
    ] {
        let seen = [
            outcome(service.organization(caller, "acme").await.map(drop)),
            outcome(service.members(caller, "acme", &list, None, 10).await),
            outcome(service.events(caller, "acme", &events()).await),
            outcome(service.invite(caller, "acme", &format!("{what}@example.com"), Role::Owner).await),
            outcome(service.create_organization(caller, &format!("by-{what}")).await),
            outcome(service.instance_events(caller, &events()).await),
        ];
        assert_eq!(seen, expected, "{what}");
        // For people only, whatever the scopes.
        let seen = [
            outcome(change(service, caller, &id, Role::Viewer).await),
            outcome(service.remove_member(caller, "acme", &id).await),
            outcome(service.create_project(caller, "acme", "x").await),
            outcome(service.delete_project(caller, "acme", &website).await),
            outcome(service.delete_organization(caller, "acme").await),
            outcome(service.own_memberships(caller, None, 10).await),
            outcome(service.received_invitations(caller, None, 10).await),
        ];
        assert_eq!(seen, ["people"; 7], "{what}");
    }
    let names = async |caller| -> Vec<_> {
        let page = service.list_projects(caller, "acme", None, 10).await.unwrap();
        page.items.into_iter().map(|project| project.name).collect()
    };
    assert_eq!(
        (names(&reads).await, names(&confined).await),
        (vec!["Elsewhere".into(), "Website".into()], vec!["Website".into()])
    );
    assert_eq!(outcome(service.project(&confined, "acme", "Elsewhere").await), "not found");
    let organizations = async |caller| -> Vec<_> {
        let page = service.list_organizations(caller, None, 10).await.unwrap();
        page.items.into_iter().map(|listed| listed.organization.name).collect()
    };
    assert_eq!(organizations(&confined).await, ["acme"]);
    assert_eq!(organizations(&instance).await, ["acme", "by-invites", "globex"]);
}

async fn another_organization_is_not_there(world: &World) {
    let (service, owner) = (&world.service, world.person(world.acme, Role::Owner).await);
    let stranger = world.person(world.globex, Role::Owner).await;
    let id = membership(world, "acme", &owner).await;
    let invitation = service.invite(&owner, "acme", "bob@example.com", Role::Member).await.unwrap().id.to_string();
    let project = world.project.to_string();
    for organization in ["acme", "globex"] {
        for (what, seen) in [
            ("member", outcome(service.member(&stranger, organization, &id).await)),
            ("role", outcome(service.change_role(&stranger, organization, &id, Role::Viewer).await)),
            ("remove", outcome(service.remove_member(&stranger, organization, &id).await)),
            ("invitation", outcome(service.revoke_invitation(&stranger, organization, &invitation).await)),
            ("project", outcome(service.project(&stranger, organization, &project).await)),
            ("no project", outcome(service.delete_project(&stranger, organization, &project).await)),
        ] {
            assert_eq!(seen, "not found", "{what} in {organization}");
        }
    }
    let list = ListMembers::default();
    for (what, seen) in [
        ("organization", outcome(service.organization(&stranger, "acme").await.map(drop))),
        ("delete", outcome(service.delete_organization(&stranger, "acme").await)),
        ("members", outcome(service.members(&stranger, "acme", &list, None, 10).await)),
        ("pages", outcome(service.numbered_members(&stranger, "acme", &list, 1, 10).await)),
        ("invite", outcome(service.invite(&stranger, "acme", "eve@example.com", Role::Owner).await)),
        ("sent", outcome(service.sent_invitations(&stranger, "acme", None, 10).await)),
        ("accept", outcome(service.accept_invitation(&stranger, &invitation).await)),
        ("leave", outcome(service.leave(&stranger, &id).await)),
        ("current", outcome(service.set_current_membership(&stranger, &id).await)),
        ("own", outcome(service.own_membership(&stranger, "acme").await)),
        ("projects", outcome(service.list_projects(&stranger, "acme", None, 10).await)),
        ("create", outcome(service.create_project(&stranger, "acme", "x").await)),
        ("audit", outcome(service.events(&stranger, "acme", &events()).await)),
    ] {
        assert_eq!(seen, "not found", "{what}");
    }
    let by_id = ListMembers { id: Some(id.clone()), ..list };
    assert_eq!(service.members(&stranger, "globex", &by_id, None, 10).await.unwrap().items, []);
    let own = service.list_organizations(&stranger, None, 10).await.unwrap().items;
    assert_eq!(own.iter().map(|listed| listed.organization.name.as_str()).collect::<Vec<_>>(), ["globex"]);
    assert_eq!(service.member(&owner, "acme", &id).await.unwrap().role, Role::Owner);
}

async fn whoever_makes_an_organization_owns_it(world: &World) {
    let (service, ada) = (&world.service, nobody(world, "ada@example.com", false).await);
    assert!(matches!(service.organization_of(&ada, None).await, Err(Error::Forbidden(Denial::NoOrganization))));
    let made = service.create_organization(&ada, "initech").await.unwrap();
    assert_eq!(service.organization(&ada, "initech").await.unwrap().organization, made);
    assert_eq!(service.organization_of(&ada, None).await.unwrap(), "initech");
    let own = service.own_memberships(&ada, None, 10).await.unwrap().items;
    assert_eq!((own.len(), own[0].member.role, own[0].current), (1, Role::Owner, true));
    let other = world.admin().await;
    assert_eq!(outcome(service.create_organization(&other, "initech").await), "conflict");
    for wrong in ["", "Initech", "a b", "-a", &"a".repeat(64)] {
        assert_eq!(fields(service.create_organization(&ada, wrong).await.unwrap_err()), ["name"], "{wrong}");
    }
    world.clock.advance_seconds(1);
    // One that a pipeline makes has nobody in it, until somebody accepts.
    let pipeline = instance_token(world, &["orgs:create", "members:invite"]).await;
    service.create_organization(&pipeline, "hooli").await.unwrap();
    let invitation = service.invite(&pipeline, "hooli", "ADA@example.com", Role::Owner).await.unwrap();
    let joined = service.accept_invitation(&ada, &invitation.id.to_string()).await.unwrap();
    assert_eq!((joined.organization.name.as_str(), joined.member.role, joined.current), ("hooli", Role::Owner, false));
}

async fn making_organizations_can_be_restricted(world: &World) {
    let settings = Settings { restricted_organization_creation: true };
    let (catalogue, random) = (latchkey_domain::Catalogue::built_in(), std::sync::Arc::new(SystemRandom));
    let service = Service::with_settings(world.store.clone(), catalogue, world.clock.clone(), random, settings);
    let owner = world.person(world.acme, Role::Owner).await;
    assert_eq!(outcome(service.create_organization(&owner, "initech").await), "forbidden");
    let admin = nobody(world, "root@example.com", true).await;
    service.create_organization(&admin, "initech").await.unwrap();
    service.create_organization(&instance_token(world, &["orgs:create"]).await, "hooli").await.unwrap();
}

async fn a_deleted_organization_takes_its_tokens_along(world: &World) {
    let (service, owner) = (&world.service, world.person(world.acme, Role::Owner).await);
    let created = world.create(&owner, asked("CI")).await.unwrap();
    let of_project = CreateToken { project: Some("Website".into()), ..asked("site") };
    let of_project = world.create(&owner, of_project).await.unwrap();
    let foreign = world.person(world.globex, Role::Owner).await;
    let theirs = service.create_token(&foreign, "globex", asked("CI")).await.unwrap();
    let invitation = service.invite(&owner, "acme", "bob@example.com", Role::Member).await.unwrap().id.to_string();
    world.pipeline(&created).await;
    let replica = world.replica();
    replica.authenticate(of_project.secret.reveal(), &origin("198.51.100.9")).await.unwrap();

    service.delete_organization(&owner, "acme").await.unwrap();
    for created in [&created, &of_project] {
        for service in [service, &replica] {
            let refused = service.authenticate(created.secret.reveal(), &origin("198.51.100.9")).await;
            assert!(matches!(refused, Err(Error::Unauthenticated(Refusal::Revoked))), "{refused:?}");
        }
    }
    service.authenticate(theirs.secret.reveal(), &origin("198.51.100.9")).await.unwrap();
    assert_eq!(outcome(service.organization(&owner, "acme").await.map(drop)), "not found");
    assert_eq!(outcome(service.tokens(&owner, "acme", listing(StateFilter::All)).await), "not found");
    assert_eq!(outcome(service.delete_organization(&owner, "acme").await), "not found");
    assert!(service.own_memberships(&owner, None, 10).await.unwrap().items.is_empty());
    let bob = nobody(world, "bob@example.com", false).await;
    assert!(service.received_invitations(&bob, None, 10).await.unwrap().items.is_empty());
    assert_eq!(outcome(service.accept_invitation(&bob, &invitation).await), "not found");
    // What happened is kept, and the instance admin reads of it.
    assert_eq!((world.events("token.revoked").await, world.events("organization.deleted").await), (2, 1));
    let root = nobody(world, "root@example.com", true).await;
    let seen = service.instance_events(&root, &events()).await.unwrap().items;
    assert_eq!((seen[0].action.as_str(), seen[0].target_name.as_str()), ("organization.deleted", "acme"));
    // The name is free; what comes after has nothing of what was before.
    service.create_organization(&bob, "acme").await.unwrap();
    assert!(service.tokens(&bob, "acme", listing(StateFilter::All)).await.unwrap().tokens.is_empty());
    assert!(service.list_projects(&bob, "acme", None, 10).await.unwrap().items.is_empty());
    assert_eq!(outcome(service.organization(&owner, "acme").await.map(drop)), "not found");
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
    let (made, deleted) = tokio::join!(make, world.service.delete_organization(&owner, "acme"));
    deleted.unwrap();
    for created in made {
        let refused = world.replica().authenticate(created.secret.reveal(), &origin("198.51.100.9")).await;
        assert!(matches!(refused, Err(Error::Unauthenticated(Refusal::Revoked))), "{refused:?}");
    }
}

async fn an_organization_keeps_an_owner(world: &World) {
    let (service, owner) = (&world.service, world.person(world.acme, Role::Owner).await);
    let id = membership(world, "acme", &owner).await;
    let root = nobody(world, "root@example.com", true).await;
    for caller in [&owner, &root] {
        assert_eq!(outcome(change(service, caller, &id, Role::Admin).await), "conflict");
        assert_eq!(outcome(service.remove_member(caller, "acme", &id).await), "conflict");
    }
    assert_eq!(outcome(service.leave(&owner, &id).await), "conflict");
    change(service, &owner, &id, Role::Owner).await.unwrap();
    assert_eq!(world.events("member.role_changed").await, 0);
    // With another owner, one may go, and what they made stays.
    let created = world.create(&owner, asked("CI")).await.unwrap();
    let other = world.admin().await;
    change(service, &owner, &membership(world, "acme", &other).await, Role::Owner).await.unwrap();
    service.leave(&owner, &id).await.unwrap();
    assert_eq!(outcome(service.organization(&owner, "acme").await.map(drop)), "not found");
    world.pipeline(&created).await;
    assert_eq!((world.events("member.left").await, world.events("member.role_changed").await), (1, 1));
}

async fn owners_who_demote_each_other_leave_one(world: &World) {
    let owners = [world.person(world.acme, Role::Owner).await, world.person(world.acme, Role::Owner).await];
    for round in 0..10 {
        let [a, b] = [membership(world, "acme", &owners[0]).await, membership(world, "acme", &owners[1]).await];
        let other = world.replica();
        let (one, two) = tokio::join!(
            world.service.change_role(&owners[0], "acme", &b, Role::Admin),
            other.change_role(&owners[1], "acme", &a, Role::Admin)
        );
        let (demoted, owner) = match (&one, &two) {
            (Ok(_), Err(_)) => (&b, &owners[0]),
            (Err(_), Ok(_)) => (&a, &owners[1]),
            both => panic!("round {round}: {both:?}"),
        };
        change(&world.service, owner, demoted, Role::Owner).await.unwrap();
    }
}

/// The check and the change are one: between them, the power may have gone.
async fn a_power_that_was_just_taken_away_is_gone(world: &World) {
    let service = &world.service;
    let (owner, fallen) = (world.person(world.acme, Role::Owner).await, world.person(world.acme, Role::Owner).await);
    let victim = membership(world, "acme", &owner).await;
    let fallen_id = membership(world, "acme", &fallen).await;
    world.person(world.acme, Role::Owner).await;
    for _ in 0..10 {
        let replica = world.replica();
        let (demoted, attempt) = tokio::join!(
            service.change_role(&owner, "acme", &fallen_id, Role::Viewer),
            replica.change_role(&fallen, "acme", &victim, Role::Viewer)
        );
        // Whichever came first, the other had no power any more.
        assert!(demoted.is_ok() != attempt.is_ok(), "{demoted:?} {attempt:?}");
        let (winner, restored) = if demoted.is_ok() { (&owner, &fallen_id) } else { (&fallen, &victim) };
        change(service, winner, restored, Role::Owner).await.unwrap();
    }
}

async fn members_are_found_by_what_they_are(world: &World) {
    let service = &world.service;
    let mut ids = Vec::new();
    for (email, role) in [
        ("ada@example.com", Role::Owner),
        ("adam@example.com", Role::Viewer),
        ("Bob@example.com", Role::Admin),
        ("bo_b@example.com", Role::Viewer),
        ("ädam@example.com", Role::Viewer),
    ] {
        let caller = nobody(world, email, false).await;
        let (id, person) = (MembershipId(SystemRandom.id(common::START)), caller.principal.person().unwrap().id);
        let mut tx = world.store.begin().await.unwrap();
        memberships::insert(&mut tx, id, world.acme, person, role, common::START).await.unwrap();
        tx.commit().await.unwrap();
        ids.push((id.to_string(), caller));
    }
    world.person(world.globex, Role::Viewer).await;
    let ada = &ids[0].1;
    let list = |email: &str, name: &str, role| ListMembers {
        email: Some(email.to_owned()),
        name: Some(name.to_owned()),
        role,
        id: None,
    };
    let emails = async |list: &ListMembers| -> Vec<String> {
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = service.members(ada, "acme", list, cursor.as_deref(), 2).await.unwrap();
            seen.extend(page.items.into_iter().map(|member| member.user.email.replace("@example.com", "")));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let numbered = service.numbered_members(ada, "acme", list, 1, 100).await.unwrap();
        assert_eq!((numbered.members.len(), numbered.total as usize), (seen.len(), seen.len()));
        seen
    };
    assert_eq!(emails(&list("", "", None)).await, ["ada", "adam", "bo_b", "bob", "ädam"]);
    assert_eq!(emails(&list("", "ADA", None)).await, ["ada", "adam"]);
    assert_eq!(emails(&list("", "%", None)).await, Vec::<String>::new());
    assert_eq!(emails(&list("", "bo_", None)).await, ["bo_b"]);
    assert_eq!(emails(&list("bob@EXAMPLE.com", "", None)).await, ["bob"]);
    assert_eq!(emails(&list("bob@example.com", "ada", None)).await, Vec::<String>::new());
    assert_eq!(emails(&list("nul\0@example.com", "", None)).await, Vec::<String>::new());
    assert_eq!(emails(&list("", "", Some(Role::Viewer))).await, ["adam", "bo_b", "ädam"]);
    assert_eq!(emails(&list("", "ada", Some(Role::Viewer))).await, ["adam"]);
    let by_id = |role| ListMembers { id: Some(ids[1].0.clone()), role, ..list("", "", None) };
    assert_eq!(emails(&by_id(Some(Role::Viewer))).await, ["adam"]);
    assert_eq!(emails(&by_id(Some(Role::Owner))).await, Vec::<String>::new());
    let second = service.numbered_members(ada, "acme", &list("", "", None), 2, 2).await.unwrap();
    assert_eq!((second.members[0].user.email.as_str(), second.total), ("bo_b@example.com", 5));
    let long = "x".repeat(255);
    assert_eq!(fields(service.members(ada, "acme", &list(&long, "", None), None, 2).await.unwrap_err()), ["email"]);
    assert_eq!(fields(service.members(ada, "acme", &list("", "", None), Some("zz"), 2).await.unwrap_err()), ["cursor"]);
    assert_eq!(fields(service.members(ada, "acme", &list("", "", None), None, 101).await.unwrap_err()), ["limit"]);
    for (page, size, field) in [(0, 10, "page"), (101, 100, "page"), (u32::MAX, 100, "page"), (1, 0, "page_size")] {
        let refused = service.numbered_members(ada, "acme", &list("", "", None), page, size).await.unwrap_err();
        assert_eq!(fields(refused), [field]);
    }
}

async fn a_person_chooses_the_current_organization(world: &World) {
    let (service, ada) = (&world.service, nobody(world, "ada@example.com", false).await);
    for name in ["initech", "hooli", "cyberdyne"] {
        service.create_organization(&ada, name).await.unwrap();
        world.clock.advance_seconds(1);
    }
    assert_eq!(service.organization_of(&ada, None).await.unwrap(), "initech");
    let hooli = membership(world, "hooli", &ada).await;
    assert!(service.set_current_membership(&ada, &hooli).await.unwrap().current);
    assert_eq!(service.organization_of(&ada, None).await.unwrap(), "hooli");
    let current = async |after, limit| -> Vec<_> {
        let page = service.own_memberships(&ada, after, limit).await.unwrap();
        page.items.into_iter().map(|own| (own.organization.name, own.current)).collect()
    };
    let all = [("cyberdyne".to_owned(), false), ("hooli".to_owned(), true), ("initech".to_owned(), false)];
    assert_eq!(current(None, 10).await, all);
    let first = service.own_memberships(&ada, None, 2).await.unwrap();
    assert_eq!(current(first.next.as_deref(), 2).await, all[2..]);
    // Whoever leaves it falls back to the oldest one.
    let bob = nobody(world, "bob@example.com", false).await;
    let invitation = service.invite(&ada, "hooli", "bob@example.com", Role::Owner).await.unwrap();
    service.accept_invitation(&bob, &invitation.id.to_string()).await.unwrap();
    service.leave(&ada, &hooli).await.unwrap();
    assert_eq!(service.organization_of(&ada, None).await.unwrap(), "initech");
    service.delete_organization(&ada, "initech").await.unwrap();
    assert_eq!(service.organization_of(&ada, None).await.unwrap(), "cyberdyne");
}

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
    assert_eq!(received, [second.clone()]);
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

async fn a_project_goes_when_its_tokens_are_revoked(world: &World) {
    let (service, admin) = (&world.service, world.admin().await);
    let project = service.create_project(&admin, "acme", " API ").await.unwrap();
    assert_eq!(outcome(service.create_project(&admin, "acme", "API").await), "conflict");
    assert_eq!(fields(service.create_project(&admin, "acme", " ").await.unwrap_err()), ["name"]);
    let in_project = || CreateToken { project: Some("API".into()), ..asked("CI") };
    let token = world.create(&admin, in_project()).await.unwrap().detail.token.id.to_string();
    assert_eq!(outcome(service.delete_project(&admin, "acme", "API").await), "conflict");
    service.revoke_token(&admin, "acme", &token).await.unwrap();
    let replica = world.replica();
    let (deleted, made) =
        tokio::join!(service.delete_project(&admin, "acme", "API"), replica.create_token(&admin, "acme", in_project()));
    match (outcome(deleted), made) {
        ("conflict", Ok(made)) => {
            service.revoke_token(&admin, "acme", &made.detail.token.id.to_string()).await.unwrap();
            service.delete_project(&admin, "acme", &project.id.to_string()).await.unwrap();
        }
        ("ok", Err(Error::NotFound(_) | Error::Invalid(_))) => {}
        (deleted, made) => panic!("{deleted} {made:?}"),
    }
    assert_eq!(outcome(service.delete_project(&admin, "acme", "API").await), "not found");
    assert_eq!(fields(world.create(&admin, in_project()).await.unwrap_err()), ["project"]);
    // The revoked token still says what it was of, and the name is free.
    assert_eq!(service.token(&admin, "acme", &token).await.unwrap().token.project_name, "API");
    assert_ne!(service.create_project(&admin, "acme", "API").await.unwrap().id, project.id);
    assert_eq!((world.events("project.created").await, world.events("project.deleted").await), (2, 1));
}
