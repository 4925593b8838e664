//! The setting, and live under it what it would do.

use leptos::{either::Either, prelude::*};
use serde::{Deserialize, Serialize};

use super::{
    live,
    outlook::{Idle, Outlook, tokens_to_revoke},
};
use crate::{components::Moment, paths};

/// Thresholds to choose from, in days.
pub const PRESETS: [u16; 5] = [30, 60, 90, 180, 365];

/// Said when the days are none.
pub const DAYS_PROBLEM: &str = "Choose between 1 and 365 days.";

/// The setting as the form shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub on: bool,
    /// What the field holds; not a number, perhaps.
    pub days: String,
    /// Whether the reader may change it.
    pub changeable: bool,
}

/// What the parts of the form share.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "some of it is for events only"))]
pub(super) struct State {
    pub organization: StoredValue<String>,
    pub on: RwSignal<bool>,
    pub days: RwSignal<String>,
    /// What was typed is no number of days.
    pub wrong: RwSignal<bool>,
    /// The answer could not be had.
    pub lost: RwSignal<&'static str>,
    pub outlook: RwSignal<Outlook>,
    /// A newer outlook is on its way.
    pub loading: RwSignal<bool>,
    /// Counts the questions, so that an answer that comes too late is dropped.
    pub turn: StoredValue<u32>,
}

/// The form with its preview.
#[island]
pub fn AutoRevokeForm(organization: String, setting: Setting, wrong: bool, outlook: Outlook) -> impl IntoView {
    let action = paths::tokens(&organization) + "/auto-revoke";
    let state = State {
        organization: StoredValue::new(organization),
        on: RwSignal::new(setting.on),
        days: RwSignal::new(setting.days.clone()),
        wrong: RwSignal::new(wrong),
        lost: RwSignal::new(""),
        outlook: RwSignal::new(outlook),
        loading: RwSignal::new(false),
        turn: StoredValue::new(0),
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
            on:click=move |event| live::clicked(state, &event)
            on:submit=move |event| live::submitted(state, &event)
        >
            {fields(&setting, &action, state)}
            {save}
        </form>
        {preview(state)}
        {question(state)}
    }
}

fn fields(setting: &Setting, action: &str, state: State) -> AnyView {
    let locked = !setting.changeable;
    let presets = PRESETS
        .into_iter()
        .map(|preset| {
            let days = preset.to_string();
            let (href, data, text) = ([action, "?days=", &days].concat(), days.clone(), days.clone());
            let current = move || state.days.with(|typed| typed.trim() == days).then_some("true");
            view! {
                <li>
                    <a class="button small" href=href data-days=data aria-current=current>
                        {text}
                        <span class="visually-hidden">" days"</span>
                    </a>
                </li>
            }
        })
        .collect_view();
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
                    aria-invalid=move || state.wrong.get().then_some("true")
                />
                <ul class="sweep-presets" aria-label="Common choices">
                    {presets}
                </ul>
            </div>
            <p class="hint" id="days-hint">
                "1 to 365. For a token that was never used, the days since it was created count."
            </p>
            <p class="error" id="days-error" hidden=move || !state.wrong.get()>
                {DAYS_PROBLEM}
            </p>
        </div>
    }
    .into_any()
}

/// What the next sweep would do, and to which tokens.
fn preview(state: State) -> AnyView {
    let said = move || {
        let (lead, strong, rest) = state.outlook.with(Outlook::said);
        view! { {lead}<b>{strong}</b>{rest} }
    };
    let table = move || {
        let outlook = state.outlook.get();
        if outlook.tokens.is_empty() {
            return Either::Left(());
        }
        let others = outlook.others();
        let now = outlook.now;
        let rows = outlook.tokens.into_iter().map(|idle| row(now, idle)).collect_view();
        Either::Right(view! {
            <table class="table sweep-table">
                <caption class="visually-hidden">"Tokens that the next sweep would revoke"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Token"</th>
                        <th scope="col">"Belongs to"</th>
                        <th scope="col">"Last used"</th>
                        <th scope="col">"Created"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
            <p class="hint">{others}</p>
        })
    };
    view! {
        <section class="sweep-preview" aria-labelledby="preview-title" aria-busy=move || state.loading.get().then_some("true")>
            <h2 id="preview-title">"Preview"</h2>
            <p class="sweep-said" role="status">{said}</p>
            <p class="error" hidden=move || state.lost.with(|lost| lost.is_empty())>{move || state.lost.get()}</p>
            {table}
        </section>
    }
    .into_any()
}

fn row(now: latchkey_domain::Timestamp, idle: Idle) -> impl IntoView {
    let used = match idle.last_used_at {
        Some(at) => Either::Left(view! { <Moment now at /> }),
        None => Either::Right("Never used"),
    };
    view! {
        <tr>
            <th scope="row" class="sweep-name">
                {idle.name}
            </th>
            <td data-label="Belongs to">{idle.owner}</td>
            <td data-label="Last used">{used}</td>
            <td data-label="Created">
                <Moment now at=idle.created_at />
            </td>
        </tr>
    }
}

/// Asked in place before saving what would revoke something. Without scripts the server asks, by a page of its own.
fn question(state: State) -> AnyView {
    let title = move || ["Revoke ", &state.outlook.with(|outlook| tokens_to_revoke(outlook.would_revoke)), "?"].concat();
    let button = move || "Save and revoke ".to_owned() + &state.outlook.with(|outlook| tokens_to_revoke(outlook.would_revoke));
    let names = move || {
        let outlook = state.outlook.get();
        let others = outlook.others();
        let names = outlook.tokens.into_iter().map(|idle| view! { <li>{idle.name}</li> }).collect_view();
        view! { {names} {others.map(|others| view! { <li class="muted">{others}</li> })} }
    };
    view! {
        <dialog class="dialog sweep-question" id="sweep-question" aria-labelledby="sweep-question-title">
            <h2 class="dialog-title" id="sweep-question-title">
                {title}
            </h2>
            <div class="dialog-body">
                <p>
                    "The next sweep revokes these tokens. Pipelines that use them will fail from then on. This can't be \
                     undone."
                </p>
                <ul class="dialog-names">{names}</ul>
            </div>
            <div class="dialog-actions">
                <button class="button" type="button" id="sweep-cancel" on:click=move |_| live::cancelled()>
                    "Cancel"
                </button>
                <button
                    class="button danger primary"
                    form="sweep-form"
                    name="confirm"
                    value=move || state.outlook.with(|outlook| outlook.would_revoke.to_string())
                    data-busy="Saving…"
                >
                    {button}
                </button>
            </div>
        </dialog>
    }
    .into_any()
}
