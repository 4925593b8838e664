//! Every use case that takes a caller, by its name.
#![allow(unreachable_pub, reason = "a module of a test has no other side")]

use latchkey_domain::{CredentialId, Role};
use latchkey_service::{
    AuthorizationError, Caller, EditToken, Error, IdempotentRequest, ListMembers, OrganizationAccess, RotateToken,
    Service, StateFilter,
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
    "tokens.create",
    "tokens.edit",
    "tokens.rotate",
    "tokens.revoke",
    "tokens.revoke_if_match",
    "tokens.revoke_many",
    "repositories.create",
    "repositories.create_idempotent",
    "repositories.delete",
    "auto_revoke.set",
    "projects.create",
    "projects.delete",
    "invitations.create",
    "invitations.revoke",
    "members.set_role",
    "members.remove",
    "organizations.delete",
    "organizations.create",
    "memberships.set_current",
    "memberships.leave",
    "invitations.accept",
    "users.set_password",
    "credentials.end",
    "credentials.end_all",
    "users.set_locked",
    "organizations.free_name",
];

/// Those that write nothing but last uses and nonces.
pub const READS: &[&str] = &[
    "tokens.get",
    "tokens.list",
    "tokens.get_many",
    "tokens.overview",
    "repositories.list",
    "repositories.get",
    "repositories.get_many",
    "auto_revoke.get",
    "auto_revoke.preview",
    "projects.options",
    "projects.list",
    "projects.get",
    "invitations.list_sent",
    "invitations.list_received",
    "members.list",
    "members.list_numbered",
    "members.get",
    "memberships.get",
    "memberships.list",
    "users.current",
    "organizations.access",
    "organizations.access_or_instance",
    "organizations.get",
    "tokens.withheld_scopes",
    "organizations.resolve",
    "organizations.names",
    "organizations.list",
    "organizations.list_deleted",
    "audit.list",
    "audit.list_of_instance",
    "users.list",
    "users.get",
    "credentials.list",
    "verification.verify_for",
    "verification.introspect",
];

/// Those that need nobody's power: they prove it by a secret, an operator's shell or the server calls them, or they only
/// tell what everybody may know.
pub const WITHOUT_CALLER: &[&str] = &[
    "tokens.creation_key",
    "invitations.by_link",
    "invitations.join",
    "auto_revoke.next_sweep_at",
    "auto_revoke.sweep",
    "authentication.authenticate",
    "authentication.authenticate_client",
    "authentication.log_in",
    "sessions.person",
    "sessions.sign_in",
    "sessions.sign_out",
    "verification.check_organization_signed",
    "verification.undecided",
    "verification.verify",
    "setup.bootstrap",
    "setup.complete",
    "setup.fill_demo",
    "setup.is_link",
    "setup.is_pending",
    "setup.new_link",
    "outbox.count",
    "outbox.deliver",
    "outbox.delete",
    "outbox.list",
    "outbox.retry",
    "operator.end",
    "operator.list_instance_tokens",
    "operator.list_users",
    "operator.set_locked",
    "operator.set_password",
    "operator.sign_out",
    "maintenance.confirm_nonces",
    "maintenance.flush_uses",
    "maintenance.forget_nonces",
    "maintenance.open_nonces",
    "maintenance.reindex_names",
    "maintenance.tidy",
    "maintenance.waiting_uses",
    "health.history_broke_at",
    "health.note_untrusted_proxy",
    "health.ready",
    "health.stats",
    "health.untrusted_proxy",
    "health.warnings",
];

/// Does it; the errors are all that counts.
pub async fn write(service: &Service, name: &str, access: &OrganizationAccess, on: &Targets) -> Result<(), Error> {
    let caller = access.caller();
    let repeatable = || IdempotentRequest::new(name, b"content").unwrap();
    match name {
        "tokens.create" => service.tokens().create(access, scoped("new", &["scans:read"])).await.map(drop),
        "tokens.edit" => {
            let asked = EditToken { name: Some("renamed".into()), ..EditToken::default() };
            service.tokens().edit(access, &on.token, asked).await.map(drop)
        }
        "tokens.rotate" => service.tokens().rotate(access, &on.token, RotateToken::default()).await.map(drop),
        "tokens.revoke" => service.tokens().revoke(access, &on.token).await.map(drop),
        "tokens.revoke_if_match" => service.tokens().revoke_if_match(access, &on.token, None).await.map(drop),
        "tokens.revoke_many" => service.tokens().revoke_many(access, std::slice::from_ref(&on.token)).await.map(drop),
        "repositories.create" => service.repositories().create(access, "acme/new").await.map(drop),
        "repositories.create_idempotent" => {
            service.repositories().create_idempotent(access, "acme/newer", Some(&repeatable())).await.map(drop)
        }
        "repositories.delete" => service.repositories().delete(access, &on.repository).await,
        "auto_revoke.set" => service.auto_revoke().set(access, 90).await,
        "projects.create" => service.projects().create(access, "New").await.map(drop),
        "projects.delete" => service.projects().delete(access, &on.project).await,
        "invitations.create" => service.invitations().create(access, "eve@example.com", Role::Member).await.map(drop),
        "invitations.revoke" => service.invitations().revoke(access, &on.invitation).await,
        "members.set_role" => service.members().set_role(access, &on.membership, Role::Viewer).await.map(drop),
        "members.remove" => service.members().remove(access, &on.membership).await,
        "organizations.delete" => service.organizations().delete(access).await,
        "organizations.create" => service.organizations().create(caller, "initech").await.map(drop),
        "memberships.set_current" => service.memberships().set_current(caller, &on.own_membership).await.map(drop),
        "memberships.leave" => service.memberships().leave(caller, &on.own_membership).await,
        "invitations.accept" => service.invitations().accept(caller, &on.received).await.map(drop),
        "users.set_password" => {
            service.users().set_password(caller, &on.user, None, "staple battery horse").await.map(drop)
        }
        "credentials.end" => service.credentials().end(caller, "me", &on.own_session).await,
        "credentials.end_all" => service.credentials().end_all(caller, "me").await.map(drop),
        "users.set_locked" => service.users().set_locked(caller, &on.user, true).await.map(drop),
        "organizations.free_name" => service.organizations().free_name(caller, "hooli").await,
        other => panic!("{other} is not known here"),
    }
}

pub async fn targets(world: &World, caller: &Caller) -> Targets {
    let (service, admin) = (&world.service, world.person(world.acme, Role::Owner).await);
    let other = world.person(world.acme, Role::Member).await;
    let email = &caller.principal.person().unwrap().email;
    let foreign = world.person(world.globex, Role::Owner).await;
    let hooli = nobody(world, "gavin@example.com", false).await;
    service.organizations().create(&hooli, "hooli").await.unwrap();
    service.organizations().delete(&world.access_to(&hooli, "hooli").await).await.unwrap();
    let session = {
        let mut tx = world.store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
        let id: CredentialId = session(&mut tx, caller.principal.person().unwrap().id).await;
        tx.commit().await.unwrap();
        id.to_string()
    };
    Targets {
        token: world.create(&admin, asked("target")).await.unwrap().detail.token.id.to_string(),
        repository: world.repositories[0].to_string(),
        project: service.projects().create(&world.access(&admin).await, "Target").await.unwrap().id.to_string(),
        invitation: service
            .invitations()
            .create(&world.access(&admin).await, "bob@example.com", Role::Member)
            .await
            .unwrap()
            .invitation
            .id
            .to_string(),
        received: service
            .invitations()
            .create(&world.access_to(&foreign, "globex").await, email, Role::Member)
            .await
            .unwrap()
            .invitation
            .id
            .to_string(),
        membership: membership(world, "acme", &other).await,
        user: other.principal.person().unwrap().id.to_string(),
        own_membership: membership(world, "acme", caller).await,
        own_session: session,
    }
}

/// A use case that writes or reads.
pub async fn ask(service: &Service, name: &str, access: &OrganizationAccess, on: &Targets) -> Result<(), Error> {
    let caller = access.caller();
    let (id, list) = (on.user.as_str(), ListMembers::default());
    match name {
        "tokens.get" => service.tokens().get(access, &on.token).await.map(drop),
        "tokens.list" => service.tokens().list(access, listing(StateFilter::All)).await.map(drop),
        "tokens.get_many" => service.tokens().get_many(access, std::slice::from_ref(&on.token)).await.map(drop),
        "tokens.overview" => service.tokens().overview(access, listing(StateFilter::All)).await.map(drop),
        "repositories.list" => service.repositories().list(access, "", None, 10).await.map(drop),
        "repositories.get" => service.repositories().get(access, &on.repository).await.map(drop),
        "repositories.get_many" => {
            service.repositories().get_many(access, std::slice::from_ref(&on.repository)).await.map(drop)
        }
        "auto_revoke.get" => service.auto_revoke().get(access).await.map(drop),
        "auto_revoke.preview" => service.auto_revoke().preview(access, 90).await.map(drop),
        "projects.options" => service.projects().options(access).await.map(drop),
        "projects.list" => service.projects().list(access, None, 10).await.map(drop),
        "projects.get" => service.projects().get(access, "Website").await.map(drop),
        "invitations.list_sent" => service.invitations().list_sent(access, None, 10).await.map(drop),
        "invitations.list_received" => service.invitations().list_received(caller, None, 10).await.map(drop),
        "members.list" => service.members().list(access, &list, None, 10).await.map(drop),
        "members.list_numbered" => service.members().list_numbered(access, &list, 1, 10).await.map(drop),
        "members.get" => service.members().get(access, &on.membership).await.map(drop),
        "memberships.get" => service.memberships().get(access).await.map(drop),
        "memberships.list" => service.memberships().list(caller, None, 10).await.map(drop),
        "users.current" => service.users().current(caller).await.map(drop),
        "organizations.access" => service.organizations().access(caller, "acme").await.map(drop),
        "organizations.access_or_instance" => {
            service.organizations().access_or_instance(caller, Some("acme")).await.map(drop)
        }
        "tokens.withheld_scopes" => {
            drop(service.tokens().withheld_scopes(access));
            Ok(())
        }
        "organizations.get" => service.organizations().get(access).map(drop),
        "organizations.resolve" => service.organizations().resolve(caller, Some("acme")).await.map(drop),
        "organizations.names" => service.organizations().names(caller).await.map(drop),
        "organizations.list" => service.organizations().list(caller, None, 10).await.map(drop),
        "organizations.list_deleted" => service.organizations().list_deleted(caller, None, 10).await.map(drop),
        "audit.list" => service.audit().list(access, &events()).await.map(drop),
        "audit.list_of_instance" => service.audit().list_of_instance(caller, &events()).await.map(drop),
        "users.list" => service.users().list(caller, None, 10).await.map(drop),
        "users.get" => service.users().get(caller, id).await.map(drop),
        "credentials.list" => service.credentials().list(caller, id, None, 10).await.map(drop),
        // For resource servers alone: people have no such power to compare with.
        "verification.verify_for" | "verification.introspect" => Err(AuthorizationError::ApiTokensOnly.into()),
        name => write(service, name, access, on).await,
    }
}
