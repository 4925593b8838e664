//! The form in a browser with scripts.

use leptos::{
    ev::{MouseEvent, SubmitEvent},
    prelude::*,
    task::spawn_local,
};
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlInputElement};

use super::{form::State, outlook::parse_days, server::preview_auto_revoke};
use crate::{
    answers::flat,
    islands::{
        dom::{after, closest},
        times,
    },
};

/// Typing pauses for so many milliseconds before a new preview is asked for.
const PAUSE: i32 = 250;

/// Takes the form over: what the browser restored is in the fields already.
pub(super) fn start(state: State) {
    Effect::new(move |started: Option<()>| {
        if started.is_none() {
            typed(state);
        }
    });
}

fn element<E: JsCast>(id: &str) -> Option<E> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

fn days() -> Option<HtmlInputElement> {
    element("days")
}

/// A field has changed.
pub(super) fn typed(state: State) {
    if let Ok(Some(switch)) = document().query_selector("#sweep-form [name=on]")
        && let Ok(switch) = switch.dyn_into::<HtmlInputElement>()
    {
        state.on.set(switch.checked());
    }
    let Some(typed) = days().map(|input| input.value()) else { return };
    if typed == state.days.get_untracked() {
        return;
    }
    state.days.set(typed);
    state.turn.update_value(|turn| *turn = turn.wrapping_add(1));
    let mine = state.turn.get_value();
    after(PAUSE, move || {
        if state.turn.get_value() == mine {
            ask(state, mine);
        }
    });
}

fn ask(state: State, mine: u32) {
    let days = state.days.with_untracked(|days| parse_days(days));
    state.wrong.set(days.is_none());
    let Some(days) = days else {
        state.loading.set(false);
        return;
    };
    state.loading.set(true);
    let organization = state.organization.get_value();
    spawn_local(async move {
        let answer = flat(preview_auto_revoke(organization, days).await);
        // Whoever typed on has asked for something else meanwhile.
        if state.turn.get_value() != mine {
            return;
        }
        state.loading.set(false);
        match answer {
            Ok(outlook) => {
                state.lost.set("");
                state.outlook.set(outlook);
                // The rows keep their elements, whose texts are the clock's since it ticks.
                request_animation_frame(times::refresh);
            }
            Err(failure) => state.lost.set(failure.message()),
        }
    });
}

/// A preset fills the field in; without scripts it is a link to the page with that number.
pub(super) fn clicked(state: State, event: &MouseEvent) {
    if event.ctrl_key() || event.meta_key() || event.shift_key() || event.button() != 0 {
        return;
    }
    let preset = closest(event, "[data-days]").and_then(|preset| preset.get_attribute("data-days"));
    if let (Some(chosen), Some(input)) = (preset, days()) {
        event.prevent_default();
        if !input.disabled() {
            input.set_value(&chosen);
            typed(state);
        }
    }
}

/// Asks first when the preview says that something would be revoked; without a preview that fits, the server asks.
pub(super) fn submitted(state: State, event: &SubmitEvent) {
    let confirmed = event.submitter().is_some_and(|button| button.has_attribute("form"));
    let fits = state.outlook.with_untracked(|outlook| {
        outlook.would_revoke > 0 && state.days.with_untracked(|days| parse_days(days)) == Some(outlook.days)
    });
    if !confirmed
        && fits
        && state.on.get_untracked()
        && let Some(dialog) = element::<HtmlDialogElement>("sweep-question")
    {
        event.prevent_default();
        let _ = dialog.show_modal();
    }
}

/// The safe way out of the question.
pub(super) fn cancelled() {
    if let Some(dialog) = element::<HtmlDialogElement>("sweep-question") {
        dialog.close();
    }
}
