//! The setting, and under it what it would do.

use latchkey_domain::Timestamp;
use leptos::{either::Either, prelude::*};

use super::sweep_preview::{IdleToken, SweepPreview, tokens_to_revoke};
use crate::components::RelativeTime;

/// Thresholds to choose from, in days.
const PRESETS: [u16; 5] = [30, 60, 90, 180, 365];

/// What is wrong with any other value.
pub const DAYS_PROBLEM: &str = "Choose between 1 and 365 days.";

/// The setting as the form shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub on: bool,
    /// What the field holds; not a number, perhaps.
    pub days: String,
    /// Whether the reader may change it.
    pub changeable: bool,
}

/// The form with its preview. `action` is the page's address.
pub fn form(action: &str, setting: &Setting, is_invalid: bool, preview: &SweepPreview) -> impl IntoView + use<> {
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
    // With scripts, this part is fetched anew while the number is typed.
    view! {
        <form class="card sweep-form" id="sweep-form" method="post" action=action.to_owned() novalidate=true>
            {fields(setting, action, is_invalid)}
            {save}
        </form>
        <div id="outlook" data-days=preview.days.to_string() data-revokes=preview.would_revoke.to_string()>
            {preview_section(preview)}
            {question(preview)}
        </div>
    }
}

fn fields(setting: &Setting, action: &str, is_invalid: bool) -> impl IntoView + use<> {
    let locked = !setting.changeable;
    let presets = PRESETS
        .into_iter()
        .map(|preset| {
            let days = preset.to_string();
            let (href, data) = ([action, "?days=", &days].concat(), days.clone());
            let current = (setting.days == days).then_some("true");
            view! {
                <li>
                    <a class="button small" href=href data-days=data aria-current=current>
                        {days}
                        <span class="visually-hidden">" days"</span>
                    </a>
                </li>
            }
        })
        .collect_view();
    let presets = setting.changeable.then(|| {
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
                    aria-invalid=is_invalid.then_some("true")
                />
                {presets}
            </div>
            <p class="hint" id="days-hint">
                "1 to 365. For a token that was never used, the days since it was created count."
            </p>
            <p class="error" id="days-error" hidden=!is_invalid>
                {DAYS_PROBLEM}
            </p>
        </div>
    }
}

/// What the next sweep would do, and to which tokens.
fn preview_section(preview: &SweepPreview) -> impl IntoView + use<> {
    let (lead, strong, rest) = preview.said();
    let table = (!preview.tokens.is_empty()).then(|| {
        let rows = preview.tokens.iter().map(|idle| row(preview.now, idle)).collect_view();
        view! {
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
            <p class="hint">{preview.others()}</p>
        }
    });
    view! {
        <section class="sweep-preview" aria-labelledby="preview-title">
            <h2 id="preview-title">"Preview"</h2>
            <p class="sweep-said" id="said">
                {lead}
                <b>{strong}</b>
                {rest}
            </p>
            {table}
        </section>
    }
}

fn row(now: Timestamp, idle: &IdleToken) -> impl IntoView + use<> {
    let used = match idle.last_used_at {
        Some(at) => Either::Left(view! { <span class="sweep-label">"Used "</span><RelativeTime now at /> }),
        None => Either::Right("Never used"),
    };
    view! {
        <tr>
            <th scope="row" class="sweep-name">
                {idle.name.clone()}
            </th>
            <td>{idle.owner.clone()}</td>
            <td>{used}</td>
            <td>
                <span class="sweep-label">"Created "</span>
                <RelativeTime now at=idle.created_at />
            </td>
        </tr>
    }
}

/// Asked in place before saving what would revoke something. Without scripts the server asks, by a page of its own.
fn question(preview: &SweepPreview) -> impl IntoView + use<> {
    let many = tokens_to_revoke(preview.would_revoke);
    let names = preview.tokens.iter().map(|idle| view! { <li>{idle.name.clone()}</li> }).collect_view();
    let others = preview.others().map(|others| view! { <li class="muted">{others}</li> });
    view! {
        <dialog class="dialog sweep-question" id="sweep-question" aria-labelledby="sweep-question-title">
            <h2 class="dialog-title" id="sweep-question-title">
                {["Revoke ", &many, "?"].concat()}
            </h2>
            <div class="dialog-body">
                <p>
                    "The next sweep revokes these tokens. Pipelines that use them will fail from then on. This can't be \
                     undone."
                </p>
                <ul class="dialog-names" tabindex="0" aria-label="Tokens">
                    {names}
                    {others}
                </ul>
            </div>
            <div class="dialog-actions">
                <button class="button" type="button" id="sweep-cancel">
                    "Cancel"
                </button>
                <button
                    class="button danger primary"
                    form="sweep-form"
                    name="confirm"
                    value=preview.would_revoke.to_string()
                    data-busy="Saving…"
                >
                    {["Save and revoke ", &many].concat()}
                </button>
            </div>
        </dialog>
    }
}
