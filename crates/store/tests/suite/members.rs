//! Memberships, invitations, and what is left of what was deleted.

use latchkey_domain::{
    Email, InvitationId, Level, MembershipId, OrganizationId, OrganizationName, RevocationReason, Role,
};
use latchkey_store::{
    Conflict, Store,
    invitations::{self, Invitation},
    memberships::{self, Filter},
    organizations, projects,
    tokens::{self, Revocation},
    users,
};

use crate::{
    database::on_both_engines,
    given::{Given, NOW, ada, conflict},
};

on_both_engines!(
    members_are_walked_by_email,
    a_chosen_organization_counts_while_one_belongs_to_it,
    an_invitation_is_pending_once,
    a_deleted_name_is_out_of_sight_and_taken_until_it_is_freed,
    the_last_tokens_are_revoked_in_batches,
    a_deletion_waits_for_what_is_being_added,
);

async fn join(given: &Given, organization: OrganizationId, email: &str, role: Role) -> MembershipId {
    let (id, user) = (MembershipId(given.id()), given.user(email).await);
    given.write(async |tx| memberships::insert(tx, id, organization, user, role, NOW).await).await;
    id
}

async fn members_are_walked_by_email(given: &Given) {
    for (email, role) in [("b@x", Role::Owner), ("a@x", Role::Viewer), ("ab@x", Role::Viewer), ("é@x", Role::Viewer)] {
        join(given, given.acme, email, role).await;
    }
    join(given, given.other, "aa@x", Role::Viewer).await;
    let found = async |filter: &Filter, after: &str, skip, limit| -> Vec<String> {
        let all = memberships::list(given.store(), given.acme, filter, after, skip, limit).await.unwrap();
        all.into_iter().map(|member| member.user.email).collect()
    };
    let all = Filter::default();
    assert_eq!(found(&all, "", 0, 10).await, ["a@x", "ab@x", "b@x", "é@x"]);
    assert_eq!(found(&all, "a@x", 0, 2).await, ["ab@x", "b@x"]);
    assert_eq!(found(&all, "a", 0, 1).await, ["a@x"]);
    assert_eq!(found(&all, "", 2, 1).await, ["b@x"]);
    let a = Filter { prefix: "a".into(), ..Filter::default() };
    assert_eq!(found(&a, "", 0, 10).await, ["a@x", "ab@x"]);
    assert_eq!(found(&a, "a@x", 0, 10).await, ["ab@x"]);
    assert_eq!(found(&a, "b@x", 0, 10).await, Vec::<String>::new());
    let viewers = Filter { role: Some(Role::Viewer), ..Filter::default() };
    assert_eq!(found(&viewers, "a@x", 0, 10).await, ["ab@x", "é@x"]);
    for (filter, count) in [(&all, 4), (&a, 2), (&viewers, 3)] {
        assert_eq!(memberships::count(given.store(), given.acme, filter, 10).await.unwrap(), count);
    }
    assert_eq!(memberships::count(given.store(), given.acme, &all, 3).await.unwrap(), 3);
}

async fn a_chosen_organization_counts_while_one_belongs_to_it(given: &Given) {
    let first = join(given, given.acme, "ada@example.com", Role::Owner).await;
    let user = memberships::by_id(given.store(), given.acme, first).await.unwrap().unwrap().user.id;
    let default = async || organizations::default_of_user(given.store(), user).await.unwrap().map(|default| default.id);
    // Choosing one without belonging to it has no effect.
    given.write(async |tx| users::set_current(tx, user, given.other).await).await;
    assert_eq!(default().await, Some(given.acme));
    let second = MembershipId(given.id());
    let later = NOW.plus_seconds(1);
    given.write(async |tx| memberships::insert(tx, second, given.other, user, Role::Viewer, later).await).await;
    assert_eq!(default().await, Some(given.other));
    assert!(!given.write(async |tx| memberships::delete(tx, given.acme, second).await).await);
    assert!(given.write(async |tx| memberships::delete(tx, given.other, second).await).await);
    assert_eq!(default().await, Some(given.acme));
    assert_eq!(memberships::of_user_by_id(given.store(), user, second).await.unwrap(), None);
}

async fn an_invitation_is_pending_once(given: &Given) {
    let email = Email::new("bob@example.com").unwrap();
    let invitation = |organization_id| Invitation {
        id: InvitationId(given.id()),
        organization_id,
        organization_name: if organization_id == given.acme { "acme" } else { "other" }.into(),
        email: email.as_str().into(),
        role: Role::Member,
        sender: ada(),
        created_at: NOW,
        accepted_at: None,
    };
    let send = |new: Invitation| {
        let email = &email;
        given.try_write(async move |tx| invitations::insert(tx, &new, email, None).await)
    };
    let (first, theirs) = (invitation(given.acme), invitation(given.other));
    send(first.clone()).await.unwrap();
    send(theirs.clone()).await.unwrap();
    assert_eq!(conflict(send(invitation(given.acme)).await), Conflict::Invitation);
    let received = async |before| invitations::received(given.store(), "bob@example.com", before, 10).await.unwrap();
    assert_eq!(received(None).await, [theirs.clone(), first.clone()]);
    assert_eq!(received(Some(theirs.id)).await, std::slice::from_ref(&first));
    assert!(given.write(async |tx| invitations::accept(tx, first.id, NOW).await).await);
    assert!(!given.write(async |tx| invitations::accept(tx, first.id, NOW).await).await);
    assert!(!given.write(async |tx| invitations::delete(tx, first.id).await).await);
    assert_eq!(received(None).await, [theirs]);
    // Accepted once, somebody who has left can be invited again.
    let again = invitation(given.acme);
    send(again.clone()).await.unwrap();
    let sent = invitations::sent(given.store(), given.acme, None, 10).await.unwrap();
    assert_eq!(sent.iter().map(|sent| sent.accepted_at).collect::<Vec<_>>(), [None, Some(NOW)]);
    assert!(given.write(async |tx| invitations::delete(tx, again.id).await).await);
}

async fn a_deleted_name_is_out_of_sight_and_taken_until_it_is_freed(given: &Given) {
    let store = given.store();
    join(given, given.acme, "ada@example.com", Role::Owner).await;
    given
        .write(async |tx| {
            assert!(organizations::lock_exclusive(tx, given.acme).await?);
            organizations::delete(tx, given.acme, NOW).await
        })
        .await;
    let there = given.write(async |tx| {
        Ok([
            organizations::lock_shared(tx, given.acme).await?,
            organizations::lock(tx, given.acme).await?,
            organizations::lock_exclusive(tx, given.acme).await?,
            organizations::set_threshold(tx, given.acme, None, NOW).await?,
        ])
    });
    assert_eq!(there.await, [false; 4]);
    assert_eq!(organizations::by_name(store, "acme").await.unwrap(), None);
    assert_eq!(organizations::by_id(store, given.acme).await.unwrap(), None);
    let names: Vec<_> = organizations::all(store, "", 10).await.unwrap().into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["other"]);
    let name = OrganizationName::new("acme").unwrap();
    let again = OrganizationId(given.id());
    let taken = given.try_write(async |tx| organizations::insert(tx, again, &name, NOW).await).await;
    assert_eq!(conflict(taken), Conflict::OrganizationName);
    let deleted = async || -> Vec<_> {
        organizations::deleted(store, "", 10).await.unwrap().into_iter().map(|deleted| deleted.id).collect()
    };
    assert_eq!(deleted().await, [given.acme]);
    assert_eq!(given.write(async |tx| organizations::free_name(tx, "other", NOW).await).await, None);
    assert_eq!(given.write(async |tx| organizations::free_name(tx, "acme", NOW).await).await, Some(given.acme));
    assert_eq!(deleted().await, []);
    given.write(async |tx| organizations::insert(tx, again, &name, NOW).await).await;
    assert_eq!(organizations::by_name(store, "acme").await.unwrap().unwrap().id, again);

    given.write(async |tx| projects::delete(tx, given.project, NOW).await).await;
    assert!(!given.write(async |tx| projects::lock_shared(tx, given.acme, given.project).await).await);
    assert_eq!(projects::by_id(store, given.acme, given.project).await.unwrap(), None);
    assert_eq!(projects::by_name(store, given.acme, "web").await.unwrap(), None);
    assert_eq!(projects::list(store, given.acme, "", 10).await.unwrap(), []);
    given.project(given.acme, "web").await;
}

async fn the_last_tokens_are_revoked_in_batches(given: &Given) {
    for number in 0..5 {
        given.token(&given.spec(&format!("token {number}"))).await;
    }
    let expired = crate::given::Spec { expires_at: Some(NOW.plus_days(-1)), ..given.spec("expired") };
    given.token(&expired).await;
    let gone = crate::given::Spec { revoked_at: Some(NOW.plus_days(-1)), ..given.spec("gone") };
    let gone = given.token(&gone).await;
    let revocation = Revocation { at: NOW, by: ada(), reason: RevocationReason::OrganizationDeleted };
    let revoke = |limit| {
        let revocation = &revocation;
        given.write(async move |tx| {
            let revoked = tokens::revoke_all(tx, given.acme, revocation, limit).await?;
            Ok((revoked, tokens::any_unrevoked(tx, given.acme).await?))
        })
    };
    let (first, more) = revoke(4).await;
    assert_eq!((first.len(), more), (4, true));
    let (second, more) = revoke(4).await;
    assert_eq!((second.len(), more), (2, false));
    let token = tokens::by_id(given.store(), second[0].0).await.unwrap().unwrap();
    assert_eq!(token.revocation, Some(revocation));
    let untouched = tokens::by_id(given.store(), gone.id).await.unwrap().unwrap();
    assert_eq!(untouched.revocation, gone.revocation);
}

/// Without the locks, the token would be committed after the deletion has looked for tokens, and outlive it.
async fn a_deletion_waits_for_what_is_being_added(given: &Given) {
    let project = Level::Project(given.acme, given.project);
    let mut adding = given.store().begin(latchkey_store::WritePriority::Normal).await.unwrap();
    assert!(organizations::lock_shared(&mut adding, given.acme).await.unwrap());
    assert!(projects::lock_shared(&mut adding, given.acme, given.project).await.unwrap());
    let of_organization = async |store: Store, acme| {
        let mut tx = store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
        assert!(organizations::lock_exclusive(&mut tx, acme).await.unwrap());
        tokens::any_unrevoked(&mut tx, acme).await.unwrap()
    };
    let of_project = async |store: Store, acme, project| {
        let mut tx = store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
        assert!(projects::lock_exclusive(&mut tx, acme, project).await.unwrap());
        projects::has_tokens(&mut tx, project).await.unwrap()
    };
    let deletions = [
        tokio::spawn(of_organization(given.store().clone(), given.acme)),
        tokio::spawn(of_project(given.store().clone(), given.acme, given.project)),
    ];
    // Time enough for a deletion that doesn't wait; one that does is not in a hurry.
    for _ in 0..500 {
        given.store().ping().await.unwrap();
        tokio::task::yield_now().await;
    }
    given.insert(&mut adding, &crate::given::Spec { level: project, ..given.spec("late") }).await.unwrap();
    adding.commit().await.unwrap();
    for deletion in deletions {
        assert!(deletion.await.unwrap(), "a deletion has missed a token");
    }
}
