//! The little of the DOM that the islands need.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Element, Event, EventTarget, HtmlElement};

/// Calls `handler` for each event, as long as the page lives.
pub(crate) fn listen(target: &EventTarget, event: &str, handler: impl FnMut(Event) + 'static) {
    let closure = Closure::<dyn FnMut(Event)>::new(handler);
    let _ = target.add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
    closure.forget();
}

/// Calls `then` once, after so many milliseconds; returns the number that `clear_timeout` takes.
pub(crate) fn after(milliseconds: i32, then: impl FnOnce() + 'static) -> i32 {
    let callback = Closure::once_into_js(then);
    window()
        .set_timeout_with_callback_and_timeout_and_arguments_0(callback.unchecked_ref(), milliseconds)
        .unwrap_or_default()
}

/// The innermost element around the event's target that matches, the target itself included.
pub(crate) fn closest(event: &Event, selector: &str) -> Option<HtmlElement> {
    let target: Element = event.target()?.dyn_into().ok()?;
    target.closest(selector).ok()??.dyn_into().ok()
}

/// The elements below `root` that match.
pub(crate) fn all(selector: &str) -> Vec<HtmlElement> {
    let Ok(found) = document().query_selector_all(selector) else { return Vec::new() };
    (0..found.length()).filter_map(|at| found.get(at)?.dyn_into().ok()).collect()
}

/// The first element that matches.
pub(crate) fn first(selector: &str) -> Option<HtmlElement> {
    document().query_selector(selector).ok()??.dyn_into().ok()
}

/// Puts the focus on the element with this id, if it is there.
pub(crate) fn focus(id: &str) -> bool {
    let found = document().get_element_by_id(id).and_then(|found| found.dyn_into::<HtmlElement>().ok());
    found.is_some_and(|found| found.focus().is_ok())
}

/// Has a screen reader say something, through the one live region of the page.
pub(crate) fn announce(text: &str) {
    if let Some(region) = first("#announce") {
        // The same words twice would be no change, and not be said.
        let same = region.text_content().as_deref() == Some(text);
        region.set_text_content(Some(&if same { [text, "\u{a0}"].concat() } else { text.to_owned() }));
    }
}

/// Shows another text in a button for a while without moving what is beside it; returns the text before.
pub(crate) fn relabel(button: &HtmlElement, text: &str) -> String {
    let _ = button.style().set_property("min-width", &(button.offset_width().to_string() + "px"));
    let label = label_of(button);
    let before = label.text_content().unwrap_or_default();
    label.set_text_content(Some(text));
    before
}

/// Where a button's words are: in its `<span>`, or directly in it.
pub(crate) fn label_of(button: &HtmlElement) -> Element {
    button.query_selector("span:not(.visually-hidden)").ok().flatten().unwrap_or_else(|| button.clone().into())
}
