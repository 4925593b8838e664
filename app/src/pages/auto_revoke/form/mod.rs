//! The setting: rendered by the server, kept live by the browser.

// The events have no one to answer on the server.
#[cfg_attr(not(feature = "hydrate"), path = "idle.rs")]
mod live;

use leptos::prelude::*;
use serde::Serialize;

use crate::islands::facts;
#[cfg(feature = "ssr")]
use crate::islands::provide_facts;

/// Thresholds to choose from, in days.
const PRESETS: [u16; 5] = [30, 60, 90, 180, 365];

/// What is wrong with any other value.
pub const DAYS_PROBLEM: &str = "Choose between 1 and 365 days.";

/// The setting as the form shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    pub on: bool,
    /// What the field holds; not a number, perhaps.
    pub days: String,
    /// Whether the reader may change it.
    pub changeable: bool,
}

/// What the preview on the page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PreviewFacts {
    pub days: u16,
    pub would_revoke: u32,
}

/// What the parts of the form share.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "some of it is for events only"))]
struct State {
    organization: StoredValue<String>,
    days: RwSignal<String>,
    on: RwSignal<bool>,
    is_invalid: RwSignal<bool>,
    preview: StoredValue<PreviewFacts>,
    /// Counts the requests: the answer to an older one is dropped.
    latest: StoredValue<u32>,
}

const FACTS: &str = "sweep-facts";

/// What the form is told.
#[derive(Clone, Debug, Serialize)]
pub struct FormFacts {
    pub organization: String,
    /// The page's address.
    pub action: String,
    pub setting: Setting,
    pub is_invalid: bool,
    pub preview: PreviewFacts,
}

#[cfg(feature = "hydrate")]
mod json {
    use super::{FormFacts, PreviewFacts, Setting};
    use crate::islands::json::readable;

    readable!(FormFacts { organization, action, setting, is_invalid, preview });
    readable!(Setting { on, days, changeable });
    readable!(PreviewFacts { days, would_revoke });
}

/// The form, and below it the preview: the children, which the server renders also when it changes.
#[cfg(feature = "ssr")]
#[component]
pub fn AutoRevokeForm(facts: FormFacts, children: Children) -> impl IntoView {
    view! {
        {provide_facts(FACTS, facts)}
        <AutoRevokeIsland>{children()}</AutoRevokeIsland>
    }
}

#[island]
pub fn AutoRevokeIsland(children: Children) -> impl IntoView {
    let FormFacts { organization, action, setting, is_invalid, preview } = facts(FACTS);
    let state = State {
        organization: StoredValue::new(organization),
        days: RwSignal::new(setting.days.clone()),
        on: RwSignal::new(setting.on),
        is_invalid: RwSignal::new(is_invalid),
        preview: StoredValue::new(preview),
        latest: StoredValue::new(0),
    };
    live::start(state);
    let save = setting.changeable.then(|| {
        view! {
            <div class="row">
                <button class="button primary" data-busy="Saving…">
                    "Save"
                </button>
                <button class="button preview-button" formmethod="get" name="preview" value="1">
                    "Preview"
                </button>
            </div>
        }
    });
    view! {
        <form
            class="card sweep-form"
            id="sweep-form"
            method="post"
            action=action.clone()
            novalidate=true
            on:input=move |_| live::typed(state)
            on:submit=move |event| live::submitted(state, &event)
        >
            {fields(state, &setting, &action)}
            {save}
        </form>
        <div id="preview" on:click=move |event| live::clicked(&event)>
            {children()}
        </div>
    }
}

fn fields(state: State, setting: &Setting, action: &str) -> impl IntoView + use<> {
    let locked = !setting.changeable;
    let presets = setting.changeable.then(|| {
        let presets = PRESETS.into_iter().map(|days| preset(state, days, action)).collect_view();
        view! {
            <ul class="sweep-presets" aria-label="Common choices">
                {presets}
            </ul>
        }
    });
    view! {
        <label class="sweep-switch">
            <input class="switch" type="checkbox" role="switch" name="on" value="on" checked=setting.on disabled=locked />
            <span>
                <span class="choice-title">"Revoke tokens that nobody uses"</span>
                <span class="hint">
                    "Every hour, active tokens without a use for so many days are revoked for good."
                </span>
            </span>
        </label>
        <div class="field sweep-days">
            <label class="label" for="days">
                "Days without use"
            </label>
            <div class="row">
                <input
                    class="input"
                    type="text"
                    inputmode="numeric"
                    id="days"
                    name="days"
                    value=setting.days.clone()
                    maxlength="9"
                    autocomplete="off"
                    disabled=locked
                    aria-describedby="days-hint days-error"
                    aria-invalid=move || state.is_invalid.get().then_some("true")
                />
                {presets}
            </div>
            <p class="hint" id="days-hint">
                "1 to 365. For a token that was never used, the days since it was created count."
            </p>
            <p class="error" id="days-error" hidden=move || !state.is_invalid.get()>
                {DAYS_PROBLEM}
            </p>
        </div>
    }
}

fn preset(state: State, days: u16, action: &str) -> impl IntoView + use<> {
    let days = days.to_string();
    let (href, chosen, is_current) = ([action, "?days=", &days].concat(), days.clone(), days.clone());
    view! {
        <li>
            <a
                class="button small"
                href=href
                aria-current=move || state.days.with(|typed| (typed.trim() == is_current).then_some("true"))
                on:click=move |event| live::preset(state, &chosen, &event)
            >
                {days}
                <span class="visually-hidden">" days"</span>
            </a>
        </li>
    }
}
