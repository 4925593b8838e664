//! Who may do what: the one table of rules. Asked in the first line of each use case, and again inside each write
//! (see `transaction.rs`); what a scope is worth is read from it, too.

use std::borrow::Cow;
use std::fmt;

use latchkey_domain::{Level, LevelKind, OrganizationId, Role, Scope, ScopeSet, Timestamp};
use latchkey_store::{
    organizations::{self, Organization},
    tokens::Token,
};
use uuid::Uuid;

use crate::{AuthorizationError, Caller, Error, Organizations, Principal};

/// What lets a caller act on an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// A person's role; instance admins act as owners.
    Role(Role),
    /// An API token, within its scopes and level.
    Token,
}

/// An organization that a caller may know of, with that caller and their power in it. Use cases take it in place of a
/// caller and a name, so that nobody's power is taken for another's. Made by [`Organizations::access`].
#[derive(Clone, Debug)]
pub struct OrganizationAccess {
    caller: Caller,
    organization: Organization,
    power: Power,
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
    /// For a caller whose power was found out just now.
    pub(crate) fn new(caller: Caller, organization: Organization, power: Power) -> Self {
        Self { caller, organization, power }
    }

    /// Whose access it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The organization.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// The name of the organization.
    pub fn name(&self) -> &str {
        &self.organization.name
    }

    /// The role of a person, owner for instance admins; `None` for API tokens.
    pub fn role(&self) -> Option<Role> {
        match self.power {
            Power::Role(role) => Some(role),
            Power::Token => None,
        }
    }

    pub(crate) fn id(&self) -> OrganizationId {
        self.organization.id
    }

    pub(crate) fn principal(&self) -> &Principal {
        &self.caller.principal
    }

    /// The same with the caller and their power as they are in a transaction.
    pub(crate) fn rechecked(&self, caller: Caller, power: Power) -> Self {
        Self { caller, organization: self.organization.clone(), power }
    }

    /// The access to what belongs to no organization, instance tokens, for those who act on the whole instance. It is
    /// addressed like an organization, by the nil id.
    pub(crate) fn of_instance(caller: &Caller) -> Option<Self> {
        let power = match &caller.principal {
            Principal::Session(person) | Principal::UserToken(person) => {
                person.instance_admin.then_some(Power::Role(Role::Owner))
            }
            Principal::ApiToken(token) => (token.level == Level::Instance).then_some(Power::Token),
        }?;
        let organization = Organization {
            id: OrganizationId(Uuid::nil()),
            name: String::new(),
            threshold: None,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        };
        Some(Self { caller: caller.clone(), organization, power })
    }

    pub(crate) fn is_of_instance(&self) -> bool {
        self.id().0.is_nil()
    }

    /// The access to tokens of the instance, if `of_instance` and the caller acts on all of it; else to those of the
    /// organization.
    pub(crate) fn to_tokens(&self, of_instance: bool) -> Result<Cow<'_, Self>, Error> {
        match of_instance.then(|| Self::of_instance(&self.caller)).flatten() {
            Some(instance) => Ok(Cow::Owned(instance)),
            None if self.is_of_instance() => Err(AuthorizationError::NoOrganization.into()),
            None => Ok(Cow::Borrowed(self)),
        }
    }

    /// Refuses what the table does not let the caller do.
    pub(crate) fn allow(&self, action: Action) -> Result<(), Error> {
        if self.is_of_instance() && !action.is_on_tokens() {
            return Err(AuthorizationError::NoOrganization.into());
        }
        let rule = action.rule();
        match self.power {
            Power::Role(role) if rule.people.include(&self.caller, role) => Ok(()),
            Power::Role(_) => Err(rule.people.refusal().into()),
            Power::Token => {
                match rule.tokens {
                    Tokens::Never => return Err(AuthorizationError::PeopleOnly.into()),
                    Tokens::With(scope) => self.principal().needs_scope(scope)?,
                    Tokens::Always => {}
                }
                let confined = self.principal().level().is_some_and(|level| level.project().is_some());
                if confined && !rule.in_project { Err(AuthorizationError::BeyondProject.into()) } else { Ok(()) }
            }
        }
    }

    /// Whether a person may give a token this scope; see [`needed_for`].
    pub(crate) fn allow_scope(&self, scope: &Scope, level: LevelKind) -> Result<(), Error> {
        match (self.power, needed_for(scope.as_str(), level)) {
            (Power::Role(role), Some(people)) if !people.include(&self.caller, role) => {
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
    pub(crate) fn revoke(access: &OrganizationAccess, token: &Token) -> Self {
        Self::Revoke(Ownership::of(&access.caller, token))
    }

    pub(crate) fn edit(access: &OrganizationAccess, token: &Token) -> Self {
        Self::Edit(Ownership::of(&access.caller, token))
    }

    /// Whether it is about tokens, which may belong to the instance.
    const fn is_on_tokens(self) -> bool {
        matches!(self, Self::ReadTokens | Self::CreateToken(_) | Self::Revoke(_) | Self::Edit(_) | Self::Introspect)
    }
}

impl Organizations<'_> {
    /// The access to the organization of a name or id; `NotFound` for a caller who has no part in it, as if it did not
    /// exist.
    pub async fn access(self, caller: &Caller, name: &str) -> Result<OrganizationAccess, Error> {
        const UNKNOWN: Error = Error::NotFound("organization");
        if name.is_empty() {
            return Err(AuthorizationError::NoOrganization.into());
        }
        let store = self.service.store();
        // An id stands for the organization that has it, as it does for forward-auth.
        let by_id = match name.parse() {
            Ok(id) => Some(organizations::by_id(store, id).await?.ok_or(UNKNOWN)?.name),
            Err(_) => None,
        };
        let name = by_id.as_deref().unwrap_or(name);
        let (organization, power) = match &caller.principal {
            Principal::Session(person) | Principal::UserToken(person) => {
                let (organization, role) =
                    organizations::by_name_with_role(store, name, person.id).await?.ok_or(UNKNOWN)?;
                let role = if person.instance_admin { Some(Role::Owner) } else { role };
                (organization, Power::Role(role.ok_or(UNKNOWN)?))
            }
            Principal::ApiToken(token) => {
                let organization = organizations::by_name(store, name).await?.ok_or(UNKNOWN)?;
                // By id: another organization may have a name that was the token's once.
                if token.level.organization().is_some_and(|own| own != organization.id) {
                    return Err(UNKNOWN);
                }
                (organization, Power::Token)
            }
        };
        Ok(OrganizationAccess::new(caller.clone(), organization, power))
    }

    /// The access to an organization or, without a name, to the tokens of the instance: for use cases on tokens.
    pub async fn access_or_instance(self, caller: &Caller, name: Option<&str>) -> Result<OrganizationAccess, Error> {
        match name {
            Some(name) => self.access(caller, name).await,
            None => Ok(OrganizationAccess::of_instance(caller).ok_or(AuthorizationError::NoOrganization)?),
        }
    }

    /// Creating an organization: instance admins, instance tokens with the scope, and everybody who has signed in
    /// unless the operator has restricted it.
    pub(crate) fn may_create(self, caller: &Caller) -> Result<(), Error> {
        match &caller.principal {
            Principal::Session(person) | Principal::UserToken(person) => {
                let anybody = !self.service.settings().restricted_organization_creation;
                if person.instance_admin || anybody {
                    Ok(())
                } else {
                    Err(AuthorizationError::InstanceAdminOnly.into())
                }
            }
            Principal::ApiToken(_) => caller.principal.needs_scope("orgs:create"),
        }
    }
}

impl Caller {
    /// Reading what concerns no organization: instance admins, and instance tokens that may read every organization.
    pub(crate) fn may_read_instance(&self) -> Result<(), Error> {
        let admin = self.principal.person().is_some_and(|person| person.instance_admin);
        if !admin && self.principal.level() != Some(Level::Instance) {
            return Err(AuthorizationError::InstanceAdminOnly.into());
        }
        self.principal.needs_scope("org:read")
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
