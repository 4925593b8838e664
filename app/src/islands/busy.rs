//! Pressed submit buttons say that they work, and can't be pressed twice.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, SubmitEvent};

use super::dom::{after, all, label_of, listen, relabel};

/// A form may be sent again after so many milliseconds, in case its answer got lost.
const FORGOTTEN: i32 = 20_000;

pub(super) fn start() {
    listen(&document(), "submit", |event| {
        if event.default_prevented() {
            return;
        }
        let Some(form) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
        if form.has_attribute("data-sent") {
            event.prevent_default();
            return;
        }
        let _ = form.set_attribute("data-sent", "");
        // Not disabled: a disabled button loses the focus, and isn't sent.
        press(event.dyn_ref::<SubmitEvent>().and_then(SubmitEvent::submitter).as_ref());
        after(FORGOTTEN, release);
    });
    // The page may come back from the browser's memory as it was left.
    listen(&window(), "pageshow", |_| release());
}

/// Marks the button that was pressed.
pub(crate) fn press(button: Option<&HtmlElement>) {
    let Some(button) = button else { return };
    let _ = button.set_attribute("aria-busy", "true");
    // Icons alone and plain choices have nothing to say.
    let says = button.get_attribute("data-busy");
    let primary = button.class_list().contains("primary");
    if says.is_some() || primary {
        let before = relabel(button, says.as_deref().unwrap_or("Working…"));
        let _ = button.set_attribute("data-label", &before);
    }
}

/// Makes every form and button ready to be pressed again.
pub(crate) fn release() {
    for form in all("[data-sent]") {
        let _ = form.remove_attribute("data-sent");
    }
    for button in all("button[aria-busy]") {
        let _ = button.remove_attribute("aria-busy");
        if let Some(before) = button.get_attribute("data-label") {
            label_of(&button).set_text_content(Some(&before));
            let _ = button.remove_attribute("data-label");
        }
    }
}
