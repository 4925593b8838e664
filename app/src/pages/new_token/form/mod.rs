//! The form: rendered by the server, kept live by the browser.
//!
//! The fields are the truth: each input event reads the whole form anew, so that what a browser restored, filled in or
//! took before the scripts came is never lost. Buttons send the form, with scripts or without; [`live`] answers for
//! the server where it can.

mod basics;
mod expiration;
// The events have no one to answer on the server.
#[cfg_attr(not(feature = "hydrate"), path = "noop.rs")]
mod live;
#[cfg(feature = "hydrate")]
mod picking;
mod problems;
mod repositories;
mod scopes;

use latchkey_domain::Timestamp;
use leptos::prelude::*;
use serde::Serialize;

use super::{
    summary::summary,
    values::{FormOptions, FoundRepositories, Values},
};
#[cfg(feature = "ssr")]
use crate::islands::provide_facts;
use crate::{answers::Problem, components::sentence, islands::facts, paths};

/// What the parts of the form share.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "some of it is for events only"))]
struct State {
    values: RwSignal<Values>,
    /// Beside the fields; each goes when its field changes.
    problems: RwSignal<Vec<Problem>>,
    /// In the summary on top of the form: those of the form as it was sent, until their fields change.
    reported: RwSignal<Vec<Problem>>,
    found: RwSignal<FoundRepositories>,
    options: StoredValue<FormOptions>,
    now: RwSignal<Timestamp>,
    /// Scripts run.
    live: RwSignal<bool>,
    /// The form is on its way.
    busy: RwSignal<bool>,
    /// The token is there; its screen has taken the form's place.
    created: RwSignal<bool>,
    /// Counts the searches, so that an answer that comes too late is dropped.
    searches: StoredValue<u32>,
}

impl State {
    /// What is wrong with a field, as a sentence.
    fn problem(self, field: &'static str) -> Option<String> {
        self.problems.with(|all| all.iter().find(|one| one.field == field).map(|one| sentence(&one.message)))
    }

    /// For `aria-invalid`.
    fn invalid(self, field: &'static str) -> Option<&'static str> {
        self.problems.with(|all| all.iter().any(|one| one.field == field)).then_some("true")
    }

    fn initial<T>(self, read: impl FnOnce(&Values) -> T) -> T {
        self.values.with_untracked(read)
    }
}

const FACTS: &str = "token-facts";

/// What the form is told.
#[derive(Clone, Debug, Serialize)]
pub struct FormFacts {
    pub values: Values,
    pub options: FormOptions,
    pub problems: Vec<Problem>,
    pub found: FoundRepositories,
}

#[cfg(feature = "hydrate")]
crate::islands::json::readable!(FormFacts { values, options, problems, found });

/// The form, and in its place the new token once there is one.
#[cfg(feature = "ssr")]
#[component]
pub fn TokenForm(facts: FormFacts) -> impl IntoView {
    view! {
        {provide_facts(FACTS, facts)}
        <TokenFormIsland />
    }
}

#[island]
pub fn TokenFormIsland() -> impl IntoView {
    let FormFacts { values, options, problems, found } = facts(FACTS);
    let list = paths::tokens(&options.organization);
    let action = [&list, "/new"].concat();
    let key = options.creation_key.clone();
    let state = State {
        values: RwSignal::new(values),
        reported: RwSignal::new(problems.clone()),
        problems: RwSignal::new(problems),
        found: RwSignal::new(found),
        now: RwSignal::new(options.now),
        options: StoredValue::new(options),
        live: RwSignal::new(false),
        busy: RwSignal::new(false),
        created: RwSignal::new(false),
        searches: StoredValue::new(0),
    };
    live::start(state);
    view! {
        <form
            id="token-form"
            class="token-form"
            method="post"
            action=action
            novalidate=true
            hidden=move || state.created.get()
            on:input=move |_| live::typed(state)
            on:submit=move |event| live::submitted(state, &event)
        >
            {problems::error_summary(state)}
            <input type="hidden" name="creation_key" value=key />
            // The Enter key presses a form's first button: it must not be "Find" or a preset.
            <button class="visually-hidden" name="action" value="enter" tabindex="-1" aria-hidden="true">
                "Create token"
            </button>
            {basics::name(state)}
            {expiration::expiration(state)}
            {scopes::scopes(state)}
            {repositories::access(state)}
            {basics::level(state)}
            {basics::advanced(state)}
            {foot(state, list)}
        </form>
        <div id="created"></div>
    }
}

/// What the token would be able to do, and the buttons. Stays in sight while the form is filled in.
fn foot(state: State, list: String) -> impl IntoView + use<> {
    let said = move || {
        let summary =
            state.options.with_value(|options| state.values.with(|values| summary(values, options, state.now.get())));
        let pieces = summary.pieces.into_iter().map(|(plain, strong)| view! { {plain}<b>{strong}</b> }).collect_view();
        (pieces, summary.rest)
    };
    view! {
        <div class="token-foot">
            <section class="token-summary" aria-labelledby="summary-title">
                <h2 class="token-summary-title" id="summary-title">
                    "Summary"
                </h2>
                <p id="summary">{said}</p>
                <p class="token-summary-still hint">
                    "This is the form as it was loaded. "
                    <button class="button small" name="action" value="check">
                        "Update the summary"
                    </button>
                </p>
            </section>
            <div class="token-actions row">
                <button
                    class="button primary"
                    name="action"
                    value="create"
                    data-busy="Creating…"
                    aria-describedby="summary"
                    aria-disabled=move || state.busy.get().then_some("true")
                >
                    {move || if state.busy.get() { "Creating…" } else { "Create token" }}
                </button>
                <a class="button" href=list>
                    "Cancel"
                </a>
            </div>
        </div>
    }
}
