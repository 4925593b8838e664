//! The form above the list.

use leptos::prelude::*;

use super::{
    load::List,
    query::{DEFAULT_SORT, ListQuery, STATUSES, sort_word},
    revoke::hidden,
};
use crate::components::Icon;

pub(super) fn form(list: &List) -> impl IntoView + use<> {
    let query = &list.query;
    let statuses = STATUSES
        .into_iter()
        .map(|(status, word, label)| option(word.to_owned(), label.to_owned(), status == query.status))
        .collect_view();
    let sort = (query.sort != DEFAULT_SORT).then(|| hidden("sort", sort_word(query.sort)));
    let more = query.more_filters();
    let count = (more > 0).then(|| {
        view! { <span class="count-badge">{more.to_string()}</span> }
    });
    let (action, search) = (list.base.clone(), query.search.clone());
    view! {
        <form class="filters" method="get" action=action role="search" aria-label="Tokens" data-live="">
            <div class="search">
                <button class="search-button" aria-label="Search">
                    <Icon name="search" />
                </button>
                <input
                    class="input compact"
                    type="search"
                    id="q"
                    name="q"
                    value=search
                    maxlength="200"
                    autocomplete="off"
                    spellcheck="false"
                    aria-label="Search tokens"
                    placeholder="Search by name, description, ID or start of secret"
                />
            </div>
            <select class="input compact" id="status" name="status" aria-label="Status">
                {statuses}
            </select>
            {sort}
            <details class="menu more-filters">
                <summary class="button" id="more-filters">
                    <Icon name="sliders" />
                    "More filters"
                    {count}
                </summary>
                {more_filters(list)}
            </details>
        </form>
    }
}

fn more_filters(list: &List) -> impl IntoView + use<> {
    let query = &list.query;
    let organization = ["All of ", &list.organization.name].concat();
    let mut levels = vec![
        option(String::new(), "Any level".to_owned(), query.level.is_empty()),
        option("organization".to_owned(), organization, query.level == "organization"),
    ];
    levels.extend(list.projects.iter().map(|project| {
        let chosen = query.level == project.name || query.level == project.id.to_string();
        option(project.name.clone(), ["Project ", &project.name].concat(), chosen)
    }));
    let scopes = list
        .scopes
        .iter()
        .map(|(group, scopes)| {
            let options =
                scopes.iter().map(|scope| option(scope.clone(), scope.clone(), *scope == query.scope)).collect_view();
            view! { <optgroup label=group.clone()>{options}</optgroup> }
        })
        .collect_view();
    let repository = query.repository.clone();
    view! {
        <div class="more-filters-panel">
            <div class="field">
                <label class="label" for="level">
                    "Level"
                </label>
                <select class="input compact" id="level" name="level">
                    {levels}
                </select>
            </div>
            <div class="field">
                <label class="label" for="scope">
                    "Scope"
                </label>
                <select class="input compact" id="scope" name="scope">
                    {option(String::new(), "Any scope".to_owned(), query.scope.is_empty())}
                    {scopes}
                </select>
            </div>
            <div class="field">
                <label class="label" for="repository">
                    "Repository"
                </label>
                <input
                    class="input compact"
                    id="repository"
                    name="repository"
                    value=repository
                    maxlength="200"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    placeholder="acme/api"
                />
            </div>
            <div class="field">
                <label class="label" for="creator">
                    "Created by"
                </label>
                <select class="input compact" id="creator" name="creator">
                    {creators(list)}
                </select>
            </div>
            <button class="button">"Apply filters"</button>
        </div>
    }
}

/// Anyone, the reader, and whoever made a token on this page.
fn creators(list: &List) -> impl IntoView + use<> {
    let chosen = &list.query.creator;
    let mut known = vec![(list.me.clone(), "Me".to_owned())];
    for detail in &list.page.tokens {
        if let Some(id) = detail.token.created_by.id.map(|id| id.to_string())
            && known.iter().all(|(other, _)| *other != id)
        {
            known.push((id, detail.token.created_by.name.clone()));
        }
    }
    if !chosen.is_empty() && known.iter().all(|(id, _)| id != chosen) {
        known.push((chosen.clone(), "Somebody else".to_owned()));
    }
    let mut options = vec![option(String::new(), "Anyone".to_owned(), chosen.is_empty())];
    options.extend(known.into_iter().map(|(id, name)| {
        let selected = id == *chosen;
        option(id, name, selected)
    }));
    options
}

/// What narrows the list, each with the way to take it off; `clearable` adds the way to take them all off.
pub(super) fn active(list: &List, clearable: bool) -> impl IntoView + use<> {
    let query = &list.query;
    if !query.is_filtered() {
        return None;
    }
    let creator = match &query.creator {
        id if *id == list.me => "me",
        id => {
            let made = list.page.tokens.iter().map(|detail| &detail.token.created_by);
            let found = made.into_iter().find(|by| by.id.is_some_and(|by| by.to_string() == *id));
            found.map_or("somebody else", |by| &by.name)
        }
    };
    let without = |take: fn(&mut ListQuery)| {
        let mut query = query.at_start();
        take(&mut query);
        query.href(&list.base)
    };
    let chips = [
        ("Search: ", &*query.search, without(|query| query.search.clear())),
        ("Level: ", &*query.level, without(|query| query.level.clear())),
        ("Scope: ", &*query.scope, without(|query| query.scope.clear())),
        ("Repository: ", &*query.repository, without(|query| query.repository.clear())),
        ("Created by ", if query.creator.is_empty() { "" } else { creator }, without(|query| query.creator.clear())),
    ];
    let chips = chips
        .into_iter()
        .filter(|(_, value, _)| !value.is_empty())
        .map(|(label, value, href)| {
            let text = [label, value].concat();
            view! {
                <li>
                    <a class="chip" href=href>
                        <span class="visually-hidden">"Remove filter "</span>
                        {text}
                        <Icon name="close" />
                    </a>
                </li>
            }
        })
        .collect_view();
    let clear = clearable.then(|| {
        let href = query.cleared().href(&list.base);
        view! {
            <li>
                <a class="clear" id="clear" href=href>
                    "Clear filters"
                </a>
            </li>
        }
    });
    Some(view! {
        <ul class="active-filters" aria-label="Filters">
            {chips}
            {clear}
        </ul>
    })
}

/// Without a value where it is the label.
fn option(value: String, label: String, selected: bool) -> impl IntoView + use<> {
    let value = (value != label).then_some(value);
    view! {
        <option value=value selected=selected>
            {label}
        </option>
    }
}
