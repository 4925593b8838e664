//! Organizations, projects and memberships.

use latchkey_domain::{
    InactivityThreshold, MembershipId, OrganizationId, OrganizationName, ProjectId, ProjectName, Role,
};
use latchkey_store::{
    Conflict, memberships,
    organizations::{self, Organization},
    projects::{self, Project},
};

use crate::{
    database::on_both_engines,
    given::{Given, NOW, conflict},
};

on_both_engines!(
    names_are_taken_once,
    a_membership_gives_a_role,
    the_oldest_membership_is_the_default,
    organizations_are_listed_by_name,
    thresholds_are_set_and_swept,
    projects_belong_to_their_organization,
);

async fn names_are_taken_once(given: &Given) {
    let name = OrganizationName::new("acme").unwrap();
    let again = given.try_write(async |tx| organizations::insert(tx, OrganizationId(given.id()), &name, NOW).await);
    assert_eq!(conflict(again.await), Conflict::OrganizationName);

    let mut project =
        Project { id: ProjectId(given.id()), organization_id: given.acme, name: "web".into(), created_at: NOW };
    let name = ProjectName::new("web").unwrap();
    let again = given.try_write(async |tx| projects::insert(tx, &project, &name).await).await;
    assert_eq!(conflict(again), Conflict::ProjectName);
    project.organization_id = given.other;
    given.write(async |tx| projects::insert(tx, &project, &name).await).await;
}

async fn a_membership_gives_a_role(given: &Given) {
    let ada = given.user("ada@example.com").await;
    let join = |role| {
        given.try_write(async move |tx| {
            memberships::insert(tx, MembershipId(given.id()), given.acme, ada, role, NOW).await
        })
    };
    assert_eq!(memberships::role(given.store(), given.acme, ada).await.unwrap(), None);
    join(Role::Member).await.unwrap();
    assert_eq!(memberships::role(given.store(), given.acme, ada).await.unwrap(), Some(Role::Member));
    assert_eq!(memberships::role(given.store(), given.other, ada).await.unwrap(), None);
    assert_eq!(conflict(join(Role::Owner).await), Conflict::Membership);
    assert_eq!(memberships::role(given.store(), given.acme, ada).await.unwrap(), Some(Role::Member));

    let seen = async |name: &str| organizations::by_name_with_role(given.store(), name, ada).await.unwrap();
    let role = async |name: &str| seen(name).await.map(|(organization, role)| (organization.id, role));
    assert_eq!(role("acme").await, Some((given.acme, Some(Role::Member))));
    assert_eq!(role("other").await, Some((given.other, None)));
    assert_eq!(role("nobody").await, None);
    assert_eq!(role("acme\0").await, None);
}

async fn the_oldest_membership_is_the_default(given: &Given) {
    let ada = given.user("ada@example.com").await;
    let bob = given.user("bob@example.com").await;
    assert_eq!(organizations::default_of_user(given.store(), ada).await.unwrap(), None);
    let zoo = given.organization("zoo").await;
    for (user, organization, role, seconds) in [
        (ada, given.acme, Role::Viewer, 3),
        (ada, zoo, Role::Owner, 1),
        (ada, given.other, Role::Admin, 2),
        (bob, given.acme, Role::Owner, 0),
    ] {
        let at = NOW.plus_seconds(seconds);
        given
            .write(async |tx| memberships::insert(tx, MembershipId(given.id()), organization, user, role, at).await)
            .await;
    }
    assert_eq!(organizations::default_of_user(given.store(), ada).await.unwrap().unwrap().id, zoo);
    let of_user = async |limit| -> Vec<_> {
        let all = organizations::of_user(given.store(), ada, limit).await.unwrap();
        all.into_iter().map(|(organization, role)| (organization.name, role)).collect()
    };
    let expected =
        [("acme".to_owned(), Role::Viewer), ("other".to_owned(), Role::Admin), ("zoo".to_owned(), Role::Owner)];
    assert_eq!(of_user(10).await, expected);
    assert_eq!(of_user(2).await, expected[..2]);
}

async fn organizations_are_listed_by_name(given: &Given) {
    for name in ["acme-2", "acme2", "0"] {
        given.organization(name).await;
    }
    let names = async |after: &str, limit| -> Vec<String> {
        let all = organizations::all(given.store(), after, limit).await.unwrap();
        all.into_iter().map(|organization| organization.name).collect()
    };
    // By bytes: a collation of a language would pass over the hyphen.
    assert_eq!(names("", 10).await, ["0", "acme", "acme-2", "acme2", "other"]);
    assert_eq!(names("acme", 2).await, ["acme-2", "acme2"]);
}

async fn thresholds_are_set_and_swept(given: &Given) {
    let store = given.store();
    let expected =
        Organization { id: given.acme, name: "acme".into(), threshold: None, created_at: NOW, updated_at: NOW };
    assert_eq!(organizations::by_name(store, "acme").await.unwrap(), Some(expected.clone()));
    assert_eq!(organizations::by_name(store, "Acme").await.unwrap(), None);

    let later = NOW.plus_seconds(1);
    let days = |days| InactivityThreshold::from_setting(days).unwrap();
    let set = |id, days| given.write(async move |tx| organizations::set_threshold(tx, id, days, later).await);
    assert!(set(given.acme, days(365)).await);
    assert!(!set(OrganizationId(given.id()), days(1)).await);
    let changed = Organization { threshold: days(365), updated_at: later, ..expected };
    assert_eq!(organizations::by_id(store, given.acme).await.unwrap(), Some(changed.clone()));

    let third = given.organization("third").await;
    assert!(set(third, days(1)).await);
    let swept = async |after, limit| -> Vec<_> {
        let all = organizations::with_threshold(store, after, limit).await.unwrap();
        all.into_iter().map(|organization| organization.id).collect()
    };
    let first = OrganizationId(uuid::Uuid::nil());
    assert_eq!(swept(first, 10).await, [given.acme, third]);
    assert_eq!(swept(first, 1).await, [given.acme]);
    assert_eq!(swept(given.acme, 10).await, [third]);
    assert!(set(third, None).await);
    assert_eq!(swept(first, 10).await, [given.acme]);
}

async fn projects_belong_to_their_organization(given: &Given) {
    let store = given.store();
    given.project(given.acme, "API").await;
    given.project(given.other, "theirs").await;
    let web = Project { id: given.project, organization_id: given.acme, name: "web".into(), created_at: NOW };
    assert_eq!(projects::by_id(store, given.acme, given.project).await.unwrap(), Some(web.clone()));
    assert_eq!(projects::by_id(store, given.other, given.project).await.unwrap(), None);
    assert_eq!(projects::by_name(store, given.acme, "web").await.unwrap(), Some(web));
    assert_eq!(projects::by_name(store, given.other, "web").await.unwrap(), None);
    assert_eq!(projects::by_name(store, given.acme, "web\0").await.unwrap(), None);
    let names = async |limit| -> Vec<String> {
        let all = projects::list(store, given.acme, "", limit).await.unwrap();
        all.into_iter().map(|project| project.name).collect()
    };
    assert_eq!(names(10).await, ["API", "web"]);
    assert_eq!(names(1).await, ["API"]);
}
