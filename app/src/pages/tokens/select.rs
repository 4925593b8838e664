//! Ticked rows: how many there are, and all of them at once.

use wasm_bindgen::JsCast;
use web_sys::{Event, HtmlInputElement};

use crate::islands::dom::{all, first};

const BOXES: &str = "#results tbody .check";

/// The rows' boxes.
fn boxes() -> Vec<HtmlInputElement> {
    all(BOXES).into_iter().filter_map(|found| found.dyn_into().ok()).collect()
}

/// Values of those that are ticked, to tick them again after a swap.
pub(super) fn ticked() -> Vec<String> {
    boxes().iter().filter(|found| found.checked()).map(HtmlInputElement::value).collect()
}

pub(super) fn tick(values: &[String]) {
    for found in boxes() {
        if values.contains(&found.value()) {
            found.set_checked(true);
        }
    }
    show();
}

/// Says how many are ticked, and shows the box for all.
pub(super) fn show() {
    let boxes = boxes();
    let ticked = boxes.iter().filter(|found| found.checked()).count();
    if let Some(label) = first("[data-selected]") {
        label.set_text_content(Some(&(ticked.to_string() + " selected")));
    }
    if let Some(whole) = all_box() {
        whole.set_hidden(boxes.is_empty());
        whole.set_checked(ticked > 0 && ticked == boxes.len());
        whole.set_indeterminate(ticked > 0 && ticked < boxes.len());
    }
}

/// A box was ticked or cleared: the one for all takes the others with it. True if it was one of these.
pub(super) fn changed(event: &Event) -> bool {
    let Some(target) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) else {
        return false;
    };
    if !target.class_list().contains("check") {
        return false;
    }
    if target.has_attribute("data-all") {
        for found in boxes() {
            found.set_checked(target.checked());
        }
    }
    show();
    true
}

fn all_box() -> Option<HtmlInputElement> {
    first("[data-all]")?.dyn_into().ok()
}
