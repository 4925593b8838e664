//! Pages fetched as documents, to take parts of them over.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Document, DomParser, RequestInit, Response, SupportedType};

/// A page, and the address that redirects led to.
pub(crate) struct Fetched {
    pub(crate) document: Document,
    pub(crate) url: String,
}

/// `None` when the browser should go there itself: no answer, or a page of another layout, or of a newer server with
/// another stylesheet.
pub(crate) async fn fetch(url: &str, request: &RequestInit) -> Option<Fetched> {
    let answer = JsFuture::from(window().fetch_with_str_and_init(url, request)).await.ok()?;
    let answer: Response = answer.dyn_into().ok()?;
    let html = JsFuture::from(answer.text().ok()?).await.ok()?.as_string()?;
    let document = DomParser::new().ok()?.parse_from_string(&html, SupportedType::TextHtml).ok()?;
    (stylesheet(&document)? == stylesheet(&leptos::prelude::document())?)
        .then(|| Fetched { document, url: answer.url() })
}

fn stylesheet(of: &Document) -> Option<String> {
    of.query_selector("link[rel=stylesheet]").ok()??.get_attribute("href")
}
