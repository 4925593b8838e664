//! Keeps somebody from leaving without the secret, and the secret from staying behind.

use leptos::prelude::*;

/// For the page that the server rendered: guards what is on it. It takes nothing, least of all the secret.
#[island]
pub fn RevealGuard() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    Effect::new(|_| watch::start());
}

/// Brings the screen forward that the form has made room for.
#[cfg(feature = "hydrate")]
pub(crate) fn show() {
    request_animation_frame(|| {
        if let Some(header) = document().get_element_by_id("new-token-header") {
            header.remove();
        }
        window().scroll_to_with_x_and_y(0.0, 0.0);
        watch::focus("reveal-title");
        watch::start();
    });
}

#[cfg(feature = "hydrate")]
mod watch {
    use std::{cell::Cell, rc::Rc};

    use leptos::{ev, prelude::*};
    use wasm_bindgen::{JsCast, JsValue};
    use web_sys::{Element, Event, HtmlDialogElement, HtmlElement, Node, PageTransitionEvent};

    pub(super) fn focus(id: &str) {
        if let Some(element) = document().get_element_by_id(id).and_then(|element| element.dyn_into::<HtmlElement>().ok())
        {
            let _ = element.focus();
        }
    }

    fn element(event: &Event) -> Option<Element> {
        event.target()?.dyn_into::<Element>().ok()
    }

    /// From now on a reload asks for the page that says the secret was shown.
    fn forget_the_form(reveal: &Element) {
        let window = window();
        if let (Some(id), Ok(path), Ok(history)) =
            (reveal.get_attribute("data-token"), window.location().pathname(), window.history())
        {
            let address = [&path, "?created=", &id].concat();
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&address));
        }
        document().set_title("Token created · Latchkey");
    }

    pub(super) fn start() {
        let Some(reveal) = document().get_element_by_id("reveal") else { return };
        forget_the_form(&reveal);
        let safe = Rc::new(Cell::new(false));

        let copied = safe.clone();
        window_event_listener(ev::click, move |event| {
            let Some(clicked) = element(&event) else { return };
            let within = |selector: &str| matches!(clicked.closest(selector), Ok(Some(_)));
            let dialog = document().get_element_by_id("leave").and_then(|it| it.dyn_into::<HtmlDialogElement>().ok());
            if within("#reveal [data-secret], #leave-anyway") {
                copied.set(true);
            } else if within("#done") && !copied.get() {
                if let Some(dialog) = dialog {
                    event.prevent_default();
                    let _ = dialog.show_modal();
                }
            } else if within("#stay")
                && let Some(dialog) = dialog
            {
                dialog.close();
                focus("secret");
            }
        });
        let copied = safe.clone();
        let inside = reveal.clone();
        window_event_listener(ev::copy, move |event| {
            // With the keyboard or the menu, from a text on this screen.
            let from = event.target().and_then(|target| target.dyn_into::<Node>().ok());
            if inside.contains(from.as_ref()) {
                copied.set(true);
            }
        });
        window_event_listener(ev::beforeunload, move |event| {
            if !safe.get() {
                event.prevent_default();
            }
        });
        // A page that the browser keeps for *Back* must not bring the secret with it.
        window_event_listener_untyped("pagehide", move |_| reveal.set_inner_html(""));
        window_event_listener_untyped("pageshow", |event| {
            if event.dyn_into::<PageTransitionEvent>().is_ok_and(|event| event.persisted()) {
                let _ = window().location().reload();
            }
        });
    }
}
