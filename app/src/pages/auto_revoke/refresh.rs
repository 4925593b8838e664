//! Fetches the page of the days that are typed, and takes its preview over.

use std::cell::Cell;

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;
use web_sys::{Event, HtmlDialogElement, HtmlInputElement, MouseEvent, RequestInit, SubmitEvent};

use super::days::parse_days;
use crate::islands::{
    announce,
    dom::{after, all, closest, first, listen},
    page::fetch,
    times,
};

/// Typing pauses for so many milliseconds before a new preview is asked for.
const PAUSE: i32 = 250;

thread_local! {
    /// Counts the questions, so that an answer that comes too late is dropped.
    static TURN: Cell<u32> = const { Cell::new(0) };
}

/// Takes the form over: what the browser restored is in the fields already.
pub(super) fn start() {
    let Some(page) = first(".sweep-page") else { return };
    listen(&page, "input", |_| typed());
    listen(&page, "click", |event| clicked(&event));
    listen(&page, "submit", |event| submitted(&event));
    typed();
}

fn input(selector: &str) -> Option<HtmlInputElement> {
    first(selector)?.dyn_into().ok()
}

fn is_on() -> bool {
    input("#sweep-form [name=on]").is_some_and(|switch| switch.checked())
}

fn typed_days() -> String {
    input("#days").map(|field| field.value()).unwrap_or_default()
}

fn typed() {
    let typed = typed_days();
    let days = parse_days(&typed);
    for preset in all("[data-days].button") {
        if preset.get_attribute("data-days").as_deref() == Some(typed.trim()) {
            let _ = preset.set_attribute("aria-current", "true");
        } else {
            let _ = preset.remove_attribute("aria-current");
        }
    }
    let turn = TURN.get().wrapping_add(1);
    TURN.set(turn);
    if days.is_some_and(|days| shown("data-days") == Some(u32::from(days))) {
        return mark(true);
    }
    after(PAUSE, move || {
        if TURN.get() == turn {
            mark(days.is_some());
            if let Some(days) = days {
                ask(days, turn);
            }
        }
    });
}

/// Says beside the field whether it holds a number of days.
fn mark(right: bool) {
    if let (Some(field), Some(error)) = (first("#days"), first("#days-error")) {
        error.set_hidden(right);
        let _ =
            if right { field.remove_attribute("aria-invalid") } else { field.set_attribute("aria-invalid", "true") };
    }
}

/// A number of the preview that is shown.
fn shown(attribute: &str) -> Option<u32> {
    first("#outlook")?.get_attribute(attribute)?.parse().ok()
}

fn ask(days: u16, turn: u32) {
    let Ok(path) = window().location().pathname() else { return };
    if let Some(outlook) = first("#outlook") {
        let _ = outlook.set_attribute("aria-busy", "true");
    }
    spawn_local(async move {
        // All that the form holds: the browser may have to go there itself.
        let on = if is_on() { "&on=on" } else { "" };
        let url = [&*path, "?preview=1&days=", &days.to_string(), on].concat();
        let fetched = fetch(&url, &RequestInit::new()).await;
        // Whoever typed on has asked for something else meanwhile.
        if TURN.get() != turn {
            return;
        }
        let Some(old) = first("#outlook") else { return };
        match fetched.and_then(|fetched| fetched.document.get_element_by_id("outlook")) {
            Some(new) => {
                let _ = old.replace_with_with_node_1(&new);
                times::refresh();
                announce(&first("#said").and_then(|said| said.text_content()).unwrap_or_default());
            }
            // Signed out, or the server is away: the browser shows which.
            None => drop(window().location().set_href(&url)),
        }
    });
}

/// A preset fills the field in; without scripts it is a link to the page with that number.
fn clicked(event: &Event) {
    if closest(event, "#sweep-cancel").is_some() {
        return dialog().map_or((), |dialog| dialog.close());
    }
    let plain = event
        .dyn_ref::<MouseEvent>()
        .is_some_and(|mouse| mouse.button() == 0 && !(mouse.ctrl_key() || mouse.meta_key() || mouse.shift_key()));
    let preset = closest(event, "a[data-days]").and_then(|preset| preset.get_attribute("data-days"));
    if let (true, Some(chosen), Some(field)) = (plain, preset, input("#days")) {
        event.prevent_default();
        if !field.disabled() {
            field.set_value(&chosen);
            typed();
        }
    }
}

/// Asks first when the preview says that something would be revoked; without a preview that fits, the server asks.
fn submitted(event: &Event) {
    let confirmed = event
        .dyn_ref::<SubmitEvent>()
        .and_then(SubmitEvent::submitter)
        .is_some_and(|button| button.has_attribute("name"));
    let fits = parse_days(&typed_days()).map(u32::from) == shown("data-days");
    let revokes = shown("data-revokes").is_some_and(|many| many > 0);
    if !confirmed
        && is_on()
        && fits
        && revokes
        && let Some(dialog) = dialog()
    {
        event.prevent_default();
        let _ = dialog.show_modal();
    }
}

fn dialog() -> Option<HtmlDialogElement> {
    first("#sweep-question")?.dyn_into().ok()
}
