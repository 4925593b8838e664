//! Menus close on Esc and on a click elsewhere; opening them is the browser's own doing.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent, Node};

use super::dom::{all, listen};

const OPEN: &str = "details.menu[open]";

pub(super) fn start() {
    listen(&document(), "click", |event| {
        let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
        for menu in all(OPEN) {
            if !menu.contains(target.as_ref()) {
                close(&menu);
            }
        }
    });
    listen(&document(), "keydown", |event| {
        if event.dyn_ref::<KeyboardEvent>().is_some_and(|event| event.key() == "Escape") {
            let focused = document().active_element();
            for menu in all(OPEN) {
                close(&menu);
                // Whoever was in the menu is back at what opened it.
                if menu.contains(focused.as_deref())
                    && let Ok(Some(summary)) = menu.query_selector("summary")
                    && let Ok(summary) = summary.dyn_into::<HtmlElement>()
                {
                    let _ = summary.focus();
                }
            }
        }
    });
}

pub(super) fn close(menu: &HtmlElement) {
    let _ = menu.remove_attribute("open");
}
