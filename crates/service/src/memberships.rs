//! A person's own memberships, and which of them counts when a request names no organization.

use latchkey_domain::{AuditAction, MembershipId};
use latchkey_store::memberships::{self, Member};
use latchkey_store::organizations::{self, Organization};
use latchkey_store::users;
use serde_json::json;

use crate::page::{Page, check_limit};
use crate::recorder::AuditEntry;
use crate::{AuthorizationError, Caller, Error, Memberships, OrganizationAccess, Person, cursor};

/// A person's own membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub organization: Organization,
    pub member: Member,
    /// The one that counts when a request names no organization.
    pub current: bool,
}

const UNKNOWN: Error = Error::NotFound("membership");

impl Memberships<'_> {
    /// The caller's own memberships, by the name of the organization.
    pub async fn list(self, caller: &Caller, after: Option<&str>, limit: u32) -> Result<Page<Membership>, Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        check_limit(limit)?;
        let after = cursor::decode_text(after)?;
        let rows = memberships::of_user(self.service.store(), person.id, &after, limit + 1).await?;
        let page = Page::of(rows, limit, |(organization, _)| cursor::encode_text(&organization.name));
        let current = organizations::default_of_user(self.service.store(), person.id).await?.map(|current| current.id);
        Ok(page.map(|(organization, member)| {
            let current = current == Some(organization.id);
            Membership { organization, member, current }
        }))
    }

    /// The caller's membership of one organization; `None` for an instance admin who is no member.
    pub async fn get(self, access: &OrganizationAccess) -> Result<Option<Membership>, Error> {
        let person = access.principal().person().ok_or(AuthorizationError::PeopleOnly)?;
        let Some(member) = memberships::by_user(self.service.store(), access.id(), person.id).await? else {
            return Ok(None);
        };
        let current = organizations::default_of_user(self.service.store(), person.id).await?;
        let current = current.is_some_and(|current| current.id == access.id());
        Ok(Some(Membership { organization: access.organization().clone(), member, current }))
    }

    /// Chooses the organization that the caller acts on when a request names none.
    pub async fn set_current(self, caller: &Caller, id: &str) -> Result<Membership, Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        let (organization, member) = self.find_own(person, id).await?;
        let (mut tx, caller) = self.service.begin(caller).await?;
        if memberships::role_locked(&mut tx, organization.id, person.id).await?.is_none() {
            return Err(UNKNOWN);
        }
        users::set_current(&mut tx, person.id, organization.id).await?;
        let entry = AuditEntry {
            organization: None,
            action: AuditAction::UserCurrentOrganizationSet,
            target: ("user", Some(person.id.0), &person.email),
            success: true,
            details: json!({ "organization": organization.name }),
        };
        self.service.record_by(&mut tx, &caller, entry).await?;
        tx.commit().await?;
        Ok(Membership { organization, member, current: true })
    }

    /// Ends a membership of the caller's own, in whatever organization; see [`Members::remove`](crate::Members::remove).
    pub async fn leave(self, caller: &Caller, id: &str) -> Result<(), Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        let (organization, _) = self.find_own(person, id).await?;
        let access = self.service.organizations().access(caller, &organization.name).await?;
        self.service.members().remove(&access, id).await
    }

    async fn find_own(self, person: &Person, id: &str) -> Result<(Organization, Member), Error> {
        let id: MembershipId = id.parse().map_err(|_| UNKNOWN)?;
        memberships::of_user_by_id(self.service.store(), person.id, id).await?.ok_or(UNKNOWN)
    }
}
