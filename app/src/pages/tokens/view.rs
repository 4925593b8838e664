//! The page around the list.

use latchkey_domain::words;
use latchkey_service::{COUNT_MAX, StateFilter};
use leptos::prelude::*;

use super::{filters, live::LiveList, load::List, query::ListQuery, revoke, table};
use crate::{
    components::{Frame, Icon, NavPage},
    page_request::LayoutContext,
};

pub(super) fn page(layout: LayoutContext, organization: &str, list: &List) -> impl IntoView + use<> {
    let (content, organization) = (content(list), organization.to_owned());
    view! {
        <Frame layout title="API tokens" page=NavPage::Tokens>
            {content}
            <LiveList organization />
        </Frame>
    }
}

/// What stands in the frame: all that another address of the list changes.
pub(super) fn content(list: &List) -> impl IntoView + use<> {
    // While a question is open, nothing below it can be reached.
    let asking = list.asked.as_ref().is_some_and(|asked| !asked.is_empty());
    let header = header(list);
    let body = (!list.unused).then(|| view! { {counts(list)} {filters::form(list)} });
    let (done, question, results) = (revoke::done(list), revoke::question(list), table::results(list));
    view! {
        <div class="tokens-page" inert=asking>
            {header}
            {done}
            {body}
            {results}
        </div>
        {question}
    }
}

fn header(list: &List) -> impl IntoView + use<> {
    let auto_revoke = [&list.base, "/auto-revoke"].concat();
    let state = match list.organization.threshold {
        None => "Off".to_owned(),
        Some(threshold) => ["After ", &words::count_of(u64::from(threshold.days()), "day")].concat(),
    };
    let create = list.creates().then(|| {
        let href = [&list.base, "/new"].concat();
        view! {
            <a class="button primary" href=href>
                <Icon name="plus" />
                "New token"
            </a>
        }
    });
    view! {
        <header class="page-header">
            <div>
                <h1>"API tokens"</h1>
                <p class="page-lead">"Credentials for pipelines and scripts. Each reaches only what you choose, until you revoke it."</p>
            </div>
            <div class="page-actions">
                <a class="button" href=auto_revoke>
                    <Icon name="clock" />
                    "Auto-revoke"
                    <span class="badge">{state}</span>
                </a>
                {create}
            </div>
        </header>
    }
}

/// Three numbers that are links to their tokens.
fn counts(list: &List) -> impl IntoView + use<> {
    let counts = &list.counts;
    let items = [
        (StateFilter::Active, counts.active, "active", ""),
        (StateFilter::ExpiringSoon, counts.expiring_soon, "expire within 7 days", "warn"),
        (StateFilter::Unused, counts.unused, "unused for 30 days", ""),
    ];
    let items = items
        .into_iter()
        .map(|(status, count, label, tone)| {
            let current = (list.query.status == status && !list.query.is_filtered()).then_some("true");
            let href = ListQuery::of(status).href(&list.base);
            let class = if count > 0 && !tone.is_empty() { "count warn" } else { "count" };
            let label = if status == StateFilter::ExpiringSoon && count == 1 { "expires within 7 days" } else { label };
            view! {
                <li>
                    <a class=class href=href aria-current=current>
                        <b>{capped(count)}</b>
                        " "
                        {label}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <ul class="counts" id="counts">
            {items}
        </ul>
    }
}

/// Counting stops at some point: "1,000+".
fn capped(count: u32) -> String {
    let shown = words::number(u64::from(count.min(COUNT_MAX)));
    if count > COUNT_MAX { shown + "+" } else { shown }
}
