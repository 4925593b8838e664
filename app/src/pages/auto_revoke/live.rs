//! The form in a browser with scripts: the preview follows what is typed, and saving asks in place.

use leptos::{ev, prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement, HtmlFormElement, HtmlInputElement, MouseEvent};

use super::{
    days::parse_days,
    form::FormState,
    server::{PreviewUpdate, Saved, preview_auto_revoke, set_auto_revoke},
};
use crate::{
    answers::flat,
    islands::{
        announce,
        dom::{after, closest, first, focus},
        press, release, times,
    },
};

/// Typing pauses for so many milliseconds before a new preview is asked for.
const PREVIEW_DELAY: i32 = 250;

/// Takes over what the browser has put into the fields before the scripts came.
pub(super) fn start(state: FormState) {
    Effect::new(move |started: Option<()>| {
        if started.is_none() {
            typed(state);
        }
    });
}

/// The days or the switch were changed.
pub(super) fn typed(state: FormState) {
    let field = |selector| first(selector).and_then(|field| field.dyn_into::<HtmlInputElement>().ok());
    if let (Some(days), Some(on)) = (field("#days"), field("#sweep-form [name=on]")) {
        state.days.set(days.value());
        state.on.set(on.checked());
    }
    let request = state.begin();
    let days = parse_days(&state.days.get_untracked());
    if days.is_some_and(|days| state.previewed.get_untracked().days == days) {
        return state.invalid.set(false);
    }
    after(PREVIEW_DELAY, move || {
        if state.is_latest(request) {
            state.invalid.set(days.is_none());
            if let Some(days) = days {
                preview(state, days, request);
            }
        }
    });
}

fn preview(state: FormState, days: u16, request: u32) {
    mark_busy(true);
    spawn_local(async move {
        let answer = flat(preview_auto_revoke(state.organization.get_value(), days).await);
        // Whoever typed on has asked for something else meanwhile.
        if !state.is_latest(request) {
            return;
        }
        mark_busy(false);
        match answer {
            Ok(update) => show(state, &update),
            // Signed out, or the server is away: the browser shows which.
            Err(_) => drop(window().location().set_search(&["?preview=1&days=", &days.to_string()].concat())),
        }
    });
}

fn mark_busy(busy: bool) {
    if let Some(area) = first("#preview") {
        let _ = if busy { area.set_attribute("aria-busy", "true") } else { area.remove_attribute("aria-busy") };
    }
}

fn show(state: FormState, update: &PreviewUpdate) {
    let Some(area) = first("#preview") else { return };
    area.set_inner_html(&update.html);
    state.previewed.set(super::form::Previewed { days: update.days, would_revoke: update.would_revoke });
    times::refresh();
    announce(&update.sentence);
}

/// A preset fills the field in. Without scripts it is a link to the page with that number.
pub(super) fn preset(state: FormState, days: &str, event: &MouseEvent) {
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
pub(super) fn submitted(state: FormState, event: &ev::SubmitEvent) {
    let button = event.submitter();
    if button.as_ref().is_some_and(|button| button.get_attribute("formmethod").is_some()) {
        return;
    }
    event.prevent_default();
    let days = state.on.get_untracked().then(|| parse_days(&state.days.get_untracked()));
    let Ok(days) = days.map_or(Ok(None), |days| days.map(Some).ok_or(())) else {
        state.invalid.set(true);
        focus("days");
        return;
    };
    let confirmed = button.as_ref().filter(|button| button.has_attribute("name"));
    let confirmed = confirmed.and_then(|button| button.get_attribute("value")?.parse().ok());
    let previewed = state.previewed.get_untracked();
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

fn save(state: FormState, days: Option<u16>, confirmed: u32, button: Option<HtmlElement>) {
    press(button.as_ref());
    let request = state.begin();
    spawn_local(async move {
        match flat(set_auto_revoke(state.organization.get_value(), days, confirmed).await) {
            Ok(Saved::Done) => {
                let saved = if days.is_some() { "?saved=on" } else { "?saved=off" };
                let _ = window().location().set_search(saved);
            }
            Ok(Saved::Unconfirmed(update)) if state.is_latest(request) => {
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
