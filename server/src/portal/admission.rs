//! Admission control for pages: as for the APIs, with a page as the refusal.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use latchkey_app::portal::Portal;
use latchkey_app::{cookies, pages};
use latchkey_service::Origin;

use crate::http::admission::{Admission, admit};

/// Lets a request go on when there is a permit for it.
pub(super) async fn layer(
    State((admission, portal)): State<(Arc<Admission>, Portal)>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&admission, &mut request).await {
        Ok(permit) => permit.held_by(next.run(request).await),
        Err(error) => {
            let request_id = request.extensions().get::<Origin>().map_or("", Origin::request_id);
            pages::error_response(&portal, cookies::theme(request.headers()), request_id, &error)
        }
    }
}
