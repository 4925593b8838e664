use latchkey_domain::{LevelKind, ProjectId, RepositoryId, Timestamp, TokenState, search_terms};
use latchkey_store::tokens::{self, Filter, Position, Sort};
use latchkey_store::{projects, projects::Project, repositories};
use uuid::Uuid;

use super::TokenDetail;
use crate::authorization::Action;
use crate::page::check_limit;
use crate::projects::PROJECTS_MAX;
use crate::{AuthorizationError, Error, FieldError, OrganizationAccess, Tokens};

/// "Expiring within 7 days".
const SOON_DAYS: i64 = 7;
/// "Unused for 30 days".
const UNUSED_DAYS: i64 = 30;
/// Longest search, in characters.
const QUERY_MAX: usize = 200;

/// Which tokens to list; everything as it was sent.
#[derive(Clone, Debug)]
pub struct ListTokens {
    pub state: StateFilter,
    /// Searches names, descriptions, the start of secrets, and ids.
    pub query: String,
    pub scope: Option<String>,
    /// All tokens of the organization itself, or all of its projects; with `Project`, `level` is a project's id or name.
    pub kind: Option<LevelKind>,
    /// `organization`, or a project's id or name.
    pub level: Option<String>,
    /// Id or full name.
    pub repository: Option<String>,
    /// Id of a user or token.
    pub creator: Option<String>,
    pub sort: Sort,
    /// From an earlier page.
    pub cursor: Option<Position>,
    /// 1 to 100.
    pub limit: u32,
}

/// The states that the list can show; the last two are what the counts above it link to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateFilter {
    #[default]
    Active,
    Expired,
    Revoked,
    All,
    /// Active, expires within 7 days.
    ExpiringSoon,
    /// Active, not used for 30 days.
    Unused,
}

/// A page of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPage {
    pub tokens: Vec<TokenDetail>,
    pub next: Option<Position>,
    /// The look-up stopped at its limit before the page was full; `next` goes on.
    pub partial: bool,
}

/// The three numbers above the list, each counted to [`COUNT_MAX`](crate::COUNT_MAX) + 1 at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub active: u32,
    pub expiring_soon: u32,
    pub unused: u32,
}

/// The list page.
#[derive(Clone, Debug)]
pub struct Overview {
    pub page: TokenPage,
    /// How many match in all; more than [`COUNT_MAX`](crate::COUNT_MAX) means "more than that".
    pub total: u32,
    pub counts: Counts,
    /// By name, 200 at most.
    pub projects: Vec<Project>,
}

impl Tokens<'_> {
    /// A page of the organization's tokens; for those who act on all of the instance, of its own with the level
    /// `instance`.
    pub async fn list(self, access: &OrganizationAccess, list: ListTokens) -> Result<TokenPage, Error> {
        let of_instance = list.kind == Some(LevelKind::Instance);
        let access = access.to_tokens(of_instance)?;
        access.allow(Action::ReadTokens)?;
        let now = self.service.now();
        let filter = self.filter(&access, &list, now).await?;
        Ok(self.page(&access, &list, &filter, now).await?.0)
    }

    /// What the list page shows a person: a page of tokens, and what stands around it.
    pub async fn overview(self, access: &OrganizationAccess, list: ListTokens) -> Result<Overview, Error> {
        let access = &*access.to_tokens(false)?;
        access.allow(Action::ReadTokens)?;
        access.principal().person().ok_or(AuthorizationError::PeopleOnly)?;
        let now = self.service.now();
        let filter = self.filter(access, &list, now).await?;
        let (soon, idle) = (now.plus_days(SOON_DAYS), now.plus_days(-UNUSED_DAYS));
        let ((page, total), summary, projects) = tokio::try_join!(
            self.page(access, &list, &filter, now),
            async { Ok(tokens::summary(self.service.store(), access.id(), soon, idle, now).await?) },
            self.service.projects().visible(access, "", PROJECTS_MAX),
        )?;
        let counts = Counts { active: summary.live, expiring_soon: summary.expiring, unused: summary.idle };
        let whole = filter == self.state_filter(access, list.state, now);
        let total = match (total, list.state) {
            (Some(total), _) => total,
            (None, StateFilter::Active) if whole => counts.active,
            (None, StateFilter::ExpiringSoon) if whole => counts.expiring_soon,
            (None, StateFilter::Unused) if whole => counts.unused,
            (None, _) => tokens::count(self.service.store(), &filter, now).await?,
        };
        Ok(Overview { page, total, counts, projects })
    }

    /// A page, and the total where that was found out by the way.
    async fn page(
        self,
        access: &OrganizationAccess,
        list: &ListTokens,
        filter: &Filter,
        now: Timestamp,
    ) -> Result<(TokenPage, Option<u32>), Error> {
        let page = tokens::list(self.service.store(), filter, list.sort, list.cursor.as_ref(), list.limit, now).await?;
        let tokens = self.details(access, page.tokens, now).await?;
        Ok((TokenPage { tokens, next: page.next, partial: page.partial }, page.total))
    }

    /// The state alone; a project's token sees its project only.
    pub(crate) fn state_filter(self, access: &OrganizationAccess, state: StateFilter, now: Timestamp) -> Filter {
        Filter {
            organization: Some(access.id()).filter(|_| !access.is_of_instance()),
            state: match state {
                StateFilter::Active | StateFilter::ExpiringSoon | StateFilter::Unused => Some(TokenState::Active),
                StateFilter::Expired => Some(TokenState::Expired),
                StateFilter::Revoked => Some(TokenState::Revoked),
                StateFilter::All => None,
            },
            level: None,
            project: access.principal().project(),
            scope: None,
            repository: None,
            creator: None,
            terms: None,
            expires_before: (state == StateFilter::ExpiringSoon).then(|| now.plus_days(SOON_DAYS)),
            idle_before: (state == StateFilter::Unused).then(|| now.plus_days(-UNUSED_DAYS)),
        }
    }

    async fn filter(self, access: &OrganizationAccess, list: &ListTokens, now: Timestamp) -> Result<Filter, Error> {
        check_limit(list.limit)?;
        if list.query.chars().count() > QUERY_MAX {
            return Err(FieldError::new("query", format!("must have at most {QUERY_MAX} characters")).into());
        }
        let mut filter = self.state_filter(access, list.state, now);
        filter.level = list.kind;
        // What is not there matches nothing; it is no error, so that a shared link still opens.
        let nothing = Uuid::nil();
        let mut findable = true;
        match list.level.as_deref().map(str::trim).filter(|level| !level.is_empty()) {
            None => {}
            Some("organization") if list.kind != Some(LevelKind::Project) => {
                filter.level = Some(LevelKind::Organization)
            }
            Some(project) => {
                let found = match project.parse::<ProjectId>() {
                    Ok(id) => projects::by_id(self.service.store(), access.id(), id).await?,
                    Err(_) => projects::by_name(self.service.store(), access.id(), project).await?,
                };
                let asked = found.map_or(ProjectId(nothing), |found| found.id);
                let confined = filter.project.is_some_and(|own| own != asked);
                filter.project = Some(if confined { ProjectId(nothing) } else { asked });
            }
        }
        if let Some(repository) = list.repository.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let found = match repository.parse::<RepositoryId>() {
                Ok(id) => repositories::by_id(self.service.store(), access.id(), id).await?,
                Err(_) => repositories::by_name(self.service.store(), access.id(), repository).await?,
            };
            // Not by an id that no repository has: tokens for all repositories would list it.
            filter.repository = found.map(|found| found.id);
            findable &= filter.repository.is_some();
        }
        if let Some(creator) = list.creator.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            filter.creator = Some(creator.parse().unwrap_or(nothing));
        }
        filter.scope = list.scope.clone().filter(|scope| !scope.is_empty());
        // No scope has a space in it; how a token's scopes are stored has.
        findable &= !filter.scope.as_deref().is_some_and(|scope| scope.contains(' '));
        filter.terms = if findable { search_terms(&list.query) } else { Some(Vec::new()) };
        Ok(filter)
    }
}
