//! The preview as HTML, with the question that is asked about it.

use latchkey_domain::Timestamp;
use leptos::{either::Either, prelude::*};

use super::sweep_preview::{IdleToken, SweepPreview, tokens_to_revoke};
use crate::components::RelativeTime;

/// Said when more tokens would go than somebody has confirmed.
pub const HAS_GROWN: &str = "The number has grown since you looked.";

/// What stands below the form. The browser replaces it while the number is typed.
pub fn preview(preview: &SweepPreview, has_grown: bool) -> impl IntoView + use<> {
    (section(preview), question(preview, has_grown))
}

/// What the next sweep would do, and to which tokens.
fn section(preview: &SweepPreview) -> impl IntoView + use<> {
    let (lead, strong, rest) = preview.sentence();
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
fn question(preview: &SweepPreview, has_grown: bool) -> impl IntoView + use<> {
    let many = tokens_to_revoke(preview.would_revoke);
    let grown = has_grown.then(|| view! { <p><b>{HAS_GROWN}</b></p> });
    let names = preview.tokens.iter().map(|idle| view! { <li>{idle.name.clone()}</li> }).collect_view();
    let others = preview.others().map(|others| view! { <li class="muted">{others}</li> });
    view! {
        <dialog class="dialog sweep-question" id="sweep-question" aria-labelledby="sweep-question-title">
            <h2 class="dialog-title" id="sweep-question-title">
                {["Revoke ", &many, "?"].concat()}
            </h2>
            <div class="dialog-body">
                {grown}
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
