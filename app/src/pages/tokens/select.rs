//! Ticked rows: how many there are, and all of them at once.

use wasm_bindgen::JsCast;
use web_sys::{Event, HtmlInputElement};

use crate::islands::dom::{all, first};

fn boxes() -> impl Iterator<Item = HtmlInputElement> {
    all("#results tbody input").into_iter().filter_map(|found| found.dyn_into().ok())
}

/// Values of the rows that are ticked, to tick them again after the list has been replaced.
pub(super) fn ticked() -> Vec<String> {
    boxes().filter(HtmlInputElement::checked).map(|found| found.value()).collect()
}

pub(super) fn tick(values: &[String]) {
    boxes().filter(|found| values.contains(&found.value())).for_each(|found| found.set_checked(true));
    update();
}

/// Brings the number and the box for all rows up to date.
pub(super) fn update() {
    let Some(whole) = first("[data-all]").and_then(|found| found.dyn_into::<HtmlInputElement>().ok()) else { return };
    let (ticked, rows) = (ticked().len(), boxes().count());
    if let Some(label) = first("[data-selected]") {
        label.set_text_content(Some(&(ticked.to_string() + " selected")));
    }
    whole.set_hidden(rows == 0);
    whole.set_checked(ticked > 0 && ticked == rows);
    whole.set_indeterminate(ticked > 0 && ticked < rows);
}

/// A box was ticked or cleared: the one for all takes the others with it. True if it was one of these.
pub(super) fn changed(event: &Event) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
    let Some(target) = target.filter(|target| target.type_() == "checkbox") else { return false };
    if target.has_attribute("data-all") {
        boxes().for_each(|found| found.set_checked(target.checked()));
    }
    update();
    true
}
