//! One token in the list. There are fifty of these on a page: markup and work are kept lean.

use latchkey_domain::{Level, RevocationReason, Timestamp, TokenState, words};
use latchkey_service::{Revocation, Token, TokenDetail};
use leptos::{
    either::{Either, EitherOf3},
    prelude::*,
};

use super::load::List;
use crate::{components::Moment, shell::icon_href};

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
            now: list.here.now,
            revoke: list.query.href_and(&list.base) + "revoke=",
            order: list.scopes.iter().flat_map(|(_, scopes)| scopes.iter().cloned()).collect(),
            fresh: list.fresh.clone(),
            ticked,
            dots: icon_href("dots"),
            copy: icon_href("copy"),
            ban: icon_href("ban"),
        }
    }

    pub(super) fn row(&self, detail: &TokenDetail) -> impl IntoView + use<> {
        let token = &detail.token;
        let id = token.id.to_string();
        let fresh = id == self.fresh;
        let class = match (fresh, detail.state) {
            (true, _) => "fresh",
            (false, TokenState::Active) => "live",
            (false, _) => "ended",
        };
        let status = match detail.state {
            TokenState::Active => "status active",
            TokenState::Expired => "status expired",
            TokenState::Revoked => "status revoked",
        };
        let tick = detail.revocable.then(|| {
            let label = ["Select ", &token.name].concat();
            let checked = self.ticked.contains(&token.id);
            let value = id.clone();
            view! {
                <label class="tick">
                    <input
                        class="check"
                        type="checkbox"
                        form="bulk"
                        name="revoke"
                        value=value
                        checked=checked
                        autocomplete="off"
                        aria-label=label
                    />
                </label>
            }
        });
        view! {
            <tr class=class>
                <td class="c-tick">{tick}</td>
                <th class="c-name" scope="row">
                    <span class="token-name">{token.name.clone()}</span>
                    {fresh.then(|| view! { <span class="new-mark">"New"</span> })}
                    <span class="token-note">
                        <code>{[&*token.prefix, "…"].concat()}</code>
                        {[" ", &token.description].concat()}
                    </span>
                    {self.ended(detail)}
                </th>
                <td class="c-status">
                    <span class=status>{detail.state.word()}</span>
                </td>
                <td class="c-scopes">{self.scopes(token)}</td>
                <td class="c-access">
                    {access(detail)}
                    <span class="sub">{level(token)}</span>
                </td>
                <td class="c-created">
                    <Moment now=self.now at=token.created_at />
                    <span class="sub">{["by ", &token.created_by.name].concat()}</span>
                </td>
                <td class="c-expires">{self.expires(detail)}</td>
                <td class="c-used">{self.used(token)}</td>
                <td class="c-menu">{self.menu(detail, id)}</td>
            </tr>
        }
    }

    /// When, by whom and why a token was revoked.
    fn ended(&self, detail: &TokenDetail) -> impl IntoView + use<> {
        detail.token.revocation.as_ref().map(|revocation| {
            view! {
                <span class="sub">"Revoked " <Moment now=self.now at=revocation.at /> {ended_by(revocation)}</span>
            }
        })
    }

    /// "scans read, trigger" for each resource: the first ones, and the rest behind "+3".
    fn scopes(&self, token: &Token) -> impl IntoView + use<> {
        let mut chips = self.grouped(token);
        let rest = chips.split_off(chips.len().min(CHIPS));
        let more: usize = rest.iter().map(|(_, actions)| actions.split(", ").count()).sum();
        let rest = (more > 0).then(|| {
            let summary = ["+", &more.to_string()].concat();
            view! {
                <details class="more">
                    <summary>{summary} <span class="visually-hidden">" more scopes"</span></summary>
                    <span class="chips">{rest.into_iter().map(chip).collect_view()}</span>
                </details>
            }
        });
        view! {
            <span class="chips">{chips.into_iter().map(chip).collect_view()} {rest}</span>
        }
    }

    /// Resources with their actions, in the order of the catalogue; scopes that it no longer has come last.
    fn grouped(&self, token: &Token) -> Vec<(String, String)> {
        let mut groups: Vec<(String, String)> = Vec::new();
        let known = self.order.iter().filter_map(|name| token.scopes.iter().find(|scope| scope.as_str() == name));
        let unknown = token.scopes.iter().filter(|scope| self.order.iter().all(|name| name != scope.as_str()));
        for scope in known.chain(unknown) {
            match groups.iter_mut().find(|(resource, _)| resource == scope.resource()) {
                Some((_, actions)) => {
                    actions.push_str(", ");
                    actions.push_str(scope.action());
                }
                None => groups.push((scope.resource().to_owned(), scope.action().to_owned())),
            }
        }
        groups
    }

    fn expires(&self, detail: &TokenDetail) -> impl IntoView + use<> {
        let at = match (detail.state, detail.token.expires_at) {
            // What has ended by hand won't expire any more.
            (TokenState::Revoked, _) => return EitherOf3::A(()),
            (_, None) => return EitherOf3::B(view! { <span class="muted">"No expiration"</span> }),
            (_, Some(at)) => at,
        };
        let soon = detail.state == TokenState::Active && at <= self.now.plus_days(SOON_DAYS);
        EitherOf3::C(view! {
            <span class=if soon { "soon" } else { "later" }>
                <Moment now=self.now at />
            </span>
        })
    }

    fn used(&self, token: &Token) -> impl IntoView + use<> {
        match &token.last_use {
            Some(last) => Either::Left(view! { <Moment now=self.now at=last.at /> }),
            None => Either::Right(view! { <span class="muted">"Never used"</span> }),
        }
    }

    fn menu(&self, detail: &TokenDetail, id: String) -> impl IntoView + use<> {
        let label = ["Actions for ", &detail.token.name].concat();
        let anchor = ["m-", &id].concat();
        let revoke = detail.revocable.then(|| {
            view! {
                <a class="menu-item danger" href=[self.revoke.as_str(), &id].concat()>
                    <svg class="icon" aria-hidden="true">
                        <use href=self.ban.clone() />
                    </svg>
                    "Revoke…"
                </a>
            }
        });
        view! {
            <details class="menu end">
                <summary class="button ghost small icon-only" id=anchor aria-label=label>
                    <svg class="icon" aria-hidden="true">
                        <use href=self.dots.clone() />
                    </svg>
                </summary>
                <div class="menu-list">
                    <button class="menu-item" type="button" data-copy=id>
                        <svg class="icon" aria-hidden="true">
                            <use href=self.copy.clone() />
                        </svg>
                        <span>"Copy ID"</span>
                    </button>
                    {revoke}
                </div>
            </details>
        }
    }
}

fn chip((resource, actions): (String, String)) -> impl IntoView {
    view! {
        <span class="chip">
            <b>{resource}</b>
            {[" ", &actions].concat()}
        </span>
    }
}

/// "All repositories", the one repository, or "4 repositories" with their names.
fn access(detail: &TokenDetail) -> impl IntoView + use<> {
    let token = &detail.token;
    if token.all_repositories {
        return Either::Left("All repositories".to_owned());
    }
    let count = u64::from(token.repository_count);
    match detail.repositories.as_slice() {
        [] => Either::Left("No repositories".to_owned()),
        [(_, name)] => Either::Left(name.clone()),
        many => {
            let left = many.len().saturating_sub(NAMES) as u64;
            let names = many.iter().take(NAMES).map(|(_, name)| view! { <li>{name.clone()}</li> }).collect_view();
            let rest =
                (left > 0).then(|| view! { <li class="muted">{["and ", &words::number(left), " more"].concat()}</li> });
            let summary = [&words::number(count), " repositories"].concat();
            Either::Right(view! {
                <details class="menu names">
                    <summary>{summary}</summary>
                    <ul class="menu-list">{names} {rest}</ul>
                </details>
            })
        }
    }
}

fn level(token: &Token) -> String {
    match token.level {
        Level::Instance => "Instance".to_owned(),
        Level::Organization(_) => "Organization".to_owned(),
        Level::Project(..) => ["Project ", &token.project_name].concat(),
    }
}

/// By whom, or why.
fn ended_by(revocation: &Revocation) -> String {
    match revocation.reason {
        RevocationReason::Manual => [" by ", &revocation.by.name].concat(),
        RevocationReason::Inactive => " by auto-revoke: inactive".to_owned(),
        RevocationReason::Rotated => ": a new secret took its place".to_owned(),
        RevocationReason::Leaked => ": it was leaked".to_owned(),
        RevocationReason::Offboarded => ": its creator left".to_owned(),
        RevocationReason::OrganizationDeleted => ": its organization is gone".to_owned(),
    }
}
