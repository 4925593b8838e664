//! How long a request may take.

use std::time::Duration;

use axum::http::StatusCode;
use tower_http::timeout::TimeoutLayer;

/// What any request may take. What waits for a database, a body or a password gives up before, and says more.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// What a request to an API may take: a little less, so that the answer has all that a problem has.
pub(crate) const API_TIMEOUT: Duration = Duration::from_secs(29);

/// Answers with 503 in time for the layers around it to say so in the form of their routes.
pub(crate) fn api_timeout() -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, API_TIMEOUT)
}
