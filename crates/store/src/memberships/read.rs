use latchkey_domain::{MembershipId, OrganizationId, Role, UserId};

use super::{Member, MemberRow, columns};
use crate::{
    Store, StoreError,
    bind::text,
    organizations::{self, Organization, OrganizationRow},
    users,
};

/// Which members a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `None`: all roles.
    pub role: Option<Role>,
    /// The whole email, in lower case.
    pub email: Option<String>,
    /// What the email begins with, in lower case.
    pub prefix: String,
}

row! {
    struct RowWithOrganization {
        organization: OrganizationRow,
        member: MemberRow,
    }
}

/// Reads the members of a condition.
macro_rules! select {
    ($rest:expr) => {
        concat!("SELECT ", columns!(), " FROM memberships m JOIN users u ON u.id = m.user_id WHERE ", $rest)
    };
}

/// A range of emails in the order of bytes, in one organization or in one role of it. One lower bound: of two, SQLite
/// could take the worse one for where to begin. The role is bounded instead of compared, and sorted by, so that a
/// planner has no other way than the index by role.
macro_rules! range {
    () => {
        "m.organization_id = $1 AND m.user_email >= $2 AND m.user_email <= $3 AND $4 = ''"
    };
    (role) => {
        "m.organization_id = $1 AND (m.role, m.user_email) >= ($4, $2) AND (m.role, m.user_email) <= ($4, $3)"
    };
}

impl Filter {
    /// The smallest and the largest email that pass and come after one.
    fn bounds(&self, after: &str) -> (String, String) {
        let (low, high) = match &self.email {
            Some(email) if email.starts_with(&self.prefix) => (email.clone(), email.clone()),
            // Nothing is at once this email and begins otherwise; no email is empty.
            Some(_) => (String::new(), String::new()),
            None => (self.prefix.clone(), format!("{}\u{10ffff}", self.prefix)),
        };
        // Emails have no control characters, so there is none in between.
        let next = if after.is_empty() { String::new() } else { format!("{after}\u{1}") };
        (low.max(next), high)
    }
}

/// The organization's members by email, after one, `limit` at most; leaves out `skip` of them, for those who count pages.
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    filter: &Filter,
    after: &str,
    skip: u32,
    limit: u32,
) -> Result<Vec<Member>, StoreError> {
    const ALL: &str = select!(concat!(range!(), " ORDER BY m.user_email LIMIT $5 OFFSET $6"));
    const OF_ROLE: &str = select!(concat!(range!(role), " ORDER BY m.role, m.user_email LIMIT $5 OFFSET $6"));
    let sql = if filter.role.is_some() { OF_ROLE } else { ALL };
    let (low, high) = filter.bounds(after);
    let rows: Vec<MemberRow> = store
        .query(sql)
        .bind(organization.0)
        .bind(text(&low))
        .bind(text(&high))
        .bind(filter.role.map_or("", Role::as_str))
        .bind(i64::from(limit))
        .bind(i64::from(skip))
        .fetch_all()
        .await?;
    rows.into_iter().map(Member::try_from).collect()
}

/// How many members pass the filter, `max` at most.
pub async fn count(store: &Store, organization: OrganizationId, filter: &Filter, max: u32) -> Result<u32, StoreError> {
    const ALL: &str = concat!("SELECT count(*) FROM (SELECT 1 FROM memberships m WHERE ", range!(), " LIMIT $5) m");
    const OF_ROLE: &str =
        concat!("SELECT count(*) FROM (SELECT 1 FROM memberships m WHERE ", range!(role), " LIMIT $5) m");
    let sql = if filter.role.is_some() { OF_ROLE } else { ALL };
    let (low, high) = filter.bounds("");
    let count: i64 = store
        .query(sql)
        .bind(organization.0)
        .bind(text(&low))
        .bind(text(&high))
        .bind(filter.role.map_or("", Role::as_str))
        .bind(i64::from(max))
        .fetch_one()
        .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The organization's membership of an id.
pub async fn by_id(
    store: &Store,
    organization: OrganizationId,
    id: MembershipId,
) -> Result<Option<Member>, StoreError> {
    const SQL: &str = select!("m.id = $1 AND m.organization_id = $2");
    let row: Option<MemberRow> = store.query(SQL).bind(id.0).bind(organization.0).fetch_optional().await?;
    row.map(Member::try_from).transpose()
}

/// The organization's membership of a user.
pub async fn by_user(store: &Store, organization: OrganizationId, user: UserId) -> Result<Option<Member>, StoreError> {
    const SQL: &str = select!("m.organization_id = $1 AND m.user_id = $2");
    let row: Option<MemberRow> = store.query(SQL).bind(organization.0).bind(user.0).fetch_optional().await?;
    row.map(Member::try_from).transpose()
}

/// A user's memberships with their organizations.
macro_rules! of_user {
    ($rest:literal) => {
        concat!(
            organizations::select!(", "),
            columns!(),
            " FROM memberships m JOIN users u ON u.id = m.user_id \
             JOIN organizations o ON o.id = m.organization_id \
             WHERE m.user_id = $1 AND o.deleted_at IS NULL AND ",
            $rest
        )
    };
}

/// The user's memberships with their organizations, by the name of the organization, after a name.
pub async fn of_user(
    store: &Store,
    user: UserId,
    after: &str,
    limit: u32,
) -> Result<Vec<(Organization, Member)>, StoreError> {
    const SQL: &str = of_user!("o.name > $2 ORDER BY o.name LIMIT $3");
    let rows: Vec<RowWithOrganization> =
        store.query(SQL).bind(user.0).bind(text(after)).bind(i64::from(limit)).fetch_all().await?;
    rows.into_iter().map(RowWithOrganization::read).collect()
}

/// One of the user's own memberships, in whatever organization.
pub async fn of_user_by_id(
    store: &Store,
    user: UserId,
    id: MembershipId,
) -> Result<Option<(Organization, Member)>, StoreError> {
    const SQL: &str = of_user!("m.id = $2");
    let row: Option<RowWithOrganization> = store.query(SQL).bind(user.0).bind(id.0).fetch_optional().await?;
    row.map(RowWithOrganization::read).transpose()
}

impl RowWithOrganization {
    fn read(self) -> Result<(Organization, Member), StoreError> {
        Ok((self.organization.try_into()?, self.member.try_into()?))
    }
}
