//! One token in the list. There are fifty of these on a page: markup and work are kept lean.

use latchkey_domain::{Level, RevocationReason, Scope, Timestamp, TokenState, words};
use latchkey_service::{Token, TokenDetail};

use super::load::List;
use crate::{markup::Markup, shell::icon_href};

/// Chips that a row shows before "+3".
const CHIPS: usize = 2;
/// Repositories that a row names.
const NAMES: usize = 20;
/// From so many days before its expiry, a token's expiry stands out; the same as the count above the list.
const SOON_DAYS: i64 = 7;

/// What all rows of a page have in common.
pub(super) struct Rows {
    now: Timestamp,
    /// The address of the list, up to the id to revoke.
    revoke: String,
    /// Scopes in the order of the catalogue.
    order: Vec<String>,
    fresh: String,
    /// Ids that are ticked: those of a question about several.
    ticked: Vec<latchkey_domain::TokenId>,
    dots: String,
    copy: String,
    ban: String,
}

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
            fresh: list.fresh.clone(),
            ticked,
            dots: icon_href("dots"),
            copy: icon_href("copy"),
            ban: icon_href("ban"),
        }
    }

    /// All rows, in the order of the page.
    pub(super) fn html(&self, tokens: &[TokenDetail]) -> String {
        let mut html = Markup::with_capacity(tokens.len() * 2_400);
        for detail in tokens {
            self.row(&mut html, detail);
        }
        html.into_html()
    }

    fn row(&self, html: &mut Markup, detail: &TokenDetail) {
        let token = &detail.token;
        let id = token.id.to_string();
        let fresh = id == self.fresh;
        html.raw(match (fresh, detail.state) {
            (true, _) => "<tr class=\"fresh\">",
            (false, TokenState::Active) => "<tr class=\"live\">",
            (false, _) => "<tr class=\"ended\">",
        });
        html.raw("<td class=\"c-tick\">");
        if detail.revocable {
            html.raw(
                "<label class=\"tick\"><input class=\"check\" type=\"checkbox\" form=\"bulk\" name=\"revoke\" value=\"",
            );
            html.text(&id).raw(if self.ticked.contains(&token.id) { "\" checked" } else { "\"" });
            html.raw(" autocomplete=\"off\" aria-label=\"Select ").text(&token.name).raw("\"></label>");
        }
        html.raw("</td><th class=\"c-name\" scope=\"row\"><span class=\"token-name\">")
            .text(&token.name)
            .raw("</span>");
        if fresh {
            html.raw("<span class=\"new-mark\">New</span>");
        }
        html.raw("<span class=\"token-note\"><code>").text(&token.prefix).raw("…</code> ");
        html.text(&token.description).raw("</span>");
        self.ended(html, token);
        html.raw(match detail.state {
            TokenState::Active => "</th><td class=\"c-status\"><span class=\"status active\">",
            TokenState::Expired => "</th><td class=\"c-status\"><span class=\"status expired\">",
            TokenState::Revoked => "</th><td class=\"c-status\"><span class=\"status revoked\">",
        });
        html.text(detail.state.word()).raw("</span></td><td class=\"c-scopes\">");
        self.scopes(html, token);
        html.raw("</td><td class=\"c-access\">");
        access(html, detail);
        html.raw("<span class=\"sub\">");
        level(html, token);
        html.raw("</span></td><td class=\"c-created\">");
        self.moment(html, token.created_at);
        html.raw("<span class=\"sub\">by ").text(&token.created_by.name).raw("</span></td><td class=\"c-expires\">");
        self.expires(html, detail);
        html.raw("</td><td class=\"c-used\">");
        match &token.last_use {
            Some(last) => self.moment(html, last.at),
            None => _ = html.raw("<span class=\"muted\">Never used</span>"),
        }
        html.raw("</td><td class=\"c-menu\">");
        self.menu(html, detail, &id);
        html.raw("</td></tr>");
    }

    /// As the component `Moment` writes it.
    fn moment(&self, html: &mut Markup, at: Timestamp) {
        html.raw("<time datetime=\"").text(&at.to_string()).raw("\" title=\"").text(&words::date_time(at));
        html.raw("\" data-relative=\"\">").text(&words::relative(self.now, at)).raw("</time>");
    }

    /// When, by whom and why a token was revoked.
    fn ended(&self, html: &mut Markup, token: &Token) {
        let Some(revocation) = &token.revocation else { return };
        html.raw("<span class=\"sub\">Revoked ");
        self.moment(html, revocation.at);
        match revocation.reason {
            RevocationReason::Manual => html.raw(" by ").text(&revocation.by.name),
            RevocationReason::Inactive => html.raw(" by auto-revoke: inactive"),
            RevocationReason::Rotated => html.raw(": a new secret took its place"),
            RevocationReason::Leaked => html.raw(": it was leaked"),
            RevocationReason::Offboarded => html.raw(": its creator left"),
            RevocationReason::OrganizationDeleted => html.raw(": its organization is gone"),
        };
        html.raw("</span>");
    }

    /// "scans read, trigger" for each resource: the first ones, and the rest behind "+3".
    fn scopes(&self, html: &mut Markup, token: &Token) {
        let groups = self.grouped(token);
        let (shown, rest) = groups.split_at(groups.len().min(CHIPS));
        html.raw("<span class=\"chips\">");
        chips(html, shown);
        if !rest.is_empty() {
            let more: usize = rest.iter().map(|(_, actions)| actions.len()).sum();
            html.raw("<details class=\"more\"><summary>+").number(more as u64);
            html.raw("<span class=\"visually-hidden\"> more scopes</span></summary><span class=\"chips\">");
            chips(html, rest);
            html.raw("</span></details>");
        }
        html.raw("</span>");
    }

    /// Resources with their actions, in the order of the catalogue; scopes that it no longer has come last.
    fn grouped<'a>(&self, token: &'a Token) -> Vec<(&'a str, Vec<&'a str>)> {
        let place = |scope: &Scope| self.order.iter().position(|name| name == scope.as_str()).unwrap_or(usize::MAX);
        let mut scopes: Vec<_> = token.scopes.iter().collect();
        scopes.sort_by_cached_key(|scope| place(scope));
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for scope in scopes {
            match groups.iter_mut().find(|(resource, _)| *resource == scope.resource()) {
                Some((_, actions)) => actions.push(scope.action()),
                None => groups.push((scope.resource(), vec![scope.action()])),
            }
        }
        groups
    }

    fn expires(&self, html: &mut Markup, detail: &TokenDetail) {
        match (detail.state, detail.token.expires_at) {
            // What has ended by hand won't expire any more.
            (TokenState::Revoked, _) => {}
            (_, None) => _ = html.raw("<span class=\"muted\">No expiration</span>"),
            (state, Some(at)) => {
                let soon = state == TokenState::Active && at <= self.now.plus_days(SOON_DAYS);
                html.raw(if soon { "<span class=\"soon\">" } else { "<span class=\"later\">" });
                self.moment(html, at);
                html.raw("</span>");
            }
        }
    }

    fn menu(&self, html: &mut Markup, detail: &TokenDetail, id: &str) {
        html.raw("<details class=\"menu end\"><summary class=\"button ghost small icon-only\" id=\"m-").text(id);
        html.raw("\" aria-label=\"Actions for ").text(&detail.token.name).raw("\">");
        icon(html, &self.dots);
        html.raw("</summary><div class=\"menu-list\"><button class=\"menu-item\" type=\"button\" data-copy=\"")
            .text(id);
        html.raw("\">");
        icon(html, &self.copy);
        html.raw("<span>Copy ID</span></button>");
        if detail.revocable {
            html.raw("<a class=\"menu-item danger\" href=\"").text(&self.revoke).text(id).raw("\">");
            icon(html, &self.ban);
            html.raw("Revoke…</a>");
        }
        html.raw("</div></details>");
    }
}

fn icon(html: &mut Markup, href: &str) {
    html.raw("<svg class=\"icon\" aria-hidden=\"true\"><use href=\"").text(href).raw("\"></use></svg>");
}

fn chips(html: &mut Markup, groups: &[(&str, Vec<&str>)]) {
    for (resource, actions) in groups {
        html.raw("<span class=\"chip\"><b>").text(resource).raw("</b>");
        for (at, action) in actions.iter().enumerate() {
            html.raw(if at == 0 { " " } else { ", " }).text(action);
        }
        html.raw("</span>");
    }
}

/// "All repositories", the one repository, or "4 repositories" with their names.
fn access(html: &mut Markup, detail: &TokenDetail) {
    match detail.repositories.as_slice() {
        _ if detail.token.all_repositories => _ = html.raw("All repositories"),
        [] => _ = html.raw("No repositories"),
        [(_, name)] => _ = html.text(name),
        many => {
            html.raw("<details class=\"menu names\"><summary>");
            html.text(&words::number(u64::from(detail.token.repository_count))).raw(" repositories</summary>");
            html.raw("<ul class=\"menu-list\">");
            for (_, name) in many.iter().take(NAMES) {
                html.raw("<li>").text(name).raw("</li>");
            }
            let left = many.len().saturating_sub(NAMES) as u64;
            if left > 0 {
                html.raw("<li class=\"muted\">and ").text(&words::number(left)).raw(" more</li>");
            }
            html.raw("</ul></details>");
        }
    }
}

fn level(html: &mut Markup, token: &Token) {
    match token.level {
        Level::Instance => html.raw("Instance"),
        Level::Organization(_) => html.raw("Organization"),
        Level::Project(..) => html.raw("Project ").text(&token.project_name),
    };
}
