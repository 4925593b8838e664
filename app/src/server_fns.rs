//! Where the browser's islands call the server: the functions stand beside the pages that call them, this mounts them.

use axum::{
    Json, Router,
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use latchkey_service::{Caller, Error, FieldError};
use leptos::{
    prelude::*,
    server_fn::axum::{register_explicit, server_fn_paths},
};
use leptos_axum::ResponseOptions;

use crate::{
    answers::{Code, Failure, Problem},
    components::sentence,
    page_request::PageRequest,
    pages,
    portal::{Portal, Visitor},
};

/// Server functions, by POST only: nothing changes on GET.
pub fn routes() -> Router<Portal> {
    register();
    Router::new().route("/_fn/{*name}", post(call))
}

/// They register themselves as well, unless a linker takes their registration for dead code.
fn register() {
    register_explicit::<pages::new_token::CreateToken>();
    register_explicit::<pages::new_token::SearchRepositories>();
    register_explicit::<pages::tokens::ListTokens>();
    register_explicit::<pages::tokens::RevokeTokens>();
    register_explicit::<pages::auto_revoke::PreviewAutoRevoke>();
    register_explicit::<pages::auto_revoke::SetAutoRevoke>();
}

/// The path of every server function, for tests that hold for each of them.
pub fn paths() -> Vec<String> {
    register();
    server_fn_paths().map(|(path, _)| path.to_owned()).collect()
}

/// Calls a function with the JSON that an island sends. A browser without scripts never comes here: forms are sent to
/// their page's own address.
async fn call(State(portal): State<Portal>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = parts.extensions.get::<Visitor>().cloned();
    if !is_json(&parts.headers) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    // Leptos reads without an end.
    let body = match Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(body) => body,
        Err(rejection) => return refuse(rejection.status()),
    };
    // To a browser that asks for HTML, Leptos answers with the way to whatever the `Referer` names.
    parts.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    parts.headers.remove(header::REFERER);
    let context = move || {
        provide_context(portal.clone());
        if let Some(visitor) = visitor.clone() {
            provide_context(visitor);
        }
    };
    let request = Request::from_parts(parts, body.into());
    let response = leptos_axum::handle_server_fns_with_context(context, request).await.into_response();
    match response.status() {
        // What Leptos says to that is for developers.
        StatusCode::BAD_REQUEST => refuse(StatusCode::NOT_FOUND),
        // It calls everything an error of ours, also what can't be read.
        StatusCode::INTERNAL_SERVER_ERROR => match failure_in(response).await {
            Code::Malformed => refuse(StatusCode::UNPROCESSABLE_ENTITY),
            _ => refuse(StatusCode::INTERNAL_SERVER_ERROR),
        },
        _ => no_store(response),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// What an error of Leptos is about.
async fn failure_in(response: Response) -> Code {
    let body = to_bytes(response.into_body(), 10_000).await.unwrap_or_default();
    serde_json::from_slice(&body).map_or(Code::Unavailable, |failure: Failure| failure.code)
}

/// An answer that the islands can read, whatever its status.
fn refuse(status: StatusCode) -> Response {
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        status if status.is_client_error() => Code::Malformed,
        _ => Code::Unavailable,
    };
    no_store((status, Json(Failure::new(code))).into_response())
}

/// The secret of a new token is among the answers: no cache may keep it, and no compression may weigh it (BREACH).
fn no_store(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store, no-transform");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

/// The request of the function that is running, of somebody who is signed in.
pub(crate) fn request() -> Result<PageRequest, Failure> {
    let portal = use_context::<Portal>().ok_or_else(|| Failure::new(Code::Unavailable))?;
    let mut visitor = use_context::<Visitor>().ok_or_else(|| Failure::new(Code::SignedOut))?;
    let person = visitor.person.take().ok_or_else(|| Failure::new(Code::SignedOut))?;
    Ok(PageRequest::new(&portal, person, visitor, String::new()))
}

/// What the browser is told about an error; the rest is for the log.
pub(crate) fn failure(caller: &Caller, error: &Error) -> Failure {
    let failure = failure_of(caller, error);
    if failure.code == Code::Unavailable
        && let Some(response) = use_context::<ResponseOptions>()
    {
        // What is no refusal has the status of one that proxies and alerts look at.
        response.set_status(StatusCode::SERVICE_UNAVAILABLE);
        let seconds = error.retry_after().unwrap_or(1);
        response.insert_header(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    failure
}

fn failure_of(caller: &Caller, error: &Error) -> Failure {
    match error {
        Error::Unauthenticated(_) => Failure::new(Code::SignedOut),
        Error::Forbidden(_) => Failure::new(Code::Forbidden),
        Error::NotFound(_) => Failure::new(Code::NotFound),
        Error::Invalid(problems) => Failure::invalid(problems.iter().map(problem).collect()),
        Error::Conflict(error) => Failure::invalid(vec![problem(error)]),
        Error::TooManyTokens { .. } => Failure::invalid(vec![Problem::new("name", &sentence(&error.to_string()))]),
        Error::AlreadyCreated(token) => {
            Failure { token: Some(token.to_string()), ..Failure::new(Code::AlreadyCreated) }
        }
        // Only requests of the API ask for what can clash.
        Error::Precondition(_)
        | Error::Ambiguous(_)
        | Error::TooManyAttempts { .. }
        | Error::TooManyAtOnce { .. }
        | Error::Busy { .. }
        | Error::Unavailable
        | Error::GivenUp
        | Error::NoncesUnavailable
        | Error::NoncesLost { .. } => Failure::new(Code::Unavailable),
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
