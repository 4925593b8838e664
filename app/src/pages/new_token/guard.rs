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
        crate::islands::dom::focus("reveal-title");
        watch::start();
    });
}

#[cfg(feature = "hydrate")]
mod watch {
    use leptos::prelude::*;
    use wasm_bindgen::{JsCast, JsValue};
    use web_sys::{Element, HtmlDialogElement, Node, PageTransitionEvent};

    use crate::islands::dom::{closest, first, focus, listen};

    /// Set on the screen by whoever has the secret, or wants to go without it.
    const SAFE: &str = "data-safe";

    /// Copied with a button, with the keyboard, or not wanted.
    fn is_safe() -> bool {
        first("#reveal[data-safe], #reveal [data-secret][data-copied]").is_some()
    }

    /// From now on a reload asks for the page that says the secret was shown.
    fn replace_address(reveal: &Element) {
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
        replace_address(&reveal);
        let (document, window) = (document(), window());
        listen(&document, "click", |event| {
            let Some(dialog) = first("#leave").and_then(|it| it.dyn_into::<HtmlDialogElement>().ok()) else { return };
            if closest(&event, "#leave-anyway").is_some() {
                mark_safe();
                dialog.close();
            } else if closest(&event, "#done").is_some() && !is_safe() {
                event.prevent_default();
                let _ = dialog.show_modal();
            } else if closest(&event, "#stay").is_some() {
                dialog.close();
                focus("secret");
            }
        });
        let inside = reveal.clone();
        listen(&document, "copy", move |event| {
            // With the keyboard or the menu, from a text on this screen.
            let from = event.target().and_then(|target| target.dyn_into::<Node>().ok());
            if inside.contains(from.as_ref()) {
                mark_safe();
            }
        });
        listen(&window, "beforeunload", |event| {
            if !is_safe() {
                event.prevent_default();
            }
        });
        // A page that the browser keeps for *Back* must not bring the secret with it.
        listen(&window, "pagehide", move |_| reveal.set_inner_html(""));
        listen(&window, "pageshow", |event| {
            if event.dyn_into::<PageTransitionEvent>().is_ok_and(|event| event.persisted()) {
                let _ = leptos::prelude::window().location().reload();
            }
        });
    }

    /// There is nothing to ask any more.
    fn mark_safe() {
        if let Some(reveal) = first("#reveal") {
            let _ = reveal.set_attribute(SAFE, "");
        }
    }
}
