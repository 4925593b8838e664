//! Follows the links and forms of the list within the page. Whatever goes wrong, the browser goes there by itself.

use std::cell::{Cell, RefCell};

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{
    Element, Event, FocusOptions, FormData, HtmlAnchorElement, HtmlElement, HtmlFormElement, HtmlInputElement,
    MouseEvent, SubmitEvent, UrlSearchParams,
};

use super::{
    row_menu, select,
    server::{list_tokens, revoke_tokens},
};
use crate::islands::{
    announce,
    dom::{after, closest, first, focus, listen},
    modal, press, times,
};

/// How long typing has to pause before the search runs, in milliseconds.
const SEARCH_DELAY: i32 = 150;

thread_local! {
    static ORGANIZATION: RefCell<String> = const { RefCell::new(String::new()) };
    /// Counts the requests. The answer to an older one is dropped.
    static LATEST: Cell<u32> = const { Cell::new(0) };
    static SEARCH_TIMER: Cell<i32> = const { Cell::new(0) };
    /// The address of what is shown, or about to be since the browser moved.
    static ADDRESS: RefCell<String> = const { RefCell::new(String::new()) };
    /// Id of what had the focus when a question was opened.
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

/// How much of the page is replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Page,
    /// What the search finds. The form stays, with the caret in it.
    Results,
    /// All of it, to be read from its top: another page of the list.
    PageFromTop,
}

pub(super) fn start(organization: String) {
    let Some(main) = first("#main") else { return };
    ORGANIZATION.set(organization);
    listen(&main, "click", clicked);
    listen(&main, "submit", submitted);
    listen(&main, "input", typed);
    listen(&main, "change", changed);
    listen(&window(), "popstate", |_| {
        // A step to another fragment of the same page is the browser's own.
        if let Ok(url) = window().location().href()
            && without_fragment(&ADDRESS.replace(url.clone())) != without_fragment(&url)
        {
            go(url, History::Moved, Part::Page);
        }
    });
    ADDRESS.set(window().location().href().unwrap_or_default());
    select::update();
    row_menu::complete();
    // Somebody may have typed before the scripts came.
    if let Some(field) = first("#q").and_then(|field| field.dyn_into::<HtmlInputElement>().ok())
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
        OPENER.set(summary.id());
    }
    let turned = matches!(link.id().as_str(), "next" | "previous");
    go(link.href(), History::Push, if turned { Part::PageFromTop } else { Part::Page });
}

fn submitted(event: Event) {
    let Some(form) = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok()) else { return };
    if form.has_attribute("data-live") {
        event.prevent_default();
        if let Some(url) = address(&form) {
            go(url, History::Push, if form.id() == "bulk" { Part::Page } else { Part::Results });
        }
    } else if form.method() == "post" && form.closest("dialog").is_ok_and(|dialog| dialog.is_some()) {
        event.prevent_default();
        if !form.has_attribute("data-sent") {
            let _ = form.set_attribute("data-sent", "");
            press(event.dyn_ref::<SubmitEvent>().and_then(SubmitEvent::submitter).as_ref());
            revoke(form);
        }
    }
}

fn typed(event: Event) {
    let Some(form) = live_form(&event) else { return };
    if closest(&event, "input.input").is_some() {
        window().clear_timeout_with_handle(SEARCH_TIMER.get());
        SEARCH_TIMER.set(after(SEARCH_DELAY, move || search(&form, History::Replace)));
    }
}

fn changed(event: Event) {
    if !select::changed(&event)
        && closest(&event, "select").is_some()
        && let Some(form) = live_form(&event)
    {
        search(&form, History::Push);
    }
}

fn live_form(event: &Event) -> Option<HtmlFormElement> {
    closest(event, "form[data-live]")?.dyn_into().ok()
}

fn search(form: &HtmlFormElement, history: History) {
    let current = window().location().href().unwrap_or_default();
    if let Some(url) = address(form).filter(|url| *url != current) {
        go(url, history, Part::Results);
    }
}

/// The address of a GET form, without what is empty or as it is by default.
fn address(form: &HtmlFormElement) -> Option<String> {
    let query = String::from(fields(form)?.to_string());
    let pairs: Vec<_> = query.split('&').filter(|pair| !pair.ends_with('=') && *pair != "status=active").collect();
    Some(with_query(&form.action(), &pairs.join("&")))
}

fn with_query(url: &str, query: &str) -> String {
    if query.is_empty() { url.to_owned() } else { [url, "?", query].concat() }
}

fn fields(form: &HtmlFormElement) -> Option<UrlSearchParams> {
    let data = FormData::new_with_form(form).ok()?;
    UrlSearchParams::new_with_str_sequence_sequence(&data).ok()
}

fn go(url: String, history: History, part: Part) {
    let request = begin();
    spawn_local(async move {
        if show(&url, request, history, part).await.is_none() && LATEST.get() == request {
            let _ = window().location().set_href(&url);
        }
    });
}

/// Revokes the tokens that a question is about, and shows the list after it. The browser sends the form itself if that
/// fails, and shows why: revoking twice is revoking once.
fn revoke(form: HtmlFormElement) {
    spawn_local(async move {
        let Some(query) = fields(&form) else { return };
        let ids = query.get_all("id").iter().filter_map(|id| id.as_string()).collect();
        query.delete("id");
        let Ok(revoked) = revoke_tokens(ORGANIZATION.with_borrow(Clone::clone), ids).await else {
            return drop(form.submit());
        };
        for id in &revoked.ids {
            query.append("revoked", id);
        }
        let list = window().location().pathname().unwrap_or_default();
        // The question is answered: back leads to the list before it.
        go(with_query(&list, &String::from(query.to_string())), History::Replace, Part::Page);
    });
}

/// The number of a new request, which makes those before it stale.
fn begin() -> u32 {
    LATEST.set(LATEST.get().wrapping_add(1));
    if let Some(results) = first("#results") {
        let _ = results.set_attribute("aria-busy", "true");
    }
    LATEST.get()
}

/// `None` when the browser should go there itself, or somebody has asked for something else meanwhile.
async fn show(url: &str, request: u32, history: History, part: Part) -> Option<()> {
    let query = without_fragment(url).split_once('?').map_or("", |(_, query)| query).to_owned();
    let update = list_tokens(ORGANIZATION.with_borrow(Clone::clone), query).await.ok()?;
    let of_this_build = first("link[rel=stylesheet]")?.get_attribute("href")?.contains(&update.build);
    if LATEST.get() != request || !of_this_build {
        return None;
    }
    let focused = document().active_element().map(|focused| focused.id()).unwrap_or_default();
    let ticked = select::ticked();
    let asked = first("dialog:modal").is_some();
    if part == Part::Results {
        let parsed = document().create_element("div").ok()?;
        parsed.set_inner_html(&update.html);
        replace(&parsed, "#results")?;
        replace(&parsed, "#counts");
    } else {
        first("#page")?.set_inner_html(&update.html);
    }
    remember(url, history);
    times::refresh();
    select::tick(&ticked);
    row_menu::complete();
    modal::open();
    if part != Part::Results {
        place_focus(&focused, asked, part == Part::PageFromTop);
    }
    if let Some(news) = first("[data-announce]") {
        announce(&news.text_content().unwrap_or_default());
    }
    Some(())
}

fn replace(parsed: &Element, selector: &str) -> Option<()> {
    let new = parsed.query_selector(selector).ok()??;
    first(selector)?.replace_with_with_node_1(&new).ok()
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}

fn remember(url: &str, history: History) {
    ADDRESS.set(url.to_owned());
    if let Ok(past) = window().history() {
        let _ = match history {
            History::Push => past.push_state_with_url(&JsValue::NULL, "", Some(url)),
            History::Replace => past.replace_state_with_url(&JsValue::NULL, "", Some(url)),
            History::Moved => Ok(()),
        };
    }
}

/// The focus stays where it was, goes back to what opened a question, or to the top of another page.
fn place_focus(focused: &str, asked: bool, from_top: bool) {
    if first("dialog:modal").is_some() {
        return;
    }
    if from_top {
        window().scroll_to_with_x_and_y(0.0, 0.0);
    } else {
        let wanted = if asked { OPENER.take() } else { focused.to_owned() };
        if !wanted.is_empty() && focus(&wanted) {
            return;
        }
    }
    if let Some(page) = first("#page") {
        let options = FocusOptions::new();
        options.set_prevent_scroll(true);
        let _ = HtmlElement::focus_with_options(&page, &options);
    }
}
