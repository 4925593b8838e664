//! Searching and choosing repositories in a browser with scripts.

use leptos::{
    ev::{Event, KeyboardEvent},
    prelude::*,
};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlElement, HtmlInputElement};

use super::{
    State,
    live::{change, element, focus_next, next},
};
use crate::{
    answers::Problem,
    islands::dom::{after, all},
    pages::new_token::{server::search_repositories, values::NamedRef},
};

/// Typing pauses for so many milliseconds before repositories are searched.
const SEARCH_PAUSE: i32 = 150;

/// The search field has changed.
pub(super) fn search(state: State) {
    find(state, SEARCH_PAUSE);
}

/// Asks the server after a pause, unless something newer is asked for meanwhile.
pub(super) fn find(state: State, pause: i32) {
    let mine = next(state.searches);
    after(pause, move || {
        if state.searches.get_value() != mine {
            return;
        }
        let query = element::<HtmlInputElement>("find").map(|input| input.value()).unwrap_or_default();
        let query = query.trim().to_owned();
        if state.found.with_untracked(|found| found.query == query) {
            return;
        }
        let organization = state.options.with_value(|options| options.organization.clone());
        spawn_local(async move {
            let answer = search_repositories(organization, query).await;
            // Whoever typed on has asked for something else meanwhile.
            if state.searches.get_value() == mine {
                match answer {
                    Ok(found) => state.found.set(found),
                    Err(failure) => state.problems.update(|problems| {
                        problems.retain(|problem| problem.field != "repositories");
                        problems.push(Problem::new("repositories", failure.message()));
                    }),
                }
            }
        });
    });
}

/// Enter takes the first repository found, the arrow leads to the list.
pub(super) fn key_in_search(state: State, event: &KeyboardEvent) {
    match &*event.key() {
        "Enter" => {
            event.prevent_default();
            let typed = element::<HtmlInputElement>("find");
            let query = typed.as_ref().map(|input| input.value()).unwrap_or_default();
            let (current, first) = state.found.with_untracked(|found| {
                let chosen = |one: &&NamedRef| state.values.with_untracked(|values| values.repositories.contains(one));
                (found.query == query.trim(), found.repositories.iter().find(|one| !chosen(one)).cloned())
            });
            match first {
                Some(first) if current && !query.trim().is_empty() => {
                    add(state, first);
                    if let Some(input) = typed {
                        input.select();
                    }
                }
                _ => find(state, 0),
            }
        }
        "ArrowDown" => move_focus(event, 1),
        _ => (),
    }
}

/// Up and down within the list, and back to the search from its top.
pub(super) fn key_in_results(event: &KeyboardEvent) {
    match &*event.key() {
        "ArrowDown" => move_focus(event, 1),
        "ArrowUp" => move_focus(event, -1),
        _ => (),
    }
}

fn move_focus(event: &KeyboardEvent, step: isize) {
    let stops = all("#find, #found input");
    let active = document().active_element().and_then(|active| active.dyn_into::<HtmlElement>().ok());
    let at = stops.iter().position(|stop| Some(stop) == active.as_ref());
    if let Some(stop) = at.and_then(|at| at.checked_add_signed(step)).and_then(|to| stops.get(to)) {
        event.prevent_default();
        let _ = stop.focus();
    }
}

/// A box in the list of results was ticked or unticked.
pub(super) fn picked(state: State, event: &Event) {
    let Some(input) = target(event) else { return };
    let id = input.value();
    if !input.checked() {
        change(state, |values| values.repositories.retain(|one| one.id != id));
        return;
    }
    let found = state.found.with_untracked(|found| found.repositories.iter().find(|one| one.id == id).cloned());
    if !found.is_some_and(|found| add(state, found)) {
        input.set_checked(false);
    }
}

/// A chosen repository was unticked.
pub(super) fn unpicked(state: State, event: &Event) {
    let Some(input) = target(event) else { return };
    let id = input.value();
    change(state, |values| values.repositories.retain(|one| one.id != id));
    // The chip under the focus is now the next one; after the last, the search is what is left.
    if state.values.with_untracked(|values| values.repositories.is_empty()) {
        focus_next("find");
    }
}

fn target(event: &Event) -> Option<HtmlInputElement> {
    event.target()?.dyn_into().ok()
}

/// Adds a repository, if the list takes another one.
fn add(state: State, repository: NamedRef) -> bool {
    let mut added = false;
    change(state, |values| added = values.add_repository(repository));
    if !added {
        state.problems.update(|problems| {
            problems.retain(|problem| problem.field != "repositories");
            problems.push(Problem::new("repositories", "This list is full. Choose all repositories for more"));
        });
    }
    added
}
