//! The form in a browser with scripts: the preview follows what is typed, and saving asks in place.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlDialogElement, HtmlElement, HtmlFormElement, HtmlInputElement, MouseEvent};

use super::{PreviewFacts, State};
use crate::{
    islands::{
        announce,
        dom::{after, closest, first, focus},
        press, release, times,
    },
    pages::auto_revoke::{
        days::parse_days,
        server::{PreviewUpdate, Saved, preview_auto_revoke, set_auto_revoke},
    },
};

/// Typing pauses for so many milliseconds before a new preview is asked for.
const PREVIEW_DELAY: i32 = 250;

/// Takes over what the browser has put into the fields before the scripts came.
pub(super) fn start(state: State) {
    Effect::new(move |started: Option<()>| {
        if started.is_none() {
            typed(state);
        }
    });
}

/// The days or the switch were changed.
pub(super) fn typed(state: State) {
    let field = |selector| first(selector).and_then(|field| field.dyn_into::<HtmlInputElement>().ok());
    if let (Some(days), Some(on)) = (field("#days"), field("#sweep-form [name=on]")) {
        state.days.set(days.value());
        state.on.set(on.checked());
    }
    let request = begin(state);
    let days = parse_days(&state.days.get_untracked());
    if days.is_some_and(|days| state.preview.get_value().days == days) {
        return state.is_invalid.set(false);
    }
    after(PREVIEW_DELAY, move || {
        if is_latest(state, request) {
            state.is_invalid.set(days.is_none());
            if let Some(days) = days {
                preview(state, days, request);
            }
        }
    });
}

/// The number of a new request, which makes those before it stale.
fn begin(state: State) -> u32 {
    state.latest.update_value(|latest| *latest = latest.wrapping_add(1));
    state.latest.get_value()
}

fn is_latest(state: State, request: u32) -> bool {
    state.latest.get_value() == request
}

fn preview(state: State, days: u16, request: u32) {
    mark_busy(true);
    spawn_local(async move {
        let answer = preview_auto_revoke(state.organization.get_value(), days).await;
        // Whoever typed on has asked for something else meanwhile.
        if !is_latest(state, request) {
            return;
        }
        mark_busy(false);
        match answer {
            Ok(update) => show(state, &update),
            // Signed out, or the server is away: the browser shows which.
            Err(_) => {
                // All that the form holds.
                let on = if state.on.get_untracked() { "&on=on" } else { "" };
                let _ = window().location().set_search(&["?preview=1&days=", &days.to_string(), on].concat());
            }
        }
    });
}

fn mark_busy(busy: bool) {
    if let Some(area) = first("#preview") {
        let _ = if busy { area.set_attribute("aria-busy", "true") } else { area.remove_attribute("aria-busy") };
    }
}

fn show(state: State, update: &PreviewUpdate) {
    let Some(area) = first("#preview") else { return };
    area.set_inner_html(&update.html);
    state.preview.set_value(PreviewFacts { days: update.days, would_revoke: update.would_revoke });
    times::refresh();
    announce(&update.sentence);
}

/// A preset fills the field in. Without scripts it is a link to the page with that number.
pub(super) fn preset(state: State, days: &str, event: &MouseEvent) {
    let plain = event.button() == 0 && !(event.ctrl_key() || event.meta_key() || event.shift_key());
    if plain && let Some(field) = first("#days").and_then(|field| field.dyn_into::<HtmlInputElement>().ok()) {
        event.prevent_default();
        field.set_value(days);
        typed(state);
    }
}

/// Closes the question of the preview.
pub(super) fn clicked(event: &MouseEvent) {
    if closest(event, "#sweep-cancel").is_some()
        && let Some(question) = question()
    {
        question.close();
    }
}

fn question() -> Option<HtmlDialogElement> {
    first("#sweep-question")?.dyn_into().ok()
}

/// Saves; or asks first, when the preview says that something would be revoked.
pub(super) fn submitted(state: State, event: &ev::SubmitEvent) {
    let button = event.submitter();
    if button.as_ref().is_some_and(|button| button.get_attribute("formmethod").is_some()) {
        return;
    }
    event.prevent_default();
    let days = state.on.get_untracked().then(|| parse_days(&state.days.get_untracked()));
    let Ok(days) = days.map_or(Ok(None), |days| days.map(Some).ok_or(())) else {
        state.is_invalid.set(true);
        focus("days");
        return;
    };
    let confirmed = button.as_ref().filter(|button| button.has_attribute("name"));
    let confirmed = confirmed.and_then(|button| button.get_attribute("value")?.parse().ok());
    let previewed = state.preview.get_value();
    if confirmed.is_none()
        && days == Some(previewed.days)
        && previewed.would_revoke > 0
        && let Some(question) = question()
    {
        let _ = question.show_modal();
        return;
    }
    save(state, days, confirmed.unwrap_or(0), button);
}

fn save(state: State, days: Option<u16>, confirmed: u32, button: Option<HtmlElement>) {
    press(button.as_ref());
    let request = begin(state);
    spawn_local(async move {
        match set_auto_revoke(state.organization.get_value(), days, confirmed).await {
            Ok(Saved::Done) => {
                let saved = if days.is_some() { "?saved=on" } else { "?saved=off" };
                let _ = window().location().set_search(saved);
            }
            Ok(Saved::Unconfirmed(update)) if is_latest(state, request) => {
                release();
                show(state, &update);
                if let Some(question) = question() {
                    let _ = question.show_modal();
                }
            }
            Ok(Saved::Unconfirmed(_)) => release(),
            // The browser sends the form itself, and shows why: the way to sign in keeps what was typed.
            Err(_) => {
                if let Some(form) = first("#sweep-form").and_then(|form| form.dyn_into::<HtmlFormElement>().ok()) {
                    let _ = form.submit();
                }
            }
        }
    });
}
