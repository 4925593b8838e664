//! The page for a request that could not be answered.

use axum::extract::FromRef;
use axum::http::HeaderMap;
use axum::response::Response;
use latchkey_app::portal::{Portal, Theme};
use latchkey_app::{cookies, pages};
use latchkey_service::Error;

use crate::state::ServerState;

/// Shows errors outside of the layers of the pages.
pub(crate) struct FailurePage(Portal);

/// What the page takes from the request.
pub(crate) struct Appearance(Option<Theme>);

impl FailurePage {
    pub(crate) fn new(state: &ServerState) -> Self {
        Self(Portal::from_ref(state))
    }

    /// Read before the request is given away.
    pub(crate) fn appearance(headers: &HeaderMap) -> Appearance {
        Appearance(cookies::theme(headers))
    }

    pub(crate) fn show(&self, Appearance(theme): Appearance, request_id: &str, error: &Error) -> Response {
        pages::error_response(&self.0, theme, request_id, error)
    }
}
