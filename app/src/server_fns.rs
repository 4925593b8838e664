//! Where the browser's islands call the server: the functions stand beside the pages that call them, this mounts them.

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::{HeaderValue, StatusCode, header};
use latchkey_service::{Caller, Error, FieldError, Principal};
use leptos::{prelude::*, server_fn::axum::register_explicit};

use crate::{
    answers::{Code, Failure, Problem},
    components::sentence,
    pages,
    portal::{Portal, Visitor},
};

/// Server functions, by POST only: nothing changes on GET.
pub fn routes() -> Router<Portal> {
    // They register themselves as well, unless a linker takes their registration for dead code.
    register_explicit::<pages::new_token::CreateToken>();
    register_explicit::<pages::new_token::SearchRepositories>();
    Router::new().route("/_fn/{*name}", post(call))
}

async fn call(State(portal): State<Portal>, request: Request) -> Response {
    let visitor = request.extensions().get::<Visitor>().cloned();
    let context = move || {
        provide_context(portal.clone());
        if let Some(visitor) = visitor.clone() {
            provide_context(visitor);
        }
    };
    let mut response = leptos_axum::handle_server_fns_with_context(context, request).await.into_response();
    // What Leptos says to that is for developers.
    if response.status() == StatusCode::BAD_REQUEST {
        response = StatusCode::NOT_FOUND.into_response();
    }
    // The secret of a new token is among the answers: no cache may keep it, and no compression may weigh it (BREACH).
    let no_store = HeaderValue::from_static("no-store, no-transform");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

/// The service, and whoever calls it in the function that is running.
pub(crate) fn caller() -> Result<(Portal, Caller), Failure> {
    let portal = use_context::<Portal>().ok_or_else(|| Failure::new(Code::Unavailable))?;
    let visitor = use_context::<Visitor>().ok_or_else(|| Failure::new(Code::SignedOut))?;
    let person = visitor.person.ok_or_else(|| Failure::new(Code::SignedOut))?;
    Ok((portal, Caller { principal: Principal::Session(person), origin: visitor.origin }))
}

/// What the browser is told about an error; the rest is for the log.
pub(crate) fn failure(caller: &Caller, error: &Error) -> Failure {
    match error {
        Error::Unauthenticated(_) => Failure::new(Code::SignedOut),
        Error::Forbidden(_) => Failure::new(Code::Forbidden),
        Error::NotFound(_) => Failure::new(Code::NotFound),
        Error::Invalid(problems) => Failure::invalid(problems.iter().map(problem).collect()),
        Error::Conflict(error) => Failure::invalid(vec![problem(error)]),
        Error::AlreadyCreated(token) => {
            Failure { token: Some(token.to_string()), ..Failure::new(Code::AlreadyCreated) }
        }
        // Only requests of the API ask for what can clash.
        Error::Clash(_)
        | Error::Ambiguous(_)
        | Error::TooManyAttempts { .. }
        | Error::Busy { .. }
        | Error::Unavailable
        | Error::NoncesUnavailable => Failure::new(Code::Unavailable),
        Error::Internal(source) => {
            tracing::error!(request_id = caller.origin.request_id(), error = %source, "a server function failed");
            Failure::new(Code::Unavailable)
        }
    }
}

/// A field of the API as the form calls it, and what is wrong with it in a sentence that stands alone.
pub(crate) fn problem(error: &FieldError) -> Problem {
    let (field, subject) = match error.field {
        "name" => ("name", "The name "),
        "description" => ("description", "The description "),
        "expires" => ("expires", "The expiration "),
        "allowedNetworks" => ("networks", "Allowed networks "),
        "apiTokenMaxDaysInactive" => return Problem::new("days", "Choose between 1 and 365 days"),
        other => (other, ""),
    };
    let completes = ["must ", "is ", "has "].iter().any(|start| error.message.starts_with(start));
    let said = if completes { [subject, &error.message].concat() } else { error.message.clone() };
    Problem::new(field, sentence(&said).trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_sentences_for_the_form() {
        let said = |field, message: &str| problem(&FieldError { field, message: message.into() });
        assert_eq!(
            said("name", "is taken by another token"),
            Problem::new("name", "The name is taken by another token")
        );
        assert_eq!(said("allowedNetworks", "at most 50 networks"), Problem::new("networks", "At most 50 networks"));
        let threshold = said("apiTokenMaxDaysInactive", "api_token_max_days_inactive must be between 0 and 365");
        assert_eq!(threshold, Problem::new("days", "Choose between 1 and 365 days"));
    }
}
