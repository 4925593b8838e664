//! Who may do what: the one table of rules, asked in the first line of each use case.

use latchkey_domain::{Level, OrganizationId, Role};
use latchkey_store::{
    Tx, memberships,
    organizations::{self, Organization},
    tokens::Token,
};

use crate::{Caller, Denial, Error, Principal, Service};

/// What lets a caller act on an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// A person's role; instance admins act as owners.
    Role(Role),
    /// An API token, within its scopes and level.
    Token,
}

/// An organization that the caller may know of, and the caller's power in it.
#[derive(Clone, Debug)]
pub struct OrganizationAccess {
    pub organization: Organization,
    pub power: Power,
}

/// What somebody wants to do in an organization.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action<'a> {
    ReadOrganization,
    DeleteOrganization,
    ReadMembers,
    /// The higher of the roles that a member has and gets.
    ManageMember(Role),
    ReadInvitations,
    /// To this role.
    Invite(Role),
    ReadProjects,
    ManageProjects,
    ReadAudit,
    ReadTokens,
    CreateToken(Level),
    Revoke(&'a Token),
    /// Change or rotate it.
    Edit(&'a Token),
    ReadRepositories,
    ManageRepositories,
    SetAutoRevoke,
}

impl Service {
    /// The organization of that name, or `NotFound` for a caller who has no part in it, as if it did not exist.
    pub(crate) async fn access(&self, caller: &Caller, name: &str) -> Result<OrganizationAccess, Error> {
        const UNKNOWN: Error = Error::NotFound("organization");
        match &caller.principal {
            Principal::Session(person) | Principal::UserToken(person) => {
                let (organization, role) =
                    organizations::by_name_with_role(self.store(), name, person.id).await?.ok_or(UNKNOWN)?;
                let role = if person.instance_admin { Some(Role::Owner) } else { role };
                Ok(OrganizationAccess { organization, power: Power::Role(role.ok_or(UNKNOWN)?) })
            }
            Principal::ApiToken(token) => {
                if token.level.organization().is_some() && token.organization_name != name {
                    return Err(UNKNOWN);
                }
                let organization = organizations::by_name(self.store(), name).await?.ok_or(UNKNOWN)?;
                Ok(OrganizationAccess { organization, power: Power::Token })
            }
        }
    }

    /// [`Service::access`], and then the rule for the action.
    pub(crate) async fn authorize(
        &self,
        caller: &Caller,
        organization: &str,
        action: Action<'_>,
    ) -> Result<OrganizationAccess, Error> {
        let access = self.access(caller, organization).await?;
        access.allow(caller, action)?;
        Ok(access)
    }

    /// Creating an organization: instance admins, instance tokens with the scope, and everybody who has signed in
    /// unless the operator has restricted it.
    pub(crate) fn may_create_organizations(&self, caller: &Caller) -> Result<(), Error> {
        match &caller.principal {
            Principal::Session(person) | Principal::UserToken(person) => {
                let anybody = !self.inner.settings.restricted_organization_creation;
                if person.instance_admin || anybody { Ok(()) } else { Err(Denial::InstanceAdminOnly.into()) }
            }
            Principal::ApiToken(_) => caller.principal.needs_scope("orgs:create"),
        }
    }

    /// Reading what concerns no organization: instance admins, and instance tokens that may read every organization.
    pub(crate) fn may_read_instance(&self, caller: &Caller) -> Result<(), Error> {
        let admin = caller.principal.person().is_some_and(|person| person.instance_admin);
        if !admin && caller.principal.level() != Some(Level::Instance) {
            return Err(Denial::InstanceAdminOnly.into());
        }
        caller.principal.needs_scope("org:read")
    }

    /// What the caller may do now that the organization is locked: what was true at the first look may have been
    /// taken away since.
    pub(crate) async fn authorize_again(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        access: &OrganizationAccess,
        action: Action<'_>,
    ) -> Result<(), Error> {
        let power = match caller.principal.person() {
            Some(person) if !person.instance_admin => {
                let role = memberships::role_locked(tx, access.id(), person.id).await?;
                Power::Role(role.ok_or(Error::NotFound("organization"))?)
            }
            _ => access.power,
        };
        OrganizationAccess { power, ..access.clone() }.allow(caller, action)
    }
}

impl OrganizationAccess {
    pub(crate) fn id(&self) -> OrganizationId {
        self.organization.id
    }

    /// The table.
    pub(crate) fn allow(&self, caller: &Caller, action: Action<'_>) -> Result<(), Error> {
        match (self.power, action) {
            (
                Power::Role(_),
                Action::ReadOrganization
                | Action::ReadTokens
                | Action::ReadRepositories
                | Action::ReadMembers
                | Action::ReadProjects,
            ) => Ok(()),
            (
                Power::Role(role),
                Action::ManageRepositories
                | Action::SetAutoRevoke
                | Action::ReadInvitations
                | Action::ManageProjects
                | Action::ReadAudit,
            ) => administers(role),
            (Power::Role(role), Action::ManageMember(Role::Owner) | Action::Invite(Role::Owner)) => owns(role),
            (Power::Role(role), Action::ManageMember(_) | Action::Invite(_)) => administers(role),
            (Power::Role(role), Action::DeleteOrganization) => owns(role),
            (Power::Role(_), Action::CreateToken(Level::Instance)) => match caller.principal.person() {
                Some(person) if person.instance_admin => Ok(()),
                _ => Err(Denial::InstanceAdminOnly.into()),
            },
            (Power::Role(role), Action::CreateToken(Level::Organization(_))) => administers(role),
            (Power::Role(role), Action::CreateToken(Level::Project(..))) => {
                if role.creates_project_tokens() {
                    Ok(())
                } else {
                    Err(Denial::MissingRole("contributor").into())
                }
            }
            (Power::Role(role), Action::Revoke(token)) => {
                let own = token.created_by.id == caller.principal.person().map(|person| person.id.0);
                if own && role.creates_project_tokens() { Ok(()) } else { administers(role) }
            }
            (Power::Role(role), Action::Edit(token)) => {
                // As they may create it: what somebody made as an admin is not theirs to change once they are none.
                let own = token.created_by.id == caller.principal.person().map(|person| person.id.0);
                let of_project = matches!(token.level, Level::Project(..));
                if own && of_project && role.creates_project_tokens() { Ok(()) } else { administers(role) }
            }
            (Power::Token, Action::ReadMembers | Action::ReadAudit) => {
                caller.principal.needs_scope("org:read")?;
                let confined = caller.principal.level().is_some_and(|level| level.project().is_some());
                if confined { Err(Denial::BeyondProject.into()) } else { Ok(()) }
            }
            (Power::Token, Action::ReadInvitations | Action::Invite(_)) => {
                caller.principal.needs_scope("members:invite")
            }
            (Power::Token, Action::ReadOrganization | Action::ReadProjects) => caller.principal.needs_scope("org:read"),
            (Power::Token, Action::ReadTokens) => caller.principal.needs_scope("tokens:read"),
            (Power::Token, Action::CreateToken(_) | Action::Revoke(_) | Action::Edit(_)) => {
                caller.principal.needs_scope("tokens:manage")
            }
            (Power::Token, Action::ReadRepositories) => caller.principal.needs_scope("repos:read"),
            (Power::Token, Action::ManageRepositories) => caller.principal.needs_scope("repos:write"),
            (
                Power::Token,
                Action::SetAutoRevoke | Action::ManageMember(_) | Action::ManageProjects | Action::DeleteOrganization,
            ) => Err(Denial::PeopleOnly.into()),
        }
    }
}

fn owns(role: Role) -> Result<(), Error> {
    if role.owns() { Ok(()) } else { Err(Denial::MissingRole("owner").into()) }
}

fn administers(role: Role) -> Result<(), Error> {
    if role.administers() { Ok(()) } else { Err(Denial::MissingRole("admin").into()) }
}
