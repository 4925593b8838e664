//! REST: JSON in and out, problem details (RFC 9457) for what goes wrong.

pub(crate) mod audit;
pub(crate) mod auto_revoke;
pub(crate) mod credential;
pub(crate) mod deleted_orgs;
pub(crate) mod etag;
pub(crate) mod invitations;
pub(crate) mod json;
pub(crate) mod login;
pub(crate) mod members;
pub(crate) mod openapi;
pub(crate) mod operations;
pub(crate) mod orgs;
pub(crate) mod problem;
pub(crate) mod projects;
pub(crate) mod repeatable;
pub(crate) mod repos;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod whoami;

use axum::Json;
use axum::http::StatusCode;
use latchkey_api_types as api;

use self::problem::Problem;

/// A page of a list, each item of it converted.
pub(crate) fn page<T, U>(page: latchkey_service::Page<T>, item: impl FnMut(T) -> U) -> Json<api::Page<U>> {
    Json(api::Page { items: page.items.into_iter().map(item).collect(), next_cursor: page.next })
}

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
