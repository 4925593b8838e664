//! Whose browser this is.

use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use latchkey_app::portal::{Portal, Visitor};
use latchkey_app::{cookies, pages};
use latchkey_service::{BrowserSession, Origin, Principal};

use crate::http::admission;

/// Puts a [`Visitor`] into the request's extensions: the person of the session, if it is live.
pub(super) async fn layer(
    State(portal): State<Portal>,
    Extension(origin): Extension<Origin>,
    Extension(session): Extension<BrowserSession>,
    mut request: Request,
    next: Next,
) -> Response {
    let theme = cookies::theme(request.headers());
    let person = match session.id() {
        // One statement for both, and nothing of it is read for the layer of `tower-sessions`.
        Some(id) => portal.service.sessions().person(id).await,
        None => Ok(None),
    };
    match person {
        Ok(person) => {
            if let Some(person) = &person {
                admission::mark_authenticated(request.extensions(), &Principal::Session(person.clone()));
            }
            request.extensions_mut().insert(Visitor { person, origin, theme });
            next.run(request).await
        }
        Err(error) => pages::error_response(&portal, theme, origin.request_id(), &error),
    }
}
