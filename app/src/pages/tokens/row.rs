//! One token in the list.

use latchkey_domain::{Level, RepositoryId, RevocationReason, Scope, Timestamp, TokenState, words};
use latchkey_service::{Revocation, Token, TokenDetail};
use maud::{Markup, Render, html};

use super::load::List;
use crate::shell::icon_href;

/// Resources whose scopes a row shows before "+3".
const RESOURCES_SHOWN: usize = 2;
/// Repositories that a row names.
const REPOSITORIES_NAMED: usize = 20;
/// What a row takes at most, as a rule.
const ROW_BYTES: usize = 2_400;
/// From so many days before its expiry, a token's expiry stands out; the same as the count above the list.
const SOON_DAYS: i64 = 7;

/// What all rows of a page have in common.
pub(super) struct Rows {
    now: Timestamp,
    /// The address of the list, up to the id to revoke.
    revoke: String,
    /// Scopes in the order of the catalogue.
    order: Vec<String>,
    /// Id of the token that was created just now.
    created: String,
    /// Ids that are ticked: those of a question about several.
    ticked: Vec<latchkey_domain::TokenId>,
    /// Icons, rendered once.
    dots: Markup,
    copy: Markup,
    ban: Markup,
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
            revoke: list.query.href_and(&list.base) + "revoke=",
            order: list.scopes.iter().flat_map(|(_, scopes)| scopes.iter().cloned()).collect(),
            created: list.created.clone(),
            ticked,
            dots: icon("dots"),
            copy: icon("copy"),
            ban: icon("ban"),
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

    // One template for all of a row: each call of another one costs a string that is copied into this one.
    fn row(&self, detail: &TokenDetail) -> Markup {
        let token = &detail.token;
        let id = token.id.to_string();
        let is_new = id == self.created;
        let class = match detail.state {
            _ if is_new => "fresh",
            TokenState::Active => "live",
            TokenState::Expired | TokenState::Revoked => "ended",
        };
        let status = match detail.state {
            TokenState::Active => "status active",
            TokenState::Expired => "status expired",
            TokenState::Revoked => "status revoked",
        };
        let groups = self.grouped(token);
        let (scopes, more_scopes) = groups.split_at(groups.len().min(RESOURCES_SHOWN));
        html! {
            tr class=(class) {
                td.c-tick {
                    @if detail.revocable {
                        label.tick {
                            input.check type="checkbox" form="bulk" name="revoke" value=(id)
                                checked[self.ticked.contains(&token.id)] autocomplete="off"
                                aria-label={ "Select " (token.name) };
                        }
                    }
                }
                th.c-name scope="row" {
                    span.token-name { (token.name) }
                    @if is_new { span.new-mark { "New" } }
                    span.token-note { code { (token.prefix) "…" } " " (token.description) }
                    @if let Some(revocation) = &token.revocation {
                        span.sub { "Revoked " (self.time(revocation.at)) (reason(revocation)) }
                    }
                }
                td.c-status { span class=(status) { (detail.state.word()) } }
                td.c-scopes {
                    span.chips {
                        (chips(scopes))
                        @if !more_scopes.is_empty() {
                            details.more {
                                summary {
                                    "+" (more_scopes.iter().map(|(_, actions)| actions.len()).sum::<usize>())
                                    span.visually-hidden { " more scopes" }
                                }
                                span.chips { (chips(more_scopes)) }
                            }
                        }
                    }
                }
                td.c-access {
                    @match detail.repositories.as_slice() {
                        _ if token.all_repositories => { "All repositories" }
                        [] => { "No repositories" }
                        [(_, name)] => { (name) }
                        many => { (repositories(many, token.repository_count)) }
                    }
                    span.sub {
                        @match token.level {
                            Level::Instance => { "Instance" }
                            Level::Organization(_) => { "Organization" }
                            Level::Project(..) => { "Project " (token.project_name) }
                        }
                    }
                }
                td.c-created { (self.time(token.created_at)) span.sub { "by " (token.created_by.name) } }
                td.c-expires {
                    @match (detail.state, token.expires_at) {
                        // What has ended by hand won't expire any more.
                        (TokenState::Revoked, _) => {}
                        (_, None) => { span.muted { "No expiration" } }
                        (TokenState::Active, Some(at)) if at <= self.now.plus_days(SOON_DAYS) => {
                            span.soon { (self.time(at)) }
                        }
                        (_, Some(at)) => { span.later { (self.time(at)) } }
                    }
                }
                td.c-used {
                    @match &token.last_use {
                        Some(last) => { (self.time(last.at)) }
                        None => { span.muted { "Never used" } }
                    }
                }
                td.c-menu {
                    details.menu.end {
                        summary.button.ghost.small.icon-only id={ "m-" (id) } aria-label={ "Actions for " (token.name) } {
                            (self.dots)
                        }
                        div.menu-list {
                            button.menu-item type="button" data-copy=(id) { (self.copy) span { "Copy ID" } }
                            @if detail.revocable {
                                a.menu-item.danger href={ (self.revoke) (id) } { (self.ban) "Revoke…" }
                            }
                        }
                    }
                }
            }
        }
    }

    /// As the component `RelativeTime` writes it.
    fn time(&self, at: Timestamp) -> Markup {
        let (exact, title) = (at.to_string(), words::date_time(at));
        html! { time datetime=(exact) title=(title) data-relative="" { (words::relative(self.now, at)) } }
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

/// As the component `Icon` writes it.
fn icon(name: &str) -> Markup {
    html! { svg.icon aria-hidden="true" { use href=(icon_href(name)) {} } }
}

fn chips(groups: &[ScopeGroup<'_>]) -> Markup {
    html! {
        @for (resource, actions) in groups {
            span.chip {
                b { (resource) }
                @for (at, action) in actions.iter().enumerate() {
                    @if at == 0 { " " } @else { ", " }
                    (action)
                }
            }
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
