//! The rows with their heading, their pages, and what stands there when there are none.

use latchkey_domain::words;
use latchkey_service::{COUNT_MAX, SortKey, StateFilter};
use leptos::{
    either::{Either, EitherOf3},
    prelude::*,
};

use super::{filters, load::List, query::ListQuery, revoke::hidden, row::Rows};
use crate::components::Icon;

/// What is swapped while somebody types into the search.
pub(super) fn results(list: &List) -> impl IntoView + use<> {
    let inner = if list.page.tokens.is_empty() && !list.page.partial {
        Either::Left(nothing(list))
    } else {
        Either::Right(view! {
            {bar(list)}
            {table(list)}
            {paging(list)}
            {bulk(list)}
        })
    };
    view! {
        <section class="results" id="results" aria-label="Tokens">
            {inner}
        </section>
    }
}

fn bar(list: &List) -> impl IntoView + use<> {
    let export = |format: &str| {
        let path = [&list.base, "/export.", format].concat();
        list.query.at_start().href(&path)
    };
    let (csv, json) = (export("csv"), export("json"));
    view! {
        <div class="results-bar">
            <p data-announce="">{showing(list)}</p>
            {filters::active(list, true)}
            <details class="menu end">
                <summary class="button ghost small" id="export">
                    <Icon name="download" />
                    "Export"
                </summary>
                <div class="menu-list">
                    <a class="menu-item" href=csv download="">
                        "As CSV"
                    </a>
                    <a class="menu-item" href=json download="">
                        "As JSON"
                    </a>
                    <p class="menu-note">"The filtered list, 10,000 tokens at most. Never any secret."</p>
                </div>
            </details>
        </div>
    }
}

/// "Showing 51–100 of 312".
pub(super) fn showing(list: &List) -> String {
    let rows = list.page.tokens.len() as u64;
    let start = u64::from(list.start);
    if rows == 0 {
        return "Nothing found so far".to_owned();
    }
    let range = [words::number(start + 1).as_str(), "–", &words::number(start + rows)].concat();
    let total = u64::from(list.total);
    let of = if list.total > COUNT_MAX {
        ["more than ", &words::number(u64::from(COUNT_MAX))].concat()
    } else {
        // Tokens may have come since they were counted.
        words::number(total.max(start + rows))
    };
    ["Showing ", &range, " of ", &of].concat()
}

fn table(list: &List) -> impl IntoView + use<> {
    let rows = Rows::of(list).html(&list.page.tokens);
    let caption = ["API tokens of ", &list.organization.name].concat();
    view! {
        <table class="tokens">
            <caption class="visually-hidden">{caption}</caption>
            <thead>
                <tr>
                    <th class="c-tick" scope="col">
                        <span class="visually-hidden">"Selected"</span>
                        <label>
                            <input
                                type="checkbox"
                                data-all=""
                                hidden
                                autocomplete="off"
                                aria-label="Select all"
                            />
                        </label>
                    </th>
                    {header(list, SortKey::Name, "c-name", "sort-name", "Name")}
                    <th class="c-status" scope="col">
                        "Status"
                    </th>
                    <th class="c-scopes" scope="col">
                        "Scopes"
                    </th>
                    <th class="c-access" scope="col">
                        "Access"
                    </th>
                    {header(list, SortKey::Created, "c-created", "sort-created", "Created")}
                    {header(list, SortKey::Expires, "c-expires", "sort-expires", "Expires")}
                    {header(list, SortKey::LastUsed, "c-used", "sort-used", "Last used")}
                    <th class="c-menu" scope="col">
                        <span class="visually-hidden">"Actions"</span>
                    </th>
                </tr>
            </thead>
            <tbody inner_html=rows></tbody>
        </table>
        <template id="row-menu">{row_menu()}</template>
    }
}

/// What scripts put into the last cell of each row, and complete with the row's id: see `row_menu.rs`.
fn row_menu() -> impl IntoView {
    view! {
        <details class="menu end">
            <summary class="dots"></summary>
            <div class="menu-list">
                <button class="menu-item" type="button">
                    <Icon name="copy" />
                    <span>"Copy ID"</span>
                </button>
                <a class="menu-item danger">
                    <Icon name="ban" />
                    "Revoke…"
                </a>
            </div>
        </details>
    }
}

/// A heading that sorts, or turns the sort round.
fn header(
    list: &List,
    key: SortKey,
    class: &'static str,
    id: &'static str,
    label: &'static str,
) -> impl IntoView + use<> {
    let sort = list.query.sort;
    let (state, icon) = match (sort.key == key, sort.descending) {
        (false, _) => (None, None),
        (true, false) => (Some("ascending"), Some("up")),
        (true, true) => (Some("descending"), Some("down")),
    };
    let href = list.query.sorted_by(key).href(&list.base);
    view! {
        <th class=class scope="col" aria-sort=state>
            <a class="sort" id=id href=href>
                {label}
                {icon.map(|name| view! { <Icon name /> })}
            </a>
        </th>
    }
}

fn paging(list: &List) -> impl IntoView + use<> {
    let (previous, next) = (list.previous(), list.next());
    let partial = list.page.partial;
    if previous.is_none() && next.is_none() && !partial {
        return None;
    }
    let note = match (partial, next.is_some()) {
        (true, true) => "This page is not full yet: the search stopped to save time.",
        (true, false) => "There are more matches than a search shows. Add a word to narrow it.",
        (false, _) => "",
    };
    let note = (!note.is_empty()).then(|| view! { <p class="muted">{note}</p> });
    let previous = previous.map(|query| {
        view! {
            <a class="button" id="previous" rel="prev" href=query.href(&list.base)>
                <Icon name="arrow-left" />
                "Previous"
            </a>
        }
    });
    let next = next.map(|query| {
        let href = query.href(&list.base);
        view! {
            <a class="button" id="next" rel="next" href=href>
                {if partial { "Keep looking" } else { "Next" }}
                <Icon name="arrow-right" />
            </a>
        }
    });
    let showing = showing(list);
    Some(view! {
        <nav class="paging" aria-label="Pages">
            <p class="muted">{showing}</p>
            {note}
            <div class="row">{previous} {next}</div>
        </nav>
    })
}

/// Stands at the bottom as soon as a row is ticked; the boxes belong to its form.
fn bulk(list: &List) -> impl IntoView + use<> {
    let state = list.query.pairs().into_iter().map(|(name, value)| hidden(name, value)).collect_view();
    let action = list.base.clone();
    view! {
        <form
            class="bulk"
            id="bulk"
            method="get"
            action=action
            autocomplete="off"
            data-live=""
            aria-label="Selected tokens"
        >
            {state}
            <span data-selected="">"Selected tokens"</span>
            <button class="button danger small">
                <Icon name="ban" />
                "Revoke…"
            </button>
        </form>
    }
}

fn nothing(list: &List) -> impl IntoView + use<> {
    let new = [&list.base, "/new"].concat();
    if list.unused {
        let create = list.creates().then(|| {
            view! {
                <a class="button primary" href=new>
                    <Icon name="plus" />
                    "New token"
                </a>
            }
        });
        return EitherOf3::A(view! {
            <div class="empty">
                <Icon name="key" />
                <h2>"No tokens yet"</h2>
                <p>
                    "A token lets a pipeline or a script call the APIs behind Latchkey, with just the scopes and repositories that it needs."
                </p>
                {create}
            </div>
        });
    }
    if list.query.is_filtered() {
        let href = list.query.cleared().href(&list.base);
        let searched = ["Searched ", list.query.status_label(), ". Try another status, or fewer filters."].concat();
        return EitherOf3::B(view! {
            <div class="results-bar">{filters::active(list, false)}</div>
            <div class="empty">
                <Icon name="search" />
                <h2 data-announce="">"Nothing matches these filters"</h2>
                <p>{searched}</p>
                <a class="button" href=href>
                    "Clear filters"
                </a>
            </div>
        });
    }
    let (title, text) = match list.query.status {
        StateFilter::Active => ("No active tokens", "Every token of this organization has ended."),
        StateFilter::Expired => ("No expired tokens", "A token is listed here once it reaches its expiration."),
        StateFilter::Revoked => ("No revoked tokens", "A token is listed here once somebody or auto-revoke ends it."),
        StateFilter::ExpiringSoon => ("Nothing expires soon", "No active token expires within 7 days."),
        StateFilter::Unused => ("Nothing lies idle", "Every active token was used within the last 30 days."),
        StateFilter::All => ("No tokens", "There is none on this page."),
    };
    let (href, label) = match list.query.status {
        StateFilter::Active => (ListQuery::of(StateFilter::All), "Show all tokens"),
        _ => (ListQuery::of(StateFilter::Active), "Show active tokens"),
    };
    let href = href.href(&list.base);
    EitherOf3::C(view! {
        <div class="empty">
            <Icon name="key" />
            <h2 data-announce="">{title}</h2>
            <p>{text}</p>
            <a class="button" href=href>
                {label}
            </a>
        </div>
    })
}
