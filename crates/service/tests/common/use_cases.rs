//! Every use case that takes a caller, by its name.
#![allow(unreachable_pub, reason = "a module of a test has no other side")]
#![allow(dead_code, reason = "each test file uses a part of it")]

use latchkey_domain::{CredentialId, Role};
use latchkey_service::{
    AuthorizationError, Caller, EditToken, Error, IdempotentRequest, ListMembers, RotateToken, Service, StateFilter,
};

use super::people::{events, membership, nobody};
use super::{World, asked, listing, scoped, session};

/// What writes act on.
#[derive(Clone)]
pub struct Targets {
    pub token: String,
    pub repository: String,
    pub project: String,
    pub invitation: String,
    pub received: String,
    pub membership: String,
    pub user: String,
    /// A membership and a session of the person who loses power.
    pub own_membership: String,
    pub own_session: String,
}

/// The use cases that write for a caller. A test below sees that each is here or among those that only read.
pub const WRITES: &[&str] = &[
    "create_token",
    "edit_token",
    "rotate_token",
    "revoke_token",
    "revoke_token_if",
    "revoke_tokens",
    "create_repository",
    "create_repository_idempotent",
    "delete_repository",
    "set_auto_revoke",
    "create_project",
    "delete_project",
    "invite",
    "revoke_invitation",
    "change_role",
    "remove_member",
    "delete_organization",
    "create_organization",
    "set_current_membership",
    "leave",
    "accept_invitation",
    "set_password",
    "end_credential",
    "end_credentials",
    "set_user_locked",
    "free_name",
];

/// Those that write nothing but last uses and nonces.
pub const READS: &[&str] = &[
    "token",
    "tokens",
    "tokens_by_id",
    "overview",
    "repositories",
    "repository",
    "repositories_by_id",
    "auto_revoke",
    "preview_auto_revoke",
    "projects",
    "list_projects",
    "project",
    "sent_invitations",
    "received_invitations",
    "members",
    "numbered_members",
    "member",
    "own_membership",
    "own_memberships",
    "current_user",
    "organization",
    "organization_of",
    "organizations",
    "list_organizations",
    "deleted_organizations",
    "events",
    "instance_events",
    "users",
    "user",
    "credentials",
    "verify_for",
    "introspect",
];

/// Does it; the errors are all that counts.
pub async fn write(service: &Service, name: &str, caller: &Caller, on: &Targets) -> Result<(), Error> {
    let repeatable = || IdempotentRequest::new(name, b"content").unwrap();
    match name {
        "create_token" => service.create_token(caller, "acme", scoped("new", &["scans:read"])).await.map(drop),
        "edit_token" => {
            let asked = EditToken { name: Some("renamed".into()), ..EditToken::default() };
            service.edit_token(caller, "acme", &on.token, asked).await.map(drop)
        }
        "rotate_token" => service.rotate_token(caller, "acme", &on.token, RotateToken::default()).await.map(drop),
        "revoke_token" => service.revoke_token(caller, "acme", &on.token).await.map(drop),
        "revoke_token_if" => service.revoke_token_if(caller, "acme", &on.token, None).await.map(drop),
        "revoke_tokens" => service.revoke_tokens(caller, "acme", std::slice::from_ref(&on.token)).await.map(drop),
        "create_repository" => service.create_repository(caller, "acme", "acme/new").await.map(drop),
        "create_repository_idempotent" => {
            service.create_repository_idempotent(caller, "acme", "acme/newer", Some(&repeatable())).await.map(drop)
        }
        "delete_repository" => service.delete_repository(caller, "acme", &on.repository).await,
        "set_auto_revoke" => service.set_auto_revoke(caller, "acme", 90).await,
        "create_project" => service.create_project(caller, "acme", "New").await.map(drop),
        "delete_project" => service.delete_project(caller, "acme", &on.project).await,
        "invite" => service.invite(caller, "acme", "eve@example.com", Role::Member).await.map(drop),
        "revoke_invitation" => service.revoke_invitation(caller, "acme", &on.invitation).await,
        "change_role" => service.change_role(caller, "acme", &on.membership, Role::Viewer).await.map(drop),
        "remove_member" => service.remove_member(caller, "acme", &on.membership).await,
        "delete_organization" => service.delete_organization(caller, "acme").await,
        "create_organization" => service.create_organization(caller, "initech").await.map(drop),
        "set_current_membership" => service.set_current_membership(caller, &on.own_membership).await.map(drop),
        "leave" => service.leave(caller, &on.own_membership).await,
        "accept_invitation" => service.accept_invitation(caller, &on.received).await.map(drop),
        "set_password" => service.set_password(caller, &on.user, None, "staple battery horse").await,
        "end_credential" => service.end_credential(caller, "me", &on.own_session).await,
        "end_credentials" => service.end_credentials(caller, "me").await.map(drop),
        "set_user_locked" => service.set_user_locked(caller, &on.user, true).await.map(drop),
        "free_name" => service.free_name(caller, "hooli").await,
        other => panic!("{other} is not known here"),
    }
}

pub async fn targets(world: &World, caller: &Caller) -> Targets {
    let (service, admin) = (&world.service, world.person(world.acme, Role::Owner).await);
    let other = world.person(world.acme, Role::Member).await;
    let email = &caller.principal.person().unwrap().email;
    let foreign = world.person(world.globex, Role::Owner).await;
    let hooli = nobody(world, "gavin@example.com", false).await;
    service.create_organization(&hooli, "hooli").await.unwrap();
    service.delete_organization(&hooli, "hooli").await.unwrap();
    let session = {
        let mut tx = world.store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
        let id: CredentialId = session(&mut tx, caller.principal.person().unwrap().id).await;
        tx.commit().await.unwrap();
        id.to_string()
    };
    Targets {
        token: world.create(&admin, asked("target")).await.unwrap().detail.token.id.to_string(),
        repository: world.repositories[0].to_string(),
        project: service.create_project(&admin, "acme", "Target").await.unwrap().id.to_string(),
        invitation: service
            .invite(&admin, "acme", "bob@example.com", Role::Member)
            .await
            .unwrap()
            .invitation
            .id
            .to_string(),
        received: service.invite(&foreign, "globex", email, Role::Member).await.unwrap().invitation.id.to_string(),
        membership: membership(world, "acme", &other).await,
        user: other.principal.person().unwrap().id.to_string(),
        own_membership: membership(world, "acme", caller).await,
        own_session: session,
    }
}

/// A use case that writes or reads.
pub async fn ask(service: &Service, name: &str, caller: &Caller, on: &Targets) -> Result<(), Error> {
    let (id, list) = (on.user.as_str(), ListMembers::default());
    match name {
        "token" => service.token(caller, "acme", &on.token).await.map(drop),
        "tokens" => service.tokens(caller, "acme", listing(StateFilter::All)).await.map(drop),
        "tokens_by_id" => service.tokens_by_id(caller, "acme", std::slice::from_ref(&on.token)).await.map(drop),
        "overview" => service.overview(caller, "acme", listing(StateFilter::All)).await.map(drop),
        "repositories" => service.repositories(caller, "acme", "", None, 10).await.map(drop),
        "repository" => service.repository(caller, "acme", &on.repository).await.map(drop),
        "repositories_by_id" => {
            service.repositories_by_id(caller, "acme", std::slice::from_ref(&on.repository)).await.map(drop)
        }
        "auto_revoke" => service.auto_revoke(caller, "acme").await.map(drop),
        "preview_auto_revoke" => service.preview_auto_revoke(caller, "acme", 90).await.map(drop),
        "projects" => service.projects(caller, "acme").await.map(drop),
        "list_projects" => service.list_projects(caller, "acme", None, 10).await.map(drop),
        "project" => service.project(caller, "acme", "Website").await.map(drop),
        "sent_invitations" => service.sent_invitations(caller, "acme", None, 10).await.map(drop),
        "received_invitations" => service.received_invitations(caller, None, 10).await.map(drop),
        "members" => service.members(caller, "acme", &list, None, 10).await.map(drop),
        "numbered_members" => service.numbered_members(caller, "acme", &list, 1, 10).await.map(drop),
        "member" => service.member(caller, "acme", &on.membership).await.map(drop),
        "own_membership" => service.own_membership(caller, "acme").await.map(drop),
        "own_memberships" => service.own_memberships(caller, None, 10).await.map(drop),
        "current_user" => service.current_user(caller).await.map(drop),
        "organization" => service.organization(caller, "acme").await.map(drop),
        "organization_of" => service.organization_of(caller, Some("acme")).await.map(drop),
        "organizations" => service.organizations(caller).await.map(drop),
        "list_organizations" => service.list_organizations(caller, None, 10).await.map(drop),
        "deleted_organizations" => service.deleted_organizations(caller, None, 10).await.map(drop),
        "events" => service.events(caller, "acme", &events()).await.map(drop),
        "instance_events" => service.instance_events(caller, &events()).await.map(drop),
        "users" => service.users(caller, None, 10).await.map(drop),
        "user" => service.user(caller, id).await.map(drop),
        "credentials" => service.credentials(caller, id, None, 10).await.map(drop),
        // For resource servers alone: people have no such power to compare with.
        "verify_for" | "introspect" => Err(AuthorizationError::ApiTokensOnly.into()),
        name => write(service, name, caller, on).await,
    }
}
