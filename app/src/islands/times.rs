//! Relative times tick, and their tooltips are in the reader's zone.

use std::cell::Cell;

use js_sys::{Array, Date, Intl::DateTimeFormat, Object, Reflect};
use latchkey_domain::{Timestamp, words};
use wasm_bindgen::JsValue;

use super::dom::{after, all, first};

/// How often, in milliseconds.
const TICK: i32 = 20_000;

thread_local! {
    /// By how many milliseconds the server's clock is ahead of this one. "5 minutes ago" is the server's to say.
    static AHEAD: Cell<f64> = const { Cell::new(0.0) };
}

pub(super) fn start() {
    let server = first("[data-now]").and_then(|page| page.get_attribute("data-now")).map(|now| Date::parse(&now));
    if let Some(server) = server.filter(|server| server.is_finite()) {
        AHEAD.set(server - Date::now());
    }
    refresh();
    tick();
}

fn tick() {
    after(TICK, || {
        refresh();
        tick();
    });
}

/// Brings every relative time of the page up to date.
pub(crate) fn refresh() {
    let now = moment(Date::now() + AHEAD.get());
    let style = Object::new();
    let _ = Reflect::set(&style, &JsValue::from_str("dateStyle"), &JsValue::from_str("long"));
    let _ = Reflect::set(&style, &JsValue::from_str("timeStyle"), &JsValue::from_str("long"));
    // In the reader's own language. One for all: to make one takes a millisecond.
    let format = DateTimeFormat::new(&Array::new(), &style).format();
    for time in all("time") {
        let Some(at) = time.get_attribute("datetime").map(|at| Date::parse(&at)).filter(|at| at.is_finite()) else {
            continue;
        };
        let text = words::relative(now, moment(at));
        if time.text_content().as_deref() != Some(&text) {
            time.set_text_content(Some(&text));
        }
        if let Some(local) =
            format.call1(&JsValue::UNDEFINED, &JsValue::from_f64(at)).ok().and_then(|text| text.as_string())
        {
            time.set_title(&local);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds of this century are exact in both")]
fn moment(milliseconds: f64) -> Timestamp {
    Timestamp::from_micros(milliseconds as i64 * 1_000)
}
