//! One token in the list.

use std::fmt::Write;

use latchkey_domain::{Level, RepositoryId, RevocationReason, Scope, Timestamp, TokenId, TokenState, words};
use latchkey_service::{Revocation, Token, TokenDetail};
use maud::{Markup, PreEscaped, Render, html};

use super::load::List;

/// Resources whose scopes a row shows before "+3".
const RESOURCES_SHOWN: usize = 2;
/// Repositories that a row names.
const REPOSITORIES_NAMED: usize = 20;
/// What a row takes at most, as a rule.
const ROW_BYTES: usize = 1_400;
// The end tags of rows and cells may be left out (HTML, 13.1.2.4 Optional tags), and fifty rows have 500 of them.
const TD: PreEscaped<&str> = PreEscaped("<td>");
const TH: PreEscaped<&str> = PreEscaped("<th scope=\"row\">");
/// From so many days before its expiry, a token's expiry stands out; the same as the count above the list.
const SOON_DAYS: i64 = 7;

/// What all rows of a page have in common.
pub(super) struct Rows {
    now: Timestamp,
    /// The query of the list's address, up to the id to revoke.
    revoke: String,
    /// Scopes in the order of the catalogue.
    order: Vec<String>,
    /// The token that was created just now.
    created: Option<TokenId>,
    /// Ids that are ticked: those of a question about several.
    ticked: Vec<TokenId>,
}

/// A resource with those of its actions that a token may do.
type ScopeGroup<'a> = (&'a str, Vec<&'a str>);

impl Rows {
    pub(super) fn of(list: &List) -> Self {
        let ticked = match list.asked.as_deref() {
            Some(asked @ [_, _, ..]) => asked.iter().map(|detail| detail.token.id).collect(),
            _ => Vec::new(),
        };
        Self {
            now: list.now,
            revoke: list.query.href_and("") + "revoke=",
            order: list.scopes.iter().flat_map(|(_, scopes)| scopes.iter().cloned()).collect(),
            created: list.created.parse().ok(),
            ticked,
        }
    }

    /// All rows, in the order of the page, for `inner_html`.
    pub(super) fn html(&self, tokens: &[TokenDetail]) -> String {
        let mut html = String::with_capacity(tokens.len() * ROW_BYTES);
        for detail in tokens {
            self.row(detail).render_to(&mut html);
        }
        html
    }

    // What a cell is, the style sheet knows by its place (style/rows.css): fifty rows repeat all that stands here.
    fn row(&self, detail: &TokenDetail) -> Markup {
        let token = &detail.token;
        let id = Id(token.id);
        let is_new = self.created == Some(token.id);
        let class = match detail.state {
            TokenState::Active if is_new => "active fresh",
            TokenState::Active => "active",
            TokenState::Expired => "expired",
            TokenState::Revoked => "revoked",
        };
        let groups = self.grouped(token);
        let (scopes, more_scopes) = groups.split_at(groups.len().min(RESOURCES_SHOWN));
        html! {
            (PreEscaped("<tr class=\"")) (class) (PreEscaped("\">"))
            (TD)
            @if detail.revocable {
                label {
                    input type="checkbox" form="bulk" name="revoke" value=(id)
                        checked[self.ticked.contains(&token.id)] aria-label={ "Select " (token.name) };
                }
            }
            (TH)
            b { (token.name) }
            @if is_new { span.new-mark { "New" } }
            p { code { (token.prefix) "…" } " " (token.description) }
            @if let Some(revocation) = &token.revocation {
                small { "Revoked " (self.time(revocation.at)) (reason(revocation)) }
            }
            (TD)
            (detail.state.word())
            (TD)
            div {
                (Chips(scopes))
                @if !more_scopes.is_empty() {
                    details.more {
                        summary {
                            "+" (more_scopes.iter().map(|(_, actions)| actions.len()).sum::<usize>())
                            span.visually-hidden { " more scopes" }
                        }
                        div { (Chips(more_scopes)) }
                    }
                }
            }
            (TD)
            @match detail.repositories.as_slice() {
                _ if token.all_repositories => { "All repositories" }
                [] => { "No repositories" }
                [(_, name)] => { (name) }
                many => { (repositories(many, token.repository_count)) }
            }
            small {
                @match token.level {
                    Level::Instance => { "Instance" }
                    Level::Organization(_) => { "Organization" }
                    Level::Project(..) => { "Project " (token.project_name) }
                }
            }
            (TD)
            (self.time(token.created_at)) small { "by " (token.created_by.name) }
            (TD)
            @match (detail.state, token.expires_at) {
                // What has ended by hand won't expire any more.
                (TokenState::Revoked, _) => {}
                (_, None) => { "No expiration" }
                (TokenState::Active, Some(at)) if at <= self.now.plus_days(SOON_DAYS) => {
                    span.soon { (self.time(at)) }
                }
                (_, Some(at)) => { (self.time(at)) }
            }
            (TD)
            @match &token.last_use {
                Some(last) => { (self.time(last.at)) }
                None => { "Never used" }
            }
            // Scripts put the menu into this cell (`row_menu`). Without them, this is all that it could do.
            @if detail.revocable {
                (TD)
                a href={ (self.revoke) (id) } aria-label={ "Revoke " (token.name) "…" } {}
            } @else {
                (PreEscaped("<td data-id=\"")) (id) (PreEscaped("\">"))
            }
        }
    }

    fn time(&self, at: Timestamp) -> Time {
        Time { now: self.now, at }
    }

    /// Resources with their actions, in the order of the catalogue; scopes that it no longer has come last.
    fn grouped<'a>(&self, token: &'a Token) -> Vec<ScopeGroup<'a>> {
        let place = |scope: &Scope| self.order.iter().position(|name| name == scope.as_str()).unwrap_or(usize::MAX);
        let mut scopes: Vec<_> = token.scopes.iter().collect();
        scopes.sort_by_cached_key(|scope| place(scope));
        let mut groups: Vec<ScopeGroup<'_>> = Vec::new();
        for scope in scopes {
            match groups.iter_mut().find(|(resource, _)| *resource == scope.resource()) {
                Some((_, actions)) => actions.push(scope.action()),
                None => groups.push((scope.resource(), vec![scope.action()])),
            }
        }
        groups
    }
}

/// An id, written without a string of its own.
struct Id(TokenId);

impl Render for Id {
    fn render_to(&self, html: &mut String) {
        let _ = write!(html, "{}", self.0);
    }
}

/// As the component `RelativeTime` writes it.
struct Time {
    now: Timestamp,
    at: Timestamp,
}

impl Render for Time {
    fn render_to(&self, html: &mut String) {
        html.push_str("<time datetime=\"");
        words::write_rfc3339(html, self.at.whole_second());
        html.push_str("\" title=\"");
        words::write_date_time(html, self.at);
        html.push_str("\">");
        words::write_relative(html, self.now, self.at);
        html.push_str("</time>");
    }
}

struct Chips<'a>(&'a [ScopeGroup<'a>]);

impl Render for Chips<'_> {
    fn render_to(&self, html: &mut String) {
        for (resource, actions) in self.0 {
            html.push_str("<span><b>");
            resource.render_to(html);
            html.push_str("</b>");
            for (at, action) in actions.iter().enumerate() {
                html.push_str(if at == 0 { " " } else { ", " });
                action.render_to(html);
            }
            html.push_str("</span>");
        }
    }
}

/// "4 repositories" with their names.
fn repositories(names: &[(RepositoryId, String)], count: u32) -> Markup {
    html! {
        details.menu.names {
            summary { (words::number(u64::from(count))) " repositories" }
            ul.menu-list {
                @for (_, name) in names.iter().take(REPOSITORIES_NAMED) { li { (name) } }
                @if let Some(left @ 1..) = names.len().checked_sub(REPOSITORIES_NAMED) {
                    li.muted { "and " (words::number(left as u64)) " more" }
                }
            }
        }
    }
}

/// By whom or why a token was revoked.
fn reason(revocation: &Revocation) -> Markup {
    html! {
        @match revocation.reason {
            RevocationReason::Manual => { " by " (revocation.by.name) }
            RevocationReason::Inactive => { " by auto-revoke: inactive" }
            RevocationReason::Rotated => { ": a new secret took its place" }
            RevocationReason::Leaked => { ": it was leaked" }
            RevocationReason::Offboarded => { ": its creator left" }
            RevocationReason::OrganizationDeleted => { ": its organization is gone" }
        }
    }
}
