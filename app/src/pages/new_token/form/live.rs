//! The form in a browser with scripts.

use leptos::{ev::SubmitEvent, prelude::*};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{FormData, HtmlFormElement};

pub(super) use super::picking::{key_in_results, key_in_search, picked, search, unpicked};
use super::{State, picking::find, problems::SESSION};
use crate::{
    answers::{Code, Problem},
    islands::dom::{after, first, focus},
    pages::new_token::{
        check::check,
        guard,
        query::query,
        server::create_token,
        submitted::{Action, read},
        values::{NamedRef, Values},
    },
};

/// Typing pauses for so many milliseconds before the address follows.
const ADDRESS_PAUSE: i32 = 400;
const MINUTE: i32 = 60_000;

/// Takes the form over once it is hydrated.
pub(super) fn start(state: State) {
    // Read before hydration sets the boxes to what the server rendered: by now a person or the browser may have
    // changed them.
    let restored = restored(state);
    Effect::new(move |started: Option<()>| {
        if started.is_none() {
            state.live.set(true);
            if let Some(values) = restored.clone() {
                state.values.set(values);
            }
            find(state, 0);
        }
    });
    tick(state, js_sys::Date::now());
    follow(state);
}

/// The page may stay open past midnight, and what is said about dates must still be true.
fn tick(state: State, opened: f64) {
    after(MINUTE, move || {
        let seconds = (js_sys::Date::now() - opened) / 1_000.0;
        state.now.set(state.options.with_value(|options| options.now).plus_seconds(seconds as i64));
        tick(state, opened);
    });
}

/// Keeps the address in step with the form.
fn follow(state: State) {
    let turn = StoredValue::new(0_u32);
    Effect::new(move |started: Option<()>| {
        state.values.track();
        if started.is_none() {
            return;
        }
        let mine = next(turn);
        after(ADDRESS_PAUSE, move || {
            if turn.get_value() == mine && !state.created.get_untracked() {
                set_query(
                    &state.options.with_value(|options| state.values.with_untracked(|values| query(values, options))),
                );
            }
        });
    });
}

/// Replaces the query of the address.
fn set_query(query: &str) {
    let window = window();
    if let (Ok(path), Ok(history)) = (window.location().pathname(), window.history()) {
        let address = if query.is_empty() { path } else { [&path, "?", query].concat() };
        let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&address));
    }
}

pub(super) fn next(turn: StoredValue<u32>) -> u32 {
    turn.update_value(|turn| *turn = turn.wrapping_add(1));
    turn.get_value()
}

pub(super) fn element<E: JsCast>(id: &str) -> Option<E> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

/// Puts the focus on an element once the page has followed the state.
pub(super) fn focus_next(id: &'static str) {
    request_animation_frame(move || {
        focus(id);
    });
}

fn sent() -> Option<impl Fn(&str) -> Vec<String>> {
    let data = FormData::new_with_form(&element::<HtmlFormElement>("token-form")?).ok()?;
    Some(move |name: &str| data.get_all(name).iter().filter_map(|value| value.as_string()).collect())
}

/// The form as it is in the page, with the repositories given.
fn in_page(state: State, repositories: Vec<NamedRef>) -> Option<Values> {
    let sent = sent()?;
    Some(state.options.with_value(|options| read(&sent, repositories, options)))
}

/// The form as it is in the page before hydration.
fn restored(state: State) -> Option<Values> {
    let sent = sent()?;
    let (kept, added) = (sent("repositories"), sent("add"));
    let mut repositories = state.values.with_untracked(|values| values.repositories.clone());
    repositories.retain(|repository| kept.contains(&repository.id));
    state.found.with_untracked(|found| {
        let ticked = found.repositories.iter().filter(|repository| added.contains(&repository.id));
        repositories.extend(ticked.cloned());
    });
    in_page(state, repositories)
}

/// Something in the form has changed.
pub(super) fn typed(state: State) {
    let before = state.values.get_untracked();
    let Some(after) = in_page(state, before.repositories.clone()) else { return };
    if after != before {
        clear_changed(state, &before, &after);
        state.values.set(after);
    }
}

/// Takes back what was said about fields that have changed since, beside them and in the summary.
fn clear_changed(state: State, before: &Values, after: &Values) {
    for list in [state.problems, state.reported] {
        let is_changed = |problem: &Problem| !still_stands(problem, before, after);
        if list.with_untracked(|problems| problems.iter().any(is_changed)) {
            list.update(|problems| problems.retain(|problem| !is_changed(problem)));
        }
    }
}

/// Whether what a problem is about is as it was.
fn still_stands(problem: &Problem, before: &Values, after: &Values) -> bool {
    match &*problem.field {
        "name" => before.name == after.name,
        "description" => before.description == after.description,
        "expires" => before.expires == after.expires && before.expires_on == after.expires_on,
        "scopes" => before.scopes == after.scopes,
        "repositories" => {
            before.all_repositories == after.all_repositories && before.repositories == after.repositories
        }
        "project" => before.in_project == after.in_project && before.project == after.project,
        "networks" => before.networks == after.networks,
        _ => true,
    }
}

/// Changes the form by what a button says, not a field.
pub(super) fn change(state: State, change: impl FnOnce(&mut Values)) {
    let before = state.values.get_untracked();
    let mut after = before.clone();
    change(&mut after);
    clear_changed(state, &before, &after);
    state.values.set(after);
}

/// A button was pressed, or Enter.
pub(super) fn submitted(state: State, event: &SubmitEvent) {
    event.prevent_default();
    let pressed = event.submitter().and_then(|button| button.get_attribute("value")).unwrap_or_default();
    match Action::parse(&pressed) {
        Action::Create | Action::Enter => create(state),
        Action::Find => find(state, 0),
        action => {
            change(state, |values| state.options.with_value(|options| action.apply(values, options)));
            if let Action::Add(scope) = action {
                focus_scope(scope);
            }
        }
    }
}

/// The button that added a scope is gone by now: the focus goes to what it added.
fn focus_scope(scope: String) {
    request_animation_frame(move || {
        if let Some(input) = first(&["#scopes input[value=\"", &scope, "\"]"].concat()) {
            let _ = input.focus();
        }
    });
}

fn create(state: State) {
    if state.busy.get_untracked() {
        return;
    }
    typed(state);
    let values = state.values.get_untracked();
    let problems = state.options.with_value(|options| check(&values, options, state.now.get_untracked()));
    if !problems.is_empty() {
        return report(state, problems);
    }
    state.busy.set(true);
    let (organization, key) =
        state.options.with_value(|options| (options.organization.clone(), options.creation_key.clone()));
    spawn_local(async move {
        match create_token(organization, key, values).await {
            Ok(screen) => {
                if let Some(place) = document().get_element_by_id("created") {
                    place.set_inner_html(&screen);
                }
                state.created.set(true);
                guard::show();
            }
            Err(failure) if failure.code == Code::AlreadyCreated => {
                // The server has a page for that, and answers the same form with it.
                if let Some(form) = element::<HtmlFormElement>("token-form") {
                    let _ = form.submit();
                }
            }
            Err(failure) => {
                state.busy.set(false);
                let mut problems = failure.problems.clone();
                if problems.is_empty() {
                    let field = if failure.code == Code::SignedOut { SESSION } else { "form" };
                    problems.push(Problem::new(field, failure.message()));
                }
                report(state, problems);
            }
        }
    });
}

/// Says what is wrong, beside the fields and on top.
fn report(state: State, problems: Vec<Problem>) {
    for (field, disclosure) in [("description", "description-disclosure"), ("networks", "advanced")] {
        if problems.iter().any(|problem| problem.field == field)
            && let Some(details) = element::<web_sys::HtmlDetailsElement>(disclosure)
        {
            details.set_open(true);
        }
    }
    state.problems.set(problems.clone());
    state.reported.set(problems);
    focus_next("problems");
}
