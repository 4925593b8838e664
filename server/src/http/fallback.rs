//! The answers of APIs to unknown paths and methods.

use axum::http::StatusCode;

use super::problem::Problem;

pub(crate) async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "There is nothing at this address; see the documentation of the API",
    )
}

pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "This address does not take this method")
}
