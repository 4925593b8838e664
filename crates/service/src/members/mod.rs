//! Who is in an organization: listing them, changing their roles, removing them.

mod change;

use latchkey_domain::{Email, MembershipId, Role};
use latchkey_store::memberships::{self, Filter, Member};

use crate::authorization::Action;
use crate::page::{Page, check_limit};
use crate::{Error, FieldError, Members, OrganizationAccess, cursor};

/// Members that numbered pages show, and that are counted, at most. Who has more goes on by cursor.
pub const MEMBERS_MAX: u32 = 10_000;
/// Longest filter, in characters; no email is longer.
const FILTER_MAX: usize = 254;

const UNKNOWN: Error = Error::NotFound("member");

/// Which members to list; everything as it was sent.
#[derive(Clone, Debug, Default)]
pub struct ListMembers {
    /// The whole email, in any case.
    pub email: Option<String>,
    /// What the email begins with: people have no other name here.
    pub name: Option<String>,
    pub role: Option<Role>,
    /// The id of a membership.
    pub id: Option<String>,
}

/// A numbered page of members, for clients that count pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPage {
    pub members: Vec<Member>,
    /// How many there are on all pages, [`MEMBERS_MAX`] at most.
    pub total: u32,
}

impl Members<'_> {
    /// The organization's members by email.
    pub async fn list(
        self,
        access: &OrganizationAccess,
        list: &ListMembers,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Member>, Error> {
        access.allow(Action::ReadMembers)?;
        check_limit(limit)?;
        let after = cursor::decode_text(after)?;
        let rows = self.find_many(access, list, &after, 0, limit + 1).await?;
        Ok(Page::of(rows, limit, |member| cursor::encode_text(&member.user.email)))
    }

    /// The same by the number of the page, from 1, with a total.
    pub async fn list_numbered(
        self,
        access: &OrganizationAccess,
        list: &ListMembers,
        page: u32,
        page_size: u32,
    ) -> Result<MemberPage, Error> {
        access.allow(Action::ReadMembers)?;
        if !(1..=100).contains(&page_size) {
            return Err(FieldError::new("page_size", "must be between 1 and 100").into());
        }
        if page == 0 || page.saturating_mul(page_size) > MEMBERS_MAX {
            let message = format!("must be at least 1, and pages end after {MEMBERS_MAX} members");
            return Err(FieldError::new("page", message).into());
        }
        let members = self.find_many(access, list, "", (page - 1) * page_size, page_size).await?;
        let total = match list.id {
            Some(_) => u32::try_from(members.len()).unwrap_or_default(),
            None => memberships::count(self.service.store(), access.id(), &filter(list)?, MEMBERS_MAX + 1).await?,
        };
        Ok(MemberPage { members, total })
    }

    /// One member.
    pub async fn get(self, access: &OrganizationAccess, id: &str) -> Result<Member, Error> {
        access.allow(Action::ReadMembers)?;
        self.find(access, id).await
    }

    async fn find_many(
        self,
        access: &OrganizationAccess,
        list: &ListMembers,
        after: &str,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<Member>, Error> {
        let filter = filter(list)?;
        let Some(id) = &list.id else {
            return Ok(memberships::list(self.service.store(), access.id(), &filter, after, skip, limit).await?);
        };
        let found = match id.parse() {
            Ok(id) => memberships::by_id(self.service.store(), access.id(), id).await?,
            Err(_) => None,
        };
        let passes = |member: &Member| {
            let email = member.user.email.as_str();
            skip == 0
                && email > after
                && filter.role.is_none_or(|role| role == member.role)
                && filter.email.as_deref().is_none_or(|whole| whole == email)
                && email.starts_with(&filter.prefix)
        };
        Ok(found.into_iter().filter(passes).collect())
    }

    async fn find(self, access: &OrganizationAccess, id: &str) -> Result<Member, Error> {
        let id: MembershipId = id.parse().map_err(|_| UNKNOWN)?;
        memberships::by_id(self.service.store(), access.id(), id).await?.ok_or(UNKNOWN)
    }
}

fn filter(list: &ListMembers) -> Result<Filter, Error> {
    let text = |field, text: &Option<String>| match text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) if text.chars().count() > FILTER_MAX => {
            Err(FieldError::new(field, format!("must have at most {FILTER_MAX} characters")))
        }
        text => Ok(text.map(Email::written)),
    };
    let (email, name) = (text("email", &list.email)?, text("name", &list.name)?);
    Ok(Filter { role: list.role, email, prefix: name.unwrap_or_default() })
}
