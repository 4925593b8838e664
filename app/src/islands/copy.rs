//! Buttons that copy: `data-copy="text"`, or `data-copy-from="id"` of another element.

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlElement, HtmlInputElement, HtmlTextAreaElement};

use super::dom::{after, announce, closest, label_of, listen, relabel};

/// How long a button says "Copied", in milliseconds.
const SAID: i32 = 2_000;

pub(super) fn start() {
    listen(&document(), "click", |event| {
        if let Some(button) = closest(&event, "[data-copy],[data-copy-from]")
            && let Some(text) = text_of(&button)
        {
            spawn_local(async move {
                if write(&text).await {
                    said(&button);
                } else {
                    announce("Copying is not allowed here. Select the text and copy it.");
                }
            });
        }
    });
}

fn text_of(button: &HtmlElement) -> Option<String> {
    if let Some(text) = button.get_attribute("data-copy") {
        return Some(text);
    }
    let source = document().get_element_by_id(&button.get_attribute("data-copy-from")?)?;
    match source.dyn_ref::<HtmlInputElement>() {
        Some(input) => Some(input.value()),
        None => source.text_content(),
    }
}

async fn write(text: &str) -> bool {
    let navigator = window().navigator();
    // Browsers have a clipboard on https and localhost only; a portal in a plain network still has to copy.
    let clipboard = js_sys::Reflect::get(&navigator, &JsValue::from_str("clipboard"));
    if clipboard.is_ok_and(|clipboard| !clipboard.is_undefined())
        && JsFuture::from(navigator.clipboard().write_text(text)).await.is_ok()
    {
        return true;
    }
    write_selected(text).unwrap_or_default()
}

fn write_selected(text: &str) -> Option<bool> {
    let document = document();
    let area: HtmlTextAreaElement = document.create_element("textarea").ok()?.dyn_into().ok()?;
    area.set_value(text);
    area.set_class_name("visually-hidden");
    // Inside an open dialog nothing outside of it can be selected.
    let within = document.query_selector("dialog[open]").ok().flatten();
    let within = within.or_else(|| document.body().map(Into::into))?;
    let focused = document.active_element();
    within.append_child(&area).ok()?;
    area.select();
    let done = document.dyn_ref::<web_sys::HtmlDocument>()?.exec_command("copy").unwrap_or_default();
    area.remove();
    if let Some(focused) = focused.and_then(|focused| focused.dyn_into::<HtmlElement>().ok()) {
        let _ = focused.focus();
    }
    Some(done)
}

fn said(button: &HtmlElement) {
    announce("Copied");
    // Whoever leaves the page can be asked whether they have copied.
    let first = !button.has_attribute("data-copied");
    let _ = button.set_attribute("data-copied", "");
    if !first && button.has_attribute("data-saying") {
        return;
    }
    let _ = button.set_attribute("data-saying", "");
    let before = relabel(button, "Copied");
    let button = button.clone();
    after(SAID, move || {
        label_of(&button).set_text_content(Some(&before));
        let _ = button.remove_attribute("data-saying");
        let _ = button.style().remove_property("min-width");
    });
}
