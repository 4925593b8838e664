//! The list in every state, rendered to a string.

use std::sync::Arc;

use latchkey_domain::{
    InactivityThreshold, Level, OrganizationId, ProjectId, RepositoryId, RevocationReason, Role, ScopeSet, Timestamp,
    TokenId, TokenState,
};
use latchkey_service::{Actor, Counts, Organization, Revocation, StateFilter, Token, TokenDetail, TokenPage, Use};
use leptos::{prelude::*, reactive::owner::Owner};
use uuid::Uuid;

use super::{load::List, query::ListQuery, table, view};
use crate::{components::RelativeTime, fields::Fields, page_request::LayoutContext, portal::Site};

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0198_c5de_0000_7000_8000_0000_0000_0000 + number)
}

fn by(name: &str) -> Actor {
    Actor { kind: "user", id: Some(id(900)), name: name.to_owned() }
}

fn token(number: u128, name: &str) -> TokenDetail {
    let organization = OrganizationId(id(800));
    TokenDetail {
        token: Token {
            id: TokenId(id(number)),
            name: name.to_owned(),
            name_key: name.to_lowercase(),
            description: String::new(),
            level: Level::Organization(organization),
            organization_name: "acme".to_owned(),
            project_name: String::new(),
            scopes: ScopeSet::stored("repos:read scans:read scans:trigger drifts:read runners:read"),
            all_repositories: true,
            repository_count: 0,
            prefix: "ci_8fK2a".to_owned(),
            require_signing: false,
            allowed_networks: Default::default(),
            created_at: now().plus_days(-21),
            created_by: by("ada@example.com"),
            expires_at: None,
            revocation: None,
            overlap_until: None,
            last_use: None,
        },
        state: TokenState::Active,
        repositories: Vec::new(),
        revocable: true,
    }
}

/// One token in every state that a row can show.
fn every_state() -> Vec<TokenDetail> {
    let mut used = token(1, "GitHub Actions CI");
    used.token.last_use = Some(Use { at: now().plus_seconds(-120), address: None, user_agent: String::new() });
    used.token.expires_at = Some(now().plus_days(3));
    let mut confined = token(2, "Nightly <b>\"drift\"</b> & report");
    confined.token.description = "Posts to #infra</span><script>".to_owned();
    confined.token.level = Level::Project(OrganizationId(id(800)), ProjectId(id(700)));
    confined.token.project_name = "Billing".to_owned();
    confined.token.all_repositories = false;
    confined.token.repository_count = 2;
    confined.repositories = ["acme/api", "acme/web"]
        .into_iter()
        .zip(600..)
        .map(|(name, n)| (RepositoryId(id(n)), name.to_owned()))
        .collect();
    let mut expired = token(3, "Expired");
    expired.state = TokenState::Expired;
    expired.token.expires_at = Some(now().plus_days(-2));
    let mut revoked = token(4, "Revoked");
    revoked.state = TokenState::Revoked;
    revoked.revocable = false;
    revoked.token.revocation =
        Some(Revocation { at: now().plus_days(-1), by: by("ada@example.com"), reason: RevocationReason::Manual });
    let mut inactive = token(5, "Inactive");
    inactive.state = TokenState::Revoked;
    inactive.revocable = false;
    inactive.token.revocation = Some(Revocation { at: now(), by: by("system"), reason: RevocationReason::Inactive });
    vec![used, confined, expired, revoked, inactive]
}

fn list(tokens: Vec<TokenDetail>, fields: &[(&str, &str)]) -> List {
    let total = u32::try_from(tokens.len()).unwrap();
    List {
        now: now(),
        organization: Organization {
            id: OrganizationId(id(800)),
            name: "acme".to_owned(),
            threshold: InactivityThreshold::from_setting(90).unwrap(),
            created_at: now(),
            updated_at: now(),
        },
        role: Some(Role::Admin),
        base: "/orgs/acme/settings/tokens".to_owned(),
        query: ListQuery::read(&fields.iter().copied().collect::<Fields>()),
        counts: Counts { active: total, expiring_soon: 1, unused: 1_001 },
        page: TokenPage { tokens, next: None, partial: false },
        total,
        start: 0,
        projects: Vec::new(),
        scopes: vec![
            ("Repositories".to_owned(), vec!["repos:read".to_owned()]),
            ("Scans".to_owned(), vec!["scans:read".to_owned(), "scans:trigger".to_owned()]),
            ("Drifts".to_owned(), vec!["drifts:read".to_owned()]),
        ],
        unused: false,
        asked: None,
        revoked: Vec::new(),
        created: String::new(),
        me: id(900).to_string(),
    }
}

fn html(list: List) -> String {
    let owner = Owner::new_root(None);
    owner.with(|| view::page(layout(), "acme", &list).into_view().to_html())
}

fn layout() -> LayoutContext {
    let site = Site { public_url: "https://keys.example".into(), secure: true, pkg_dir: "pkg/1".into(), version: "1" };
    LayoutContext {
        site: Arc::new(site),
        theme: None,
        email: "ada@example.com".to_owned(),
        path: "/orgs/acme/settings/tokens".to_owned(),
        organization: Some("acme".to_owned()),
        organizations: vec!["acme".to_owned(), "default".to_owned()],
        now: now(),
    }
}

/// The text between tags, with single spaces.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => {
                inside = true;
                text.push(' ');
            }
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn rows_tell_each_state_in_words() {
    let html = html(list(every_state(), &[("status", "all")]));
    let text = text(&html);
    for words in [
        "API tokens · acme · Latchkey",
        "Auto-revoke After 90 days",
        "1,000+ unused for 30 days",
        "repos read scans read, trigger +2 more scopes drifts read runners read",
        "All repositories Organization",
        "2 repositories acme/api acme/web Project Billing",
        "3 weeks ago by ada@example.com",
        "in 3 days 2 minutes ago",
        "No expiration Never used",
        "Expired",
        "Revoked 1 day ago by ada@example.com",
        "Revoked just now by auto-revoke: inactive",
        "Showing 1–5 of 5",
    ] {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
    // Who can't be revoked can't be ticked, and has no such entry in its menu.
    assert_eq!(html.matches("name=\"revoke\"").count(), 3);
    assert_eq!(html.matches("?revoke=").count() + html.matches("&amp;revoke=").count(), 3);
    assert!(html.contains("title=\"22 November 2026, 11:58 UTC\""));
}

/// Rows write their times themselves, and must write them as everything else does.
#[test]
fn a_moment_is_the_same_in_a_row_and_elsewhere() {
    let at = now().plus_days(-21);
    let elsewhere = view! { <RelativeTime now=now() at=at /> }.to_html();
    assert!(html(list(every_state(), &[])).contains(&elsewhere), "{elsewhere}");
}

#[test]
fn names_are_text() {
    let html = html(list(every_state(), &[]));
    assert!(html.contains("Nightly &lt;b&gt;&quot;drift&quot;&lt;/b&gt; &amp; report</b>"), "{html}");
    assert!(html.contains("aria-label=\"Revoke Nightly &lt;b&gt;&quot;drift&quot;&lt;/b&gt; &amp; report…\""));
    assert!(!html.contains("infra</span><script>"));
    assert!(html.contains("infra&lt;/span&gt;&lt;script&gt;"));
}

#[test]
fn nothing_is_inline_that_the_policy_forbids() {
    let html = html(list(every_state(), &[]));
    assert!(!html.contains(" style="));
    assert!(!html.contains(" onclick="));
}

#[test]
fn the_question_names_the_token_and_closes_what_is_below() {
    let mut asking = list(every_state(), &[("q", "ci")]);
    asking.asked = Some(vec![token(1, "GitHub Actions CI")]);
    let html = html(asking);
    let text = text(&html);
    let question =
        "Revoke GitHub Actions CI ? Pipelines that use it will fail at once. This can't be undone. Cancel Revoke token";
    assert!(text.contains(question), "{text}");
    assert!(html.contains("<div inert class=\"tokens-page\">"));
    assert!(html.contains("href=\"/orgs/acme/settings/tokens?q=ci\" data-cancel"));
    assert!(html.contains("<input type=\"hidden\" name=\"q\" value=\"ci\">"));
}

#[test]
fn several_tokens_are_asked_about_by_name() {
    let mut asking = list(every_state(), &[]);
    asking.asked = Some(vec![token(1, "One"), token(2, "Two")]);
    let text = text(&html(asking));
    assert!(text.contains("Revoke 2 tokens? Pipelines that use them will fail at once. This can't be undone. One Two"));
}

#[test]
fn what_was_done_is_said() {
    let mut done = list(every_state(), &[]);
    done.revoked = vec![every_state().remove(3)];
    assert!(text(&html(done)).contains("Revoked Revoked."));
}

#[test]
fn empty_lists_say_what_to_do() {
    let mut first = list(Vec::new(), &[]);
    first.unused = true;
    let first = html(first);
    assert!(text(&first).contains("No tokens yet"));
    assert!(!first.contains("role=\"search\""));
    let filtered = text(&html(list(Vec::new(), &[("q", "nobody")])));
    assert!(filtered.contains("Nothing matches these filters Searched active tokens."), "{filtered}");
    assert!(text(&html(list(Vec::new(), &[]))).contains("No active tokens"));
    assert!(text(&html(list(Vec::new(), &[("status", "revoked")]))).contains("No revoked tokens"));
}

#[test]
fn pages_count_on() {
    let cursor = format!("50.{}.github actions ci", id(1));
    let mut second = list(every_state(), &[("sort", "name"), ("after", &cursor)]);
    second.start = 50;
    second.total = 312;
    assert_eq!(table::showing(&second), "Showing 51–55 of 312");
    assert_eq!(second.previous().unwrap().href("/t"), "/t?sort=name");
    second.page.next = Some(latchkey_service::Position { key: "x".to_owned(), id: TokenId(id(5)) });
    assert_eq!(second.next().unwrap().href("/t"), format!("/t?sort=name&after=55.{}.x", id(5)));
    second.start = 100;
    second.total = 1_001;
    assert_eq!(table::showing(&second), "Showing 101–105 of more than 1,000");
    let before = second.previous().unwrap().href("/t");
    assert_eq!(before, format!("/t?sort=name&before=100.{}.github%20actions%20ci", id(1)));
    second.page.partial = true;
    assert!(text(&html(second)).contains("Keep looking"));
}

#[test]
fn who_may_not_create_is_not_offered_to() {
    let mut viewer = list(every_state(), &[]);
    viewer.role = Some(Role::Viewer);
    assert!(!html(viewer).contains("/tokens/new"));
    assert_eq!(ListQuery::of(StateFilter::Active).href("/t"), "/t");
}
