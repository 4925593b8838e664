//! The theme changes at once; the server is told for the next page.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, RequestInit, RequestRedirect, SubmitEvent, UrlSearchParams};

use super::{
    dom::{all, closest, listen},
    menus,
};

pub(super) fn start() {
    listen(&document(), "submit", |event| {
        let button = event.dyn_ref::<SubmitEvent>().and_then(SubmitEvent::submitter);
        if let Some(form) = closest(&event, "[data-theme-form]")
            && let Some(button) = button
            && let Some(theme) = button.get_attribute("value")
            && remember(&theme).is_some()
        {
            event.prevent_default();
            apply(&theme);
            for choice in all("[data-theme-form] button") {
                let chosen = choice.get_attribute("value").is_some_and(|value| value == theme);
                let _ = choice.set_attribute("aria-pressed", if chosen { "true" } else { "false" });
            }
            if let Ok(Some(menu)) = form.closest("details")
                && let Ok(menu) = menu.dyn_into::<HtmlElement>()
            {
                menus::close(&menu);
                if let Ok(Some(summary)) = menu.query_selector("summary")
                    && let Ok(summary) = summary.dyn_into::<HtmlElement>()
                {
                    let _ = summary.focus();
                }
            }
        }
    });
}

fn remember(theme: &str) -> Option<()> {
    let body = UrlSearchParams::new_with_str(&["theme=", theme].concat()).ok()?;
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_body(&body);
    // Where the form would lead is of no interest here.
    request.set_redirect(RequestRedirect::Manual);
    let _ = window().fetch_with_str_and_init("/theme", &request);
    Some(())
}

fn apply(theme: &str) {
    if let Some(root) = document().document_element() {
        let _ = match theme {
            "system" => root.remove_attribute("data-theme"),
            chosen => root.set_attribute("data-theme", chosen),
        };
    }
}
