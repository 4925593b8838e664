//! Dialogs that the server rendered open become modal: the focus stays inside, Esc follows "Cancel".

use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement};

use super::dom::{all, listen};

pub(crate) fn open() {
    for dialog in all("dialog[data-modal][open]") {
        let Ok(dialog) = dialog.dyn_into::<HtmlDialogElement>() else { continue };
        // A dialog that is open can't be opened again, and `close()` would tell others.
        let _ = dialog.remove_attribute("open");
        if dialog.show_modal().is_err() {
            let _ = dialog.set_attribute("open", "");
            continue;
        }
        let _ = dialog.remove_attribute("data-modal");
        let asked = dialog.clone();
        listen(&dialog, "cancel", move |event| {
            if let Ok(Some(cancel)) = asked.query_selector("[data-cancel]")
                && let Ok(cancel) = cancel.dyn_into::<HtmlElement>()
            {
                event.prevent_default();
                cancel.click();
            }
        });
    }
}
