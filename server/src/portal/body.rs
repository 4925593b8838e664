//! Forms are read before the session is looked up, so that a session that ends meanwhile submits none.

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use latchkey_app::portal::Portal;
use latchkey_app::{cookies, pages};
use latchkey_service::Origin;

use crate::http::body::{BodyError, read_prefix};
use crate::http::problem::Problem;

/// Reads the body of a form before the layers and handlers below run. A body that is too large is truncated to one byte
/// more than the limit, so that the handler refuses it with a page.
pub(super) async fn layer(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    if HttpBody::is_end_stream(request.body()) {
        return next.run(request).await;
    }
    let theme = cookies::theme(request.headers());
    let id = request.extensions().get::<Origin>().map(|origin| origin.request_id().to_owned());
    let max = pages::form_max(request.uri().path());
    match read_prefix(request, max + 1).await {
        Ok((parts, bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(BodyError::OverBudget(error)) => pages::error_response(&portal, theme, &id.unwrap_or_default(), &error),
        Err(unread) => {
            let problem = Problem::from(unread);
            (problem.status(), problem.detail().to_owned()).into_response()
        }
    }
}
