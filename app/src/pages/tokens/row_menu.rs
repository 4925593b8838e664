//! The menu at the end of each row. The server writes it once, in a template; here each row gets its own.

use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlInputElement};

use crate::islands::dom::{all, first};

/// Puts a menu into each row that has none.
pub(super) fn complete() {
    let Some(template) = first("#row-menu").map(|template| template.inner_html()) else { return };
    for cell in all("#results tbody td:last-child") {
        let _ = put(&cell, &template);
    }
}

fn put(cell: &HtmlElement, template: &str) -> Option<()> {
    let find = |within: &HtmlElement, selector: &str| -> Option<HtmlElement> {
        within.query_selector(selector).ok()??.dyn_into().ok()
    };
    if find(cell, "details").is_some() {
        return None;
    }
    let row: HtmlElement = cell.parent_element()?.dyn_into().ok()?;
    let ticked = find(&row, "input").and_then(|ticked| ticked.dyn_into::<HtmlInputElement>().ok());
    let id = ticked.map(|ticked| ticked.value()).or_else(|| cell.get_attribute("data-id"))?;
    let revoke = find(cell, "a").and_then(|link| link.get_attribute("href"));
    let name = find(&row, "b")?.text_content()?;
    cell.set_inner_html(template);
    let opener = find(cell, "summary")?;
    opener.set_id(&["m-", &id].concat());
    opener.set_attribute("aria-label", &["Actions for ", &name].concat()).ok()?;
    find(cell, "button")?.set_attribute("data-copy", &id).ok()?;
    let link = find(cell, "a")?;
    match revoke {
        Some(revoke) => link.set_attribute("href", &revoke).ok()?,
        None => link.remove(),
    }
    Some(())
}
