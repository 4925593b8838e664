//! Conversions that several services need: times, roles, users, organizations, memberships.

use latchkey_domain::{Role, Timestamp};
use latchkey_proto::v1::{MembershipRole, OrgItem, OrgMembershipItem, User};
use latchkey_service::{Member, Membership, Organization, Person};
use tonic::Status;

use super::status::invalid_field;

pub(super) fn time(at: Timestamp) -> prost_types::Timestamp {
    let micros = i32::try_from(at.micros().rem_euclid(1_000_000)).unwrap_or_default();
    prost_types::Timestamp { seconds: at.seconds(), nanos: micros * 1_000 }
}

pub(super) fn role(role: Role) -> i32 {
    let role = match role {
        Role::Viewer => MembershipRole::OrgViewer,
        Role::Contributor => MembershipRole::OrgContributor,
        Role::Member => MembershipRole::OrgMember,
        Role::Admin => MembershipRole::OrgAdmin,
        Role::Owner => MembershipRole::OrgOwner,
    };
    role.into()
}

/// The role of a request; `None` when it names none.
pub(super) fn asked_role(number: i32) -> Result<Option<Role>, Status> {
    let role = MembershipRole::try_from(number).map_err(|_| invalid_field("role", "is unknown"))?;
    Ok(match role {
        MembershipRole::Unspecified => None,
        MembershipRole::OrgViewer => Some(Role::Viewer),
        MembershipRole::OrgContributor => Some(Role::Contributor),
        MembershipRole::OrgMember => Some(Role::Member),
        MembershipRole::OrgAdmin => Some(Role::Admin),
        MembershipRole::OrgOwner => Some(Role::Owner),
    })
}

/// The role of a request that must name one.
pub(super) fn required_role(number: i32) -> Result<Role, Status> {
    asked_role(number)?.ok_or_else(|| invalid_field("role", "must be named"))
}

pub(super) fn organization(organization: Organization) -> OrgItem {
    OrgItem {
        id: organization.id.to_string(),
        name: organization.name,
        created_at: Some(time(organization.created_at)),
        updated_at: Some(time(organization.updated_at)),
        api_token_max_days_inactive: organization.threshold.map(|threshold| threshold.days().into()),
    }
}

pub(super) fn member(member: Member, organization: OrgItem, current: bool) -> OrgMembershipItem {
    let user = User {
        id: member.user.id.to_string(),
        email: member.user.email,
        created_at: Some(time(member.user.created_at)),
        instance_admin: member.user.instance_admin,
        ..User::default()
    };
    OrgMembershipItem {
        id: member.id.to_string(),
        org: Some(organization),
        current,
        created_at: Some(time(member.created_at)),
        updated_at: Some(time(member.updated_at)),
        role: role(member.role),
        user: Some(user),
    }
}

/// A person's own.
pub(super) fn membership(own: Membership) -> OrgMembershipItem {
    member(own.member, organization(own.organization), own.current)
}

pub(super) fn person(person: &Person) -> User {
    User {
        id: person.id.to_string(),
        email: person.email.clone(),
        instance_admin: person.instance_admin,
        ..User::default()
    }
}
