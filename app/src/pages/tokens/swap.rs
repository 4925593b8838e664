//! Fetches pages of the list and swaps them in. Whatever goes wrong, the browser goes there by itself.

use std::cell::{Cell, RefCell};

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    AbortController, Document, Event, FormData, HtmlAnchorElement, HtmlElement, HtmlFormElement, HtmlInputElement,
    MouseEvent, RequestInit, SubmitEvent, UrlSearchParams,
};

use super::select;
use crate::islands::{
    announce,
    dom::{after, closest, first, focus, listen},
    modal,
    page::{Fetched, fetch},
    press, times,
};

/// How long typing has to pause before the search runs, in milliseconds.
const PAUSE: i32 = 150;

thread_local! {
    /// The request on its way; a newer one makes it stale.
    static UNDERWAY: RefCell<Option<AbortController>> = const { RefCell::new(None) };
    static PAUSING: Cell<i32> = const { Cell::new(0) };
    /// The address of what is shown, or about to be since the browser moved.
    static SHOWN: RefCell<String> = const { RefCell::new(String::new()) };
    /// What had the focus when a question was opened.
    static OPENER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What a step means for the browser's history.
#[derive(Clone, Copy, PartialEq, Eq)]
enum History {
    Push,
    Replace,
    /// The browser has moved already.
    Moved,
}

/// How much of the page is swapped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All of it.
    Page,
    /// What the search finds; the form stays, with the caret in it.
    Results,
}

#[derive(Clone, Copy)]
struct Step {
    history: History,
    part: Part,
    /// Another page of the list: begin to read at its top.
    top: bool,
}

pub(super) fn start() {
    let Some(main) = first("#main") else { return };
    listen(&main, "click", clicked);
    listen(&main, "submit", submitted);
    listen(&main, "input", typed);
    listen(&main, "change", changed);
    listen(&window(), "popstate", |_| {
        // A step to another place on the same page is the browser's own.
        if let Ok(url) = window().location().href()
            && page_of(&SHOWN.replace(url.clone())) != page_of(&url)
        {
            go(url, Step { history: History::Moved, part: Part::Page, top: false });
        }
    });
    SHOWN.replace(window().location().href().unwrap_or_default());
    select::show();
    // Somebody may have typed before the scripts came.
    let field = first("#q").and_then(|field| field.dyn_into::<HtmlInputElement>().ok());
    if let Some(field) = field
        && field.value() != field.default_value()
        && let Some(form) = field.form()
    {
        search(&form, History::Replace);
    }
}

fn clicked(event: Event) {
    let Some(link) = closest(&event, "a[href]").and_then(|link| link.dyn_into::<HtmlAnchorElement>().ok()) else {
        return;
    };
    // Whoever wants a new tab or a file gets one.
    let plain = event.dyn_ref::<MouseEvent>().is_some_and(|mouse| {
        mouse.button() == 0 && !(mouse.ctrl_key() || mouse.meta_key() || mouse.shift_key() || mouse.alt_key())
    });
    let location = window().location();
    let same_page = location.pathname().is_ok_and(|path| path == link.pathname())
        && location.origin().is_ok_and(|origin| origin == link.origin());
    if !plain || !same_page || event.default_prevented() || link.has_attribute("download") || !link.hash().is_empty() {
        return;
    }
    event.prevent_default();
    if let Ok(Some(menu)) = link.closest("details")
        && let Ok(Some(summary)) = menu.query_selector("summary")
    {
        OPENER.replace(summary.id());
    }
    let top = matches!(link.id().as_str(), "next" | "previous");
    go(link.href(), Step { history: History::Push, part: Part::Page, top });
}

fn submitted(event: Event) {
    let Some(form) = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok()) else { return };
    let button = event.dyn_ref::<SubmitEvent>().and_then(SubmitEvent::submitter);
    if form.has_attribute("data-live") {
        event.prevent_default();
        let asking = form.id() == "bulk";
        let step = Step { history: History::Push, part: if asking { Part::Page } else { Part::Results }, top: false };
        if let Some(url) = address(&form) {
            go(url, step);
        }
    } else if form.method() == "post" && form.closest("dialog").is_ok_and(|dialog| dialog.is_some()) {
        event.prevent_default();
        if form.has_attribute("data-sent") {
            return;
        }
        let _ = form.set_attribute("data-sent", "");
        press(button.as_ref());
        send(form);
    }
}

fn typed(event: Event) {
    let Some(form) = live_form(&event) else { return };
    if !closest(&event, "input").is_some_and(|field| field.class_list().contains("input")) {
        return;
    }
    window().clear_timeout_with_handle(PAUSING.get());
    PAUSING.set(after(PAUSE, move || search(&form, History::Replace)));
}

fn changed(event: Event) {
    if select::changed(&event) {
        return;
    }
    if closest(&event, "select").is_some()
        && let Some(form) = live_form(&event)
    {
        search(&form, History::Push);
    }
}

fn live_form(event: &Event) -> Option<HtmlFormElement> {
    closest(event, "form[data-live]")?.dyn_into().ok()
}

fn search(form: &HtmlFormElement, history: History) {
    let same = |url: &String| window().location().href().is_ok_and(|current| current == *url);
    if let Some(url) = address(form).filter(|url| !same(url)) {
        go(url, Step { history, part: Part::Results, top: false });
    }
}

/// Where a GET form leads, without what is empty or as it is by default.
fn address(form: &HtmlFormElement) -> Option<String> {
    let query = String::from(encoded(form)?.to_string());
    let mut url = form.action();
    for (at, pair) in query.split('&').filter(|pair| !pair.ends_with('=') && *pair != "status=active").enumerate() {
        url.push(if at == 0 { '?' } else { '&' });
        url.push_str(pair);
    }
    Some(url)
}

fn encoded(form: &HtmlFormElement) -> Option<UrlSearchParams> {
    let data = FormData::new_with_form(form).ok()?;
    UrlSearchParams::new_with_str_sequence_sequence(&data).ok()
}

fn go(url: String, step: Step) {
    spawn_local(async move {
        if let Some(controller) = begin() {
            let request = RequestInit::new();
            request.set_signal(Some(&controller.signal()));
            let swapped = swap(&url, &request, step).await;
            if swapped.is_none() && !controller.signal().aborted() {
                let _ = window().location().set_href(&url);
            }
        }
    });
}

/// Sends a form that changes something, and shows where its answer leads.
fn send(form: HtmlFormElement) {
    spawn_local(async move {
        let request = RequestInit::new();
        request.set_method("POST");
        let Some(body) = encoded(&form) else { return };
        request.set_body(&body);
        // The question is answered: back leads to the list before it, not to it.
        let step = Step { history: History::Replace, part: Part::Page, top: false };
        if begin().is_none() || swap(&form.action(), &request, step).await.is_none() {
            // Revoking twice is revoking once: the browser may send it again.
            let _ = form.submit();
        }
    });
}

fn begin() -> Option<AbortController> {
    let controller = AbortController::new().ok()?;
    if let Some(stale) = UNDERWAY.replace(Some(controller.clone())) {
        stale.abort();
    }
    if let Some(results) = first("#results") {
        let _ = results.set_attribute("aria-busy", "true");
    }
    Some(controller)
}

/// `None` when the browser should go there itself.
async fn swap(url: &str, request: &RequestInit, step: Step) -> Option<()> {
    let Fetched { document: parsed, url } = fetch(url, request).await?;
    let focused = document().active_element().map(|focused| focused.id()).unwrap_or_default();
    let ticked = select::ticked();
    let asked = first("dialog:modal").is_some();
    let parts: &[&str] = if step.part == Part::Results { &["results", "counts"] } else { &["page"] };
    for id in parts {
        replace(&parsed, id, step.part == Part::Page)?;
    }
    remember(&url, step.history);
    document().set_title(&parsed.title());
    times::refresh();
    select::tick(&ticked);
    modal::open();
    place_focus(&focused, asked, step);
    if let Some(news) = first("[data-announce]") {
        announce(&news.text_content().unwrap_or_default());
    }
    Some(())
}

/// Puts a part of the new page in the place of the old one. Not every page has every part.
fn replace(parsed: &Document, id: &str, needed: bool) -> Option<()> {
    match (parsed.get_element_by_id(id), document().get_element_by_id(id)) {
        (Some(new), Some(old)) => old.replace_with_with_node_1(&new).ok(),
        _ if needed || id == "results" => None,
        _ => Some(()),
    }
}

/// An address without its fragment.
fn page_of(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}

fn remember(url: &str, history: History) {
    SHOWN.replace(url.to_owned());
    if let Ok(past) = window().history() {
        let _ = match history {
            History::Push => past.push_state_with_url(&JsValue::NULL, "", Some(url)),
            History::Replace => past.replace_state_with_url(&JsValue::NULL, "", Some(url)),
            History::Moved => Ok(()),
        };
    }
}

/// The focus stays where it was, goes back to what opened a question, or to the top of another page.
fn place_focus(focused: &str, asked: bool, step: Step) {
    if step.part == Part::Results || first("dialog:modal").is_some() {
        return;
    }
    if step.top {
        window().scroll_to_with_x_and_y(0.0, 0.0);
    }
    let wanted = if asked { OPENER.take() } else { focused.to_owned() };
    if !step.top && !wanted.is_empty() && focus(&wanted) {
        return;
    }
    if let Some(page) = first("#page") {
        let options = web_sys::FocusOptions::new();
        options.set_prevent_scroll(true);
        let _ = HtmlElement::focus_with_options(&page, &options);
    }
}
