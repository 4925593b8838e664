use latchkey_domain::Role;
use latchkey_domain::Timestamp;
use latchkey_service::{
    Counts, Error, Organization, OrganizationAccess, Overview, Position, Project, Service, StateFilter, TokenDetail,
    TokenPage,
};

use super::{
    cursor::Cursor,
    query::{ListQuery, PageAt},
};
use crate::{fields::Fields, page_request::PageRequest, paths};

/// Everything that the list page shows.
pub(super) struct List {
    /// The time that relative times are counted from.
    pub now: Timestamp,
    pub organization: Organization,
    /// Of the reader.
    pub role: Option<Role>,
    /// `/orgs/acme/settings/tokens`
    pub base: String,
    pub query: ListQuery,
    pub counts: Counts,
    pub page: TokenPage,
    /// How many match in all; more than [`latchkey_service::COUNT_MAX`] means "more than that".
    pub total: u32,
    /// Rows before the first one of the page.
    pub start: u32,
    pub projects: Vec<Project>,
    /// Scopes to filter by, by group.
    pub scopes: Vec<(String, Vec<String>)>,
    /// Nothing was ever created here.
    pub unused: bool,
    /// Those that a question is open about; `None` when nobody asked.
    pub asked: Option<Vec<TokenDetail>>,
    /// Those that were revoked just now.
    pub revoked: Vec<TokenDetail>,
    /// Id of the token that was created just now.
    pub created: String,
    pub me: String,
}

impl List {
    pub(super) async fn load(request: &PageRequest, organization: &str, fields: &Fields) -> Result<Self, Error> {
        let (service, caller) = (&request.portal.service, &request.caller);
        let access = service.organizations().access(caller, organization).await?;
        let (query, overview, start) = read(service, &access, fields).await?;
        let Overview { page, total, counts, projects } = overview;
        let nothing = page.tokens.is_empty() && counts.active == 0 && !query.is_filtered();
        let unused = nothing && {
            let any = ListQuery::of(StateFilter::All).to_request();
            service.tokens().list(&access, any).await?.tokens.is_empty()
        };
        let by_ids = async |name: &str| {
            let ids: Vec<_> = fields.all(name).take(100).map(str::to_owned).collect();
            if ids.is_empty() {
                return Ok(None);
            }
            service.tokens().get_many(&access, &ids).await.map(Some)
        };
        let mut asked = by_ids("revoke").await?;
        if let Some(asked) = &mut asked {
            asked.retain(|detail| detail.revocable);
        }
        let mut revoked = by_ids("revoked").await?.unwrap_or_default();
        revoked.retain(|detail| detail.token.revocation.is_some());
        let scopes = service
            .catalogue()
            .groups()
            .iter()
            .map(|group| (group.name.clone(), group.scopes.iter().map(|scope| scope.name.to_string()).collect()));
        Ok(Self {
            base: paths::tokens(organization),
            counts,
            start,
            projects,
            scopes: scopes.collect(),
            unused,
            asked,
            revoked,
            created: fields.text("new").to_owned(),
            me: request.person.id.to_string(),
            now: service.now(),
            organization: access.organization().clone(),
            role: access.role(),
            query,
            page,
            total,
        })
    }

    /// Whether the reader may create tokens of any level.
    pub(super) fn creates(&self) -> bool {
        self.role.is_some_and(Role::creates_project_tokens)
    }

    /// The list as it is after the last row, if there is more.
    pub(super) fn next(&self) -> Option<ListQuery> {
        let position = self.page.next.clone()?;
        let offset = self.start.saturating_add(rows(&self.page));
        Some(self.query.at(PageAt::After(Cursor { offset, position })))
    }

    /// The list as it is before the first row.
    pub(super) fn previous(&self) -> Option<ListQuery> {
        let first = self.page.tokens.first()?;
        match self.start {
            0 => None,
            start if start <= super::query::PAGE => Some(self.query.at_start()),
            start => {
                let position = Position::of(&first.token, self.query.sort.key);
                Some(self.query.at(PageAt::Before(Cursor { offset: start, position })))
            }
        }
    }
}

fn rows(page: &TokenPage) -> u32 {
    u32::try_from(page.tokens.len()).unwrap_or(u32::MAX)
}

/// A page, always in the order of the list, with the number of rows before it.
async fn read(
    service: &Service,
    access: &OrganizationAccess,
    fields: &Fields,
) -> Result<(ListQuery, Overview, u32), Error> {
    let query = ListQuery::read(fields);
    let overview = |query: &ListQuery| service.tokens().overview(access, query.to_request());
    let mut found = overview(&query).await?;
    let start = match &query.page {
        PageAt::Start => 0,
        PageAt::After(cursor) => cursor.offset,
        PageAt::Before(cursor) if found.page.next.is_some() => {
            found.page.tokens.reverse();
            found.page.next = found.page.tokens.last().map(|last| Position::of(&last.token, query.sort.key));
            cursor.offset.saturating_sub(rows(&found.page))
        }
        // Rows were revoked meanwhile and less than a page is left: that is the first page.
        PageAt::Before(_) => {
            let query = query.at_start();
            let first = overview(&query).await?;
            return Ok((query, first, 0));
        }
    };
    Ok((query, found, start))
}
