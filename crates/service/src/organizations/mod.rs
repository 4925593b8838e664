//! Organizations: which there are, making one and deleting one.

mod create;
mod delete;

use latchkey_domain::Role;
use latchkey_store::{memberships, organizations, organizations::Organization};

use crate::authorization::Action;
use crate::page::{Page, check_limit};
use crate::{AuthorizationError, Caller, Error, OrganizationAccess, Organizations, Principal, cursor};

/// An organization in the list of those that a caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedOrganization {
    pub organization: Organization,
    /// What the person is in it; `None` for an instance admin who is no member, and for tokens.
    pub role: Option<Role>,
    /// The one that the person acts on when a request names none.
    pub current: bool,
}

impl Organizations<'_> {
    /// The organization, if the caller may see it.
    pub fn get(self, access: &OrganizationAccess) -> Result<&Organization, Error> {
        access.allow(Action::ReadOrganization)?;
        Ok(access.organization())
    }

    /// Organizations by name: a person's own, a token's one, and all of them for whoever acts on all.
    pub async fn list(
        self,
        caller: &Caller,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<ListedOrganization>, Error> {
        caller.principal.needs_scope("org:read")?;
        check_limit(limit)?;
        let after = cursor::decode_text(after)?;
        let listed = |organization| ListedOrganization { organization, role: None, current: false };
        let items = match &caller.principal {
            Principal::Session(person) | Principal::UserToken(person) if !person.instance_admin => {
                let own = memberships::of_user(self.service.store(), person.id, &after, limit + 1).await?;
                own.into_iter()
                    .map(|(organization, member)| ListedOrganization {
                        role: Some(member.role),
                        ..listed(organization)
                    })
                    .collect()
            }
            Principal::ApiToken(token) if token.level.organization().is_some() => {
                let own = match token.level.organization() {
                    Some(own) => organizations::by_id(self.service.store(), own).await?,
                    None => None,
                };
                own.filter(|own| own.name > after).map(listed).into_iter().collect()
            }
            _ => {
                let person = caller.principal.person().map(|person| person.id);
                let all = organizations::all_with_role(self.service.store(), person, &after, limit + 1).await?;
                all.into_iter()
                    .map(|(organization, role)| ListedOrganization { role, ..listed(organization) })
                    .collect()
            }
        };
        let mut page = Page::of(items, limit, |listed| cursor::encode_text(&listed.organization.name));
        if let Some(person) = caller.principal.person() {
            let current = organizations::default_of_user(self.service.store(), person.id).await?;
            for listed in &mut page.items {
                listed.current = current.as_ref().is_some_and(|current| current.id == listed.organization.id);
            }
        }
        Ok(page)
    }

    /// Names of the organizations that a person can switch to, 100 at most.
    pub async fn names(self, caller: &Caller) -> Result<Vec<String>, Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        Ok(if person.instance_admin {
            organizations::all(self.service.store(), "", 100)
                .await?
                .into_iter()
                .map(|organization| organization.name)
                .collect()
        } else {
            let of_user = organizations::of_user(self.service.store(), person.id, 100).await?;
            of_user.into_iter().map(|(organization, _)| organization.name).collect()
        })
    }

    /// The organization that a request without one in its path acts on: that of the token, the one that its header
    /// names, or the person's default one. A header that contradicts the token is refused, not ignored.
    pub async fn resolve(self, caller: &Caller, named: Option<&str>) -> Result<String, Error> {
        match (&caller.principal, named) {
            (Principal::ApiToken(token), Some(named)) if token.level.organization().is_some() => {
                // By id: another organization may have a name that was the token's once.
                let id = match named.parse() {
                    Ok(id) => Some(id),
                    Err(_) => organizations::by_name(self.service.store(), named).await?.map(|found| found.id),
                };
                let other = id != token.level.organization();
                if other {
                    Err(AuthorizationError::OtherOrganization.into())
                } else {
                    Ok(token.organization_name.clone())
                }
            }
            (Principal::ApiToken(token), None) if token.level.organization().is_some() => {
                Ok(token.organization_name.clone())
            }
            // What a header names must be there.
            (_, Some(named)) => Ok(self.access(caller, named).await?.name().to_owned()),
            (Principal::ApiToken(_), None) => Err(AuthorizationError::NoOrganization.into()),
            (Principal::Session(person) | Principal::UserToken(person), None) => {
                let default = organizations::default_of_user(self.service.store(), person.id).await?;
                default.map(|organization| organization.name).ok_or_else(|| AuthorizationError::NoOrganization.into())
            }
        }
    }
}
