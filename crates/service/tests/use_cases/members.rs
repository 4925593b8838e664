//! Who may do what, and who is who.

use crate::common;
use crate::common::people::{change, events, instance_token, membership, nobody, outcome};
use crate::common::{World, asked, fields, scoped};
use latchkey_domain::{MembershipId, Role};
use latchkey_service::{CreateToken, ListMembers, Random, SystemRandom};
use latchkey_store::memberships;

on_both_engines!(
    roles_decide_who_does_what,
    tokens_do_what_their_scopes_say,
    another_organization_is_not_there,
    an_organization_keeps_an_owner,
    owners_who_demote_each_other_leave_one,
    a_power_that_was_just_taken_away_is_gone,
    members_are_found_by_what_they_are,
);

fn invited(what: &str, by: Role) -> String {
    format!("{what}-by-{}@example.com", by.as_str())
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
            ("organization", outcome(world.organization(&caller, "acme").await), reads),
            ("members", outcome(service.members().list(&world.access(&caller).await, &list, None, 10).await), reads),
            ("projects", outcome(service.projects().list(&world.access(&caller).await, None, 10).await), reads),
            ("audit", outcome(service.audit().list(&world.access(&caller).await, &events()).await), manages),
            ("instance", outcome(service.audit().list_of_instance(&caller, &events()).await), "forbidden"),
            (
                "invitations",
                outcome(service.invitations().list_sent(&world.access(&caller).await, None, 10).await),
                manages,
            ),
            (
                "invite admin",
                outcome(
                    service.invitations().create(&world.access(&caller).await, &invited("a", role), Role::Admin).await,
                ),
                manages,
            ),
            (
                "invite owner",
                outcome(
                    service.invitations().create(&world.access(&caller).await, &invited("o", role), Role::Owner).await,
                ),
                owns,
            ),
            ("project", outcome(service.projects().create(&world.access(&caller).await, &name("p")).await), manages),
            ("no project", outcome(service.projects().delete(&world.access(&caller).await, &name("p")).await), manages),
            ("promote", outcome(change(world, &caller, &id(Role::Viewer).await, Role::Admin).await), manages),
            ("demote admin", outcome(change(world, &caller, &id(Role::Admin).await, Role::Viewer).await), manages),
            ("make owner", outcome(change(world, &caller, &id(Role::Admin).await, Role::Owner).await), owns),
            ("unmake owner", outcome(change(world, &caller, &id(Role::Owner).await, Role::Viewer).await), owns),
            (
                "remove",
                outcome(service.members().remove(&world.access(&caller).await, &id(Role::Admin).await).await),
                manages,
            ),
            (
                "remove owner",
                outcome(service.members().remove(&world.access(&caller).await, &id(Role::Owner).await).await),
                owns,
            ),
            (
                "raise oneself",
                outcome(change(world, &caller, &membership(world, "acme", &caller).await, Role::Owner).await),
                owns,
            ),
            (
                "leave",
                outcome(
                    service
                        .members()
                        .remove(&world.access(&caller).await, &membership(world, "acme", &caller).await)
                        .await,
                ),
                "ok",
            ),
        ];
        for (what, seen, expected) in seen {
            assert_eq!(seen, expected, "{what} by {role:?}");
        }
        let another = world.person(world.acme, role).await;
        if role != Role::Owner {
            assert_eq!(
                outcome(service.organizations().delete(&world.access(&another).await).await),
                "forbidden",
                "{role:?}"
            );
        }
    }
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
    service.projects().create(&world.access(&admin).await, "Elsewhere").await.unwrap();
    let list = ListMembers::default();
    for (what, caller, expected) in [
        ("none", &none, ["scope", "scope", "scope", "scope", "scope", "forbidden"]),
        ("reads", &reads, ["ok", "ok", "ok", "scope", "scope", "forbidden"]),
        ("confined", &confined, ["ok", "project", "project", "scope", "scope", "forbidden"]),
        ("invites", &invites, ["scope", "scope", "scope", "ok", "ok", "scope"]),
        ("instance", &instance, ["ok", "ok", "ok", "scope", "scope", "ok"]),
    ] {
        let seen = [
            outcome(world.organization(caller, "acme").await),
            outcome(service.members().list(&world.access(caller).await, &list, None, 10).await),
            outcome(service.audit().list(&world.access(caller).await, &events()).await),
            outcome(
                service
                    .invitations()
                    .create(&world.access(caller).await, &format!("{what}@example.com"), Role::Member)
                    .await,
            ),
            outcome(service.organizations().create(caller, &format!("by-{what}")).await),
            outcome(service.audit().list_of_instance(caller, &events()).await),
        ];
        assert_eq!(seen, expected, "{what}");
        // For people only, whatever the scopes.
        let seen = [
            outcome(change(world, caller, &id, Role::Viewer).await),
            outcome(service.members().remove(&world.access(caller).await, &id).await),
            outcome(service.projects().create(&world.access(caller).await, "x").await),
            outcome(service.projects().delete(&world.access(caller).await, &website).await),
            outcome(service.organizations().delete(&world.access(caller).await).await),
            outcome(service.memberships().list(caller, None, 10).await),
            outcome(service.invitations().list_received(caller, None, 10).await),
        ];
        assert_eq!(seen, ["people"; 7], "{what}");
    }
    let names = async |caller| -> Vec<_> {
        let page = service.projects().list(&world.access(caller).await, None, 10).await.unwrap();
        page.items.into_iter().map(|project| project.name).collect()
    };
    assert_eq!(
        (names(&reads).await, names(&confined).await),
        (vec!["Elsewhere".into(), "Website".into()], vec!["Website".into()])
    );
    assert_eq!(outcome(service.projects().get(&world.access(&confined).await, "Elsewhere").await), "not found");
    let organizations = async |caller| -> Vec<_> {
        let page = service.organizations().list(caller, None, 10).await.unwrap();
        page.items.into_iter().map(|listed| listed.organization.name).collect()
    };
    assert_eq!(organizations(&confined).await, ["acme"]);
    assert_eq!(organizations(&instance).await, ["acme", "by-invites", "globex"]);
}

async fn another_organization_is_not_there(world: &World) {
    let (service, owner) = (&world.service, world.person(world.acme, Role::Owner).await);
    let stranger = world.person(world.globex, Role::Owner).await;
    let id = membership(world, "acme", &owner).await;
    let invitation = service
        .invitations()
        .create(&world.access(&owner).await, "bob@example.com", Role::Member)
        .await
        .unwrap()
        .invitation
        .id
        .to_string();
    let project = world.project.to_string();
    for organization in ["acme", "globex"] {
        for (what, seen) in [
            ("member", outcome(within!(world, &stranger, organization, members.get(&id)))),
            ("role", outcome(within!(world, &stranger, organization, members.set_role(&id, Role::Viewer)))),
            ("remove", outcome(within!(world, &stranger, organization, members.remove(&id)))),
            ("invitation", outcome(within!(world, &stranger, organization, invitations.revoke(&invitation)))),
            ("project", outcome(within!(world, &stranger, organization, projects.get(&project)))),
            ("no project", outcome(within!(world, &stranger, organization, projects.delete(&project)))),
        ] {
            assert_eq!(seen, "not found", "{what} in {organization}");
        }
    }
    let list = ListMembers::default();
    for (what, seen) in [
        ("organization", outcome(world.organization(&stranger, "acme").await)),
        ("delete", outcome(within!(world, &stranger, "acme", organizations.delete()))),
        ("members", outcome(within!(world, &stranger, "acme", members.list(&list, None, 10)))),
        ("pages", outcome(within!(world, &stranger, "acme", members.list_numbered(&list, 1, 10)))),
        ("invite", outcome(within!(world, &stranger, "acme", invitations.create("eve@example.com", Role::Owner)))),
        ("sent", outcome(within!(world, &stranger, "acme", invitations.list_sent(None, 10)))),
        ("accept", outcome(service.invitations().accept(&stranger, &invitation).await)),
        ("leave", outcome(service.memberships().leave(&stranger, &id).await)),
        ("current", outcome(service.memberships().set_current(&stranger, &id).await)),
        ("own", outcome(within!(world, &stranger, "acme", memberships.get()))),
        ("projects", outcome(within!(world, &stranger, "acme", projects.list(None, 10)))),
        ("create", outcome(within!(world, &stranger, "acme", projects.create("x")))),
        ("audit", outcome(within!(world, &stranger, "acme", audit.list(&events())))),
    ] {
        assert_eq!(seen, "not found", "{what}");
    }
    let by_id = ListMembers { id: Some(id.clone()), ..list };
    assert_eq!(
        service.members().list(&world.access_to(&stranger, "globex").await, &by_id, None, 10).await.unwrap().items,
        []
    );
    let own = service.organizations().list(&stranger, None, 10).await.unwrap().items;
    assert_eq!(own.iter().map(|listed| listed.organization.name.as_str()).collect::<Vec<_>>(), ["globex"]);
    assert_eq!(service.members().get(&world.access(&owner).await, &id).await.unwrap().role, Role::Owner);
}

async fn an_organization_keeps_an_owner(world: &World) {
    let (service, owner) = (&world.service, world.person(world.acme, Role::Owner).await);
    let id = membership(world, "acme", &owner).await;
    let root = nobody(world, "root@example.com", true).await;
    for caller in [&owner, &root] {
        assert_eq!(outcome(change(world, caller, &id, Role::Admin).await), "conflict");
        assert_eq!(outcome(service.members().remove(&world.access(caller).await, &id).await), "conflict");
    }
    assert_eq!(outcome(service.memberships().leave(&owner, &id).await), "conflict");
    change(world, &owner, &id, Role::Owner).await.unwrap();
    assert_eq!(world.events("member.role_changed").await, 0);
    // With another owner, one may go, and what they made stays.
    let created = world.create(&owner, asked("CI")).await.unwrap();
    let other = world.admin().await;
    change(world, &owner, &membership(world, "acme", &other).await, Role::Owner).await.unwrap();
    service.memberships().leave(&owner, &id).await.unwrap();
    assert_eq!(outcome(world.organization(&owner, "acme").await), "not found");
    world.pipeline(&created).await;
    assert_eq!((world.events("member.left").await, world.events("member.role_changed").await), (1, 1));
}

async fn owners_who_demote_each_other_leave_one(world: &World) {
    let owners = [world.person(world.acme, Role::Owner).await, world.person(world.acme, Role::Owner).await];
    for round in 0..10 {
        let [a, b] = [membership(world, "acme", &owners[0]).await, membership(world, "acme", &owners[1]).await];
        let other = world.replica();
        let first = world.access(&owners[0]).await;
        let second = world.access(&owners[1]).await;
        let (one, two) = tokio::join!(
            world.service.members().set_role(&first, &b, Role::Admin),
            other.members().set_role(&second, &a, Role::Admin)
        );
        let (demoted, owner) = match (&one, &two) {
            (Ok(_), Err(_)) => (&b, &owners[0]),
            (Err(_), Ok(_)) => (&a, &owners[1]),
            both => panic!("round {round}: {both:?}"),
        };
        change(world, owner, demoted, Role::Owner).await.unwrap();
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
        let first = world.access(&owner).await;
        let second = world.access(&fallen).await;
        let (demoted, attempt) = tokio::join!(
            service.members().set_role(&first, &fallen_id, Role::Viewer),
            replica.members().set_role(&second, &victim, Role::Viewer)
        );
        // Whichever came first, the other had no power any more.
        assert!(demoted.is_ok() != attempt.is_ok(), "{demoted:?} {attempt:?}");
        let (winner, restored) = if demoted.is_ok() { (&owner, &fallen_id) } else { (&fallen, &victim) };
        change(world, winner, restored, Role::Owner).await.unwrap();
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
        let mut tx = world.store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
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
            let page = service.members().list(&world.access(ada).await, list, cursor.as_deref(), 2).await.unwrap();
            seen.extend(page.items.into_iter().map(|member| member.user.email.replace("@example.com", "")));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let numbered = service.members().list_numbered(&world.access(ada).await, list, 1, 100).await.unwrap();
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
    let second = service.members().list_numbered(&world.access(ada).await, &list("", "", None), 2, 2).await.unwrap();
    assert_eq!((second.members[0].user.email.as_str(), second.total), ("bo_b@example.com", 5));
    let long = "x".repeat(255);
    assert_eq!(
        fields(service.members().list(&world.access(ada).await, &list(&long, "", None), None, 2).await.unwrap_err()),
        ["email"]
    );
    assert_eq!(
        fields(service.members().list(&world.access(ada).await, &list("", "", None), Some("zz"), 2).await.unwrap_err()),
        ["cursor"]
    );
    assert_eq!(
        fields(service.members().list(&world.access(ada).await, &list("", "", None), None, 101).await.unwrap_err()),
        ["limit"]
    );
    for (page, size, field) in [(0, 10, "page"), (101, 100, "page"), (u32::MAX, 100, "page"), (1, 0, "page_size")] {
        let refused = service
            .members()
            .list_numbered(&world.access(ada).await, &list("", "", None), page, size)
            .await
            .unwrap_err();
        assert_eq!(fields(refused), [field]);
    }
}
