//! Who may do what: the one table of rules, asked in the first line of each use case.

use latchkey_domain::{Level, OrganizationId, Role};
use latchkey_store::{
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
}

impl OrganizationAccess {
    pub(crate) fn id(&self) -> OrganizationId {
        self.organization.id
    }

    /// The table.
    pub(crate) fn allow(&self, caller: &Caller, action: Action<'_>) -> Result<(), Error> {
        match (self.power, action) {
            (Power::Role(_), Action::ReadOrganization | Action::ReadTokens | Action::ReadRepositories) => Ok(()),
            (Power::Role(role), Action::ManageRepositories | Action::SetAutoRevoke) => administers(role),
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
            (Power::Token, Action::ReadOrganization) => caller.principal.needs_scope("org:read"),
            (Power::Token, Action::ReadTokens) => caller.principal.needs_scope("tokens:read"),
            (Power::Token, Action::CreateToken(_) | Action::Revoke(_) | Action::Edit(_)) => {
                caller.principal.needs_scope("tokens:manage")
            }
            (Power::Token, Action::ReadRepositories) => caller.principal.needs_scope("repos:read"),
            (Power::Token, Action::ManageRepositories) => caller.principal.needs_scope("repos:write"),
            (Power::Token, Action::SetAutoRevoke) => Err(Denial::PeopleOnly.into()),
        }
    }
}

fn administers(role: Role) -> Result<(), Error> {
    if role.administers() { Ok(()) } else { Err(Denial::MissingRole("admin").into()) }
}
