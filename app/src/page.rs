//! What the handlers of pages return, and the layer that completes it.
//!
//! A handler returns `Result<Page, PageError>`. [`complete`] turns an error into its page, with the frame for people who
//! are signed in and with a way back to what was typed, and sees that no cache keeps the answer.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{Html, IntoResponse, IntoResponseParts, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use http::{HeaderValue, StatusCode, header};
use hydration_context::SsrSharedContext;
use latchkey_service::Error;
use leptos::{prelude::*, reactive::owner::Owner};

use crate::{
    page_request::{PageRequest, path_and_query, visitor},
    pages::{error_page, session::SignInFailure},
    portal::Portal,
    shell::set_sprite,
    submission::PreservedForm,
};

/// A rendered page or a redirect, with its status.
#[derive(Debug)]
pub(crate) struct Page(Response);

impl Page {
    /// Renders a view whose data is all there, in one go: status and headers can still be set.
    pub(crate) fn render<V: IntoView>(view: impl FnOnce() -> V) -> Self {
        let owner = Owner::new_root(Some(Arc::new(SsrSharedContext::new_islands())));
        let html = owner.with(|| view().into_view().to_html());
        owner.unset_with_forced_cleanup();
        Self(([(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)], Html(html)).into_response())
    }

    /// Leads to another page with `303 See Other`.
    pub(crate) fn redirect(to: &str) -> Self {
        Self(Redirect::to(to).into_response())
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        *self.0.status_mut() = status;
        self
    }

    /// `seconds` until another try makes sense.
    pub(crate) fn with_retry_after(mut self, seconds: Option<u64>) -> Self {
        if let Some(seconds) = seconds {
            self.0.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        self
    }

    /// Sets and removes cookies.
    pub(crate) fn with_cookies(self, cookies: impl IntoResponseParts) -> Self {
        Self((cookies, self.0).into_response())
    }

    /// Keeps compression away from a page with a secret: the size of the answer would tell guesses of it (BREACH).
    pub(crate) fn uncompressed(mut self) -> Self {
        self.0.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
        self
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        self.0
    }
}

/// Scripts and styles: our own files, nothing inline, and wasm. No frames.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Why there is no page. [`complete`] renders it.
#[derive(Debug)]
pub(crate) enum PageError {
    /// What a use case answered.
    UseCase(Error),
    /// The page is for people who are signed in.
    SignInRequired,
    /// They tried to sign in on the way to the page, and could not.
    SignInFailed(SignInFailure),
    /// The body is no form (`400`, `415`, `422`), or too large (`413`).
    UnreadableForm(StatusCode),
}

impl From<Error> for PageError {
    fn from(error: Error) -> Self {
        Self::UseCase(error)
    }
}

/// Takes an error from its handler to [`complete`].
#[derive(Clone)]
struct Pending(Arc<PageError>);

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(Pending(Arc::new(self)));
        response
    }
}

/// What the extractors of a request have found out, kept for [`complete`].
#[derive(Clone, Default)]
pub(crate) struct PageContext(Arc<Found>);

#[derive(Default)]
struct Found {
    request: OnceLock<PageRequest>,
    form: OnceLock<PreservedForm>,
    cookies: OnceLock<CookieJar>,
}

impl PageContext {
    /// The person that the page is for: an error's page has their navigation.
    pub(crate) fn set_request(&self, request: &PageRequest) {
        let _ = self.0.request.set(request.clone());
    }

    /// What was sent: an error's page leads back to it.
    pub(crate) fn set_form(&self, form: PreservedForm) {
        let _ = self.0.form.set(form);
    }

    /// Of a session that began before the handler ran; set whatever it answers.
    pub(crate) fn set_cookies(&self, cookies: CookieJar) {
        let _ = self.0.cookies.set(cookies);
    }

    pub(crate) fn request(&self) -> Option<&PageRequest> {
        self.0.request.get()
    }

    pub(crate) fn form(&self) -> Option<&PreservedForm> {
        self.0.form.get()
    }
}

/// The layer around all pages.
pub(crate) async fn complete(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    set_sprite(&portal.site);
    let context = PageContext::default();
    let (mut parts, body) = request.into_parts();
    let (visitor, path) = (visitor(&parts), path_and_query(&parts));
    parts.extensions.insert(context.clone());
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(Pending(error)) = response.extensions_mut().remove() {
        response = error_page::page(&portal, &visitor, &path, &context, &error).await.into_response();
    }
    if let Some(cookies) = context.0.cookies.get() {
        response = (cookies.clone(), response).into_response();
    }
    no_store(response)
}

/// Pages show what only their reader may see: no cache keeps them.
pub(crate) fn no_store(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
