//! Who may do what: the one table of rules. Asked in the first line of each use case, and again inside each write
//! (see `transaction.rs`); what a scope is worth is read from it, too.

use std::fmt;

use latchkey_domain::{Level, LevelKind, OrganizationId, Role, Scope, ScopeSet, Timestamp};
use latchkey_store::{
    organizations::{self, Organization},
    tokens::Token,
};
use uuid::Uuid;

use crate::{AuthorizationError, Caller, Error, Principal, Service};

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

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
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
    CreateToken(LevelKind),
    Revoke(Ownership),
    /// Change or rotate it.
    Edit(Ownership),
    /// Ask about a token that somebody presents.
    Introspect,
    ReadRepositories,
    ManageRepositories,
    SetAutoRevoke,
}

/// Whose a token is, as seen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// The caller's own credential.
    Itself,
    /// A project's token that the caller has made.
    OwnOfProject,
    /// Another token that the caller has made.
    Own,
    Others,
}

/// Who may do an action. There is one for each; nothing else decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    people: People,
    /// The scope that a token needs for it.
    tokens: Tokens,
    /// Whether a token that is confined to a project may do it there; if not, it concerns the whole organization.
    in_project: bool,
}

/// The least that a person must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum People {
    Role(Role),
    InstanceAdmin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tokens {
    /// People only.
    Never,
    With(&'static str),
    Always,
}

impl Action {
    /// The table.
    const fn rule(self) -> Rule {
        use Tokens::{Always, Never, With};
        const fn rule(role: Role, tokens: Tokens, in_project: bool) -> Rule {
            Rule { people: People::Role(role), tokens, in_project }
        }
        match self {
            Self::ReadOrganization | Self::ReadProjects => rule(Role::Viewer, With("org:read"), true),
            Self::ReadMembers => rule(Role::Viewer, With("org:read"), false),
            Self::ReadAudit => rule(Role::Admin, With("org:read"), false),
            Self::ReadTokens => rule(Role::Viewer, With("tokens:read"), true),
            Self::Introspect => rule(Role::Admin, With("tokens:introspect"), true),
            Self::CreateToken(LevelKind::Instance) => {
                Rule { people: People::InstanceAdmin, tokens: With("tokens:manage"), in_project: false }
            }
            Self::CreateToken(LevelKind::Organization) => rule(Role::Admin, With("tokens:manage"), false),
            Self::CreateToken(LevelKind::Project) => rule(Role::Contributor, With("tokens:manage"), true),
            // Whoever finds a token that leaked can end it with nothing but the token.
            Self::Revoke(Ownership::Itself) => rule(Role::Contributor, Always, true),
            Self::Revoke(Ownership::Own | Ownership::OwnOfProject) => {
                rule(Role::Contributor, With("tokens:manage"), true)
            }
            // As they may create it: what somebody made as an admin is not theirs to change once they are none.
            Self::Edit(Ownership::OwnOfProject) => rule(Role::Contributor, With("tokens:manage"), true),
            Self::Revoke(Ownership::Others) | Self::Edit(_) => rule(Role::Admin, With("tokens:manage"), true),
            Self::ReadRepositories => rule(Role::Viewer, With("repos:read"), true),
            Self::ManageRepositories => rule(Role::Admin, With("repos:write"), false),
            Self::ReadInvitations => rule(Role::Admin, With("members:invite"), false),
            // A token that could invite an admin could make itself one.
            Self::Invite(Role::Viewer | Role::Contributor | Role::Member) => {
                rule(Role::Admin, With("members:invite"), false)
            }
            Self::Invite(Role::Admin) => rule(Role::Admin, Never, false),
            Self::ManageMember(Role::Owner) | Self::Invite(Role::Owner) => rule(Role::Owner, Never, false),
            Self::ManageMember(_) | Self::ManageProjects | Self::SetAutoRevoke => rule(Role::Admin, Never, false),
            Self::DeleteOrganization => rule(Role::Owner, Never, false),
        }
    }

    /// Whether a person of this role may do it in their organization.
    pub(crate) fn is_for(self, role: Role) -> bool {
        self.rule().people <= People::Role(role)
    }

    /// Whether a token with these scopes may do it.
    pub(crate) fn is_opened_by(self, scopes: &ScopeSet) -> bool {
        matches!(self.rule().tokens, Tokens::With(scope) if scopes.contains(scope))
    }

    /// Whether it changes nothing.
    const fn reads(self) -> bool {
        matches!(
            self,
            Self::ReadOrganization
                | Self::ReadMembers
                | Self::ReadInvitations
                | Self::ReadProjects
                | Self::ReadAudit
                | Self::ReadTokens
                | Self::ReadRepositories
        )
    }

    /// Every one, with all that it can be about.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![
            Self::ReadOrganization,
            Self::DeleteOrganization,
            Self::ReadMembers,
            Self::ReadInvitations,
            Self::ReadProjects,
            Self::ManageProjects,
            Self::ReadAudit,
            Self::ReadTokens,
            Self::Introspect,
            Self::ReadRepositories,
            Self::ManageRepositories,
            Self::SetAutoRevoke,
        ];
        all.extend(Role::ALL.into_iter().flat_map(|role| [Self::ManageMember(role), Self::Invite(role)]));
        let levels = [LevelKind::Instance, LevelKind::Organization, LevelKind::Project];
        all.extend(levels.map(Self::CreateToken));
        let whose = [Ownership::Itself, Ownership::OwnOfProject, Ownership::Own, Ownership::Others];
        all.extend(whose.into_iter().flat_map(|whose| [Self::Revoke(whose), Self::Edit(whose)]));
        all
    }
}

/// What a person must be to give a scope to a token of a level: all that the scope opens there, they must be able to do
/// themselves. `None` for scopes that open nothing here, but only in the services behind.
pub(crate) fn needed_for(scope: &str, level: LevelKind) -> Option<People> {
    let opened = Action::all().into_iter().filter(|action| {
        matches!(action.rule().tokens, Tokens::With(opens) if opens == scope) && action.concerns(level)
    });
    opened.map(|action| action.rule().people).max()
}

impl Action {
    /// Whether a scope that opens it is worth it to a token of this level.
    fn concerns(self, level: LevelKind) -> bool {
        match (self, level) {
            (Self::CreateToken(made), LevelKind::Project) => made == LevelKind::Project,
            (Self::CreateToken(made), LevelKind::Organization) => made != LevelKind::Instance,
            // What a project's token is refused to read is no reason to keep its other reads from it. But what it is
            // refused to change counts: services behind take the scope at its word.
            (action, LevelKind::Project) => action.rule().in_project || !action.reads(),
            (_, LevelKind::Organization | LevelKind::Instance) => true,
        }
    }
}

impl People {
    fn include(self, caller: &Caller, role: Role) -> bool {
        match self {
            Self::Role(least) => role >= least,
            Self::InstanceAdmin => caller.principal.person().is_some_and(|person| person.instance_admin),
        }
    }

    fn refusal(self) -> AuthorizationError {
        match self {
            Self::Role(least) => AuthorizationError::MissingRole(least.as_str()),
            Self::InstanceAdmin => AuthorizationError::InstanceAdminOnly,
        }
    }
}

impl fmt::Display for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Role(least) => least.as_str(),
            Self::InstanceAdmin => "instance admin",
        })
    }
}

impl OrganizationAccess {
    pub(crate) fn id(&self) -> OrganizationId {
        self.organization.id
    }

    /// What belongs to no organization: instance tokens. It is addressed like one, by the nil id.
    fn instance(power: Power) -> Self {
        let organization = Organization {
            id: OrganizationId(Uuid::nil()),
            name: String::new(),
            threshold: None,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        };
        Self { organization, power }
    }

    pub(crate) fn is_instance(&self) -> bool {
        self.id().0.is_nil()
    }

    /// Refuses what the table does not let the caller do.
    pub(crate) fn allow(&self, caller: &Caller, action: Action) -> Result<(), Error> {
        let rule = action.rule();
        match self.power {
            Power::Role(role) if rule.people.include(caller, role) => Ok(()),
            Power::Role(_) => Err(rule.people.refusal().into()),
            Power::Token => {
                match rule.tokens {
                    Tokens::Never => return Err(AuthorizationError::PeopleOnly.into()),
                    Tokens::With(scope) => caller.principal.needs_scope(scope)?,
                    Tokens::Always => {}
                }
                let confined = caller.principal.level().is_some_and(|level| level.project().is_some());
                if confined && !rule.in_project { Err(AuthorizationError::BeyondProject.into()) } else { Ok(()) }
            }
        }
    }

    /// Whether a person may give a token this scope; see [`needed_for`].
    pub(crate) fn allow_scope(&self, caller: &Caller, scope: &Scope, level: LevelKind) -> Result<(), Error> {
        match (self.power, needed_for(scope.as_str(), level)) {
            (Power::Role(role), Some(people)) if !people.include(caller, role) => {
                Err(AuthorizationError::ScopeNeedsRole(scope.clone(), people.to_string()).into())
            }
            _ => Ok(()),
        }
    }
}

impl Ownership {
    pub(crate) fn of(caller: &Caller, token: &Token) -> Self {
        let made = |id| token.created_by.kind == "user" && token.created_by.id == Some(id);
        match &caller.principal {
            Principal::ApiToken(own) if own.id == token.id => Self::Itself,
            Principal::Session(person) | Principal::UserToken(person) if made(person.id.0) => {
                if matches!(token.level, Level::Project(..)) { Self::OwnOfProject } else { Self::Own }
            }
            _ => Self::Others,
        }
    }
}

impl Action {
    pub(crate) fn revoke(caller: &Caller, token: &Token) -> Self {
        Self::Revoke(Ownership::of(caller, token))
    }

    pub(crate) fn edit(caller: &Caller, token: &Token) -> Self {
        Self::Edit(Ownership::of(caller, token))
    }
}

impl Service {
    /// The organization of that name or id, or `NotFound` for a caller who has no part in it, as if it did not exist.
    pub(crate) async fn access(&self, caller: &Caller, name: &str) -> Result<OrganizationAccess, Error> {
        const UNKNOWN: Error = Error::NotFound("organization");
        if name.is_empty() {
            return Err(AuthorizationError::NoOrganization.into());
        }
        // An id stands for the organization that has it, as it does for forward-auth.
        let by_id = match name.parse() {
            Ok(id) => Some(organizations::by_id(self.store(), id).await?.ok_or(UNKNOWN)?.name),
            Err(_) => None,
        };
        let name = by_id.as_deref().unwrap_or(name);
        match &caller.principal {
            Principal::Session(person) | Principal::UserToken(person) => {
                let (organization, role) =
                    organizations::by_name_with_role(self.store(), name, person.id).await?.ok_or(UNKNOWN)?;
                let role = if person.instance_admin { Some(Role::Owner) } else { role };
                Ok(OrganizationAccess { organization, power: Power::Role(role.ok_or(UNKNOWN)?) })
            }
            Principal::ApiToken(token) => {
                let organization = organizations::by_name(self.store(), name).await?.ok_or(UNKNOWN)?;
                // By id: another organization may have a name that was the token's once.
                if token.level.organization().is_some_and(|own| own != organization.id) {
                    return Err(UNKNOWN);
                }
                Ok(OrganizationAccess { organization, power: Power::Token })
            }
        }
    }

    /// The instance, for those who act on all of it.
    pub(crate) fn instance_access(&self, caller: &Caller) -> Option<OrganizationAccess> {
        match &caller.principal {
            Principal::Session(person) | Principal::UserToken(person) => {
                person.instance_admin.then(|| OrganizationAccess::instance(Power::Role(Role::Owner)))
            }
            Principal::ApiToken(token) => {
                (token.level == Level::Instance).then(|| OrganizationAccess::instance(Power::Token))
            }
        }
    }

    /// [`Service::access`], and then the rule for the action.
    pub(crate) async fn authorize(
        &self,
        caller: &Caller,
        organization: &str,
        action: Action,
    ) -> Result<OrganizationAccess, Error> {
        let access = self.access(caller, organization).await?;
        access.allow(caller, action)?;
        Ok(access)
    }

    /// The scopes that the caller may not even give to a token of a project: what a form does not offer.
    pub fn withheld_scopes(&self, caller: &Caller, access: &OrganizationAccess) -> Vec<String> {
        let all = self.catalogue().scopes().map(|info| &info.name);
        let withheld = all.filter(|scope| access.allow_scope(caller, scope, LevelKind::Project).is_err());
        withheld.map(ToString::to_string).collect()
    }

    /// Creating an organization: instance admins, instance tokens with the scope, and everybody who has signed in
    /// unless the operator has restricted it.
    pub(crate) fn may_create_organizations(&self, caller: &Caller) -> Result<(), Error> {
        match &caller.principal {
            Principal::Session(person) | Principal::UserToken(person) => {
                let anybody = !self.inner.settings.restricted_organization_creation;
                if person.instance_admin || anybody {
                    Ok(())
                } else {
                    Err(AuthorizationError::InstanceAdminOnly.into())
                }
            }
            Principal::ApiToken(_) => caller.principal.needs_scope("orgs:create"),
        }
    }

    /// Reading what concerns no organization: instance admins, and instance tokens that may read every organization.
    pub(crate) fn may_read_instance(&self, caller: &Caller) -> Result<(), Error> {
        let admin = caller.principal.person().is_some_and(|person| person.instance_admin);
        if !admin && caller.principal.level() != Some(Level::Instance) {
            return Err(AuthorizationError::InstanceAdminOnly.into());
        }
        caller.principal.needs_scope("org:read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_known() {
        let (_, text) = include_str!("authorization.rs").split_once("pub(crate) enum Action {").unwrap();
        let (text, _) = text.split_once("\n}").unwrap();
        let names = text.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.is_empty());
        let all = Action::all().iter().map(|action| format!("{action:?}")).collect::<Vec<_>>();
        for name in names.map(|name| name.trim_end_matches(',')) {
            let name = name.split_once('(').map_or(name, |(name, _)| name);
            assert!(all.iter().any(|action| action.split('(').next() == Some(name)), "{name} is missing in `all`");
        }
    }

    #[test]
    fn what_a_scope_needs_follows_from_what_it_opens() {
        let needed = |scope| {
            [LevelKind::Project, LevelKind::Organization, LevelKind::Instance]
                .map(|level| needed_for(scope, level).map(|people| people.to_string()).unwrap_or_default())
        };
        assert_eq!(needed("scans:trigger"), ["", "", ""]);
        assert_eq!(needed("repos:read"), ["viewer", "viewer", "viewer"]);
        assert_eq!(needed("repos:write"), ["admin", "admin", "admin"]);
        assert_eq!(needed("org:read"), ["viewer", "admin", "admin"]);
        assert_eq!(needed("tokens:read"), ["viewer", "viewer", "viewer"]);
        assert_eq!(needed("tokens:manage"), ["admin", "admin", "instance admin"]);
        assert_eq!(needed("tokens:introspect"), ["admin", "admin", "admin"]);
    }

    #[test]
    fn no_token_can_do_what_its_maker_can_not() {
        for role in Role::ALL {
            for level in [LevelKind::Project, LevelKind::Organization] {
                if !matches!(Action::CreateToken(level).rule().people, People::Role(least) if role >= least) {
                    continue;
                }
                for action in Action::all() {
                    let Rule { people, tokens, in_project } = action.rule();
                    let Tokens::With(scope) = tokens else { continue };
                    let opened = action.concerns(level) && (in_project || level != LevelKind::Project);
                    let given = needed_for(scope, level).is_none_or(|needed| needed <= People::Role(role));
                    assert!(!(opened && given) || people <= People::Role(role), "{role:?} {level:?} {action:?}");
                }
            }
        }
    }
}
