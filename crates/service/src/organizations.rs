use latchkey_store::{organizations, projects, projects::Project};

use crate::authorization::{Action, OrganizationAccess};
use crate::{Caller, Denial, Error, Principal, Service};

/// Projects that a page offers to choose from.
pub(crate) const PROJECTS_MAX: u32 = 200;

impl Service {
    /// The organization, if the caller may see it.
    pub async fn organization(&self, caller: &Caller, organization: &str) -> Result<OrganizationAccess, Error> {
        self.authorize(caller, organization, Action::ReadOrganization).await
    }

    /// Names of the organizations that a person can switch to, 100 at most.
    pub async fn organizations(&self, caller: &Caller) -> Result<Vec<String>, Error> {
        let person = caller.principal.person().ok_or(Denial::PeopleOnly)?;
        Ok(if person.instance_admin {
            organizations::all(self.store(), "", 100).await?.into_iter().map(|organization| organization.name).collect()
        } else {
            let of_user = organizations::of_user(self.store(), person.id, 100).await?;
            of_user.into_iter().map(|(organization, _)| organization.name).collect()
        })
    }

    /// The organization that a request without one in its path acts on: that of the token, the one that its header
    /// names, or the person's default one. A header that contradicts the token is refused, not ignored.
    pub async fn organization_of(&self, caller: &Caller, named: Option<&str>) -> Result<String, Error> {
        match (&caller.principal, named) {
            (Principal::ApiToken(token), Some(named)) if token.level.organization().is_some() => {
                if token.organization_name == named {
                    Ok(named.to_owned())
                } else {
                    Err(Denial::OtherOrganization.into())
                }
            }
            (Principal::ApiToken(token), None) if token.level.organization().is_some() => {
                Ok(token.organization_name.clone())
            }
            (_, Some(named)) => Ok(named.to_owned()),
            (Principal::ApiToken(_), None) => Err(Denial::NoOrganization.into()),
            (Principal::Session(person) | Principal::UserToken(person), None) => {
                let default = organizations::default_of_user(self.store(), person.id).await?;
                default.map(|organization| organization.name).ok_or_else(|| Denial::NoOrganization.into())
            }
        }
    }

    /// Projects, by name, 200 at most.
    pub async fn projects(&self, caller: &Caller, organization: &str) -> Result<Vec<Project>, Error> {
        let access = self.authorize(caller, organization, Action::ReadTokens).await?;
        Ok(projects::list(self.store(), access.id(), PROJECTS_MAX).await?)
    }
}
