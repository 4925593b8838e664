//! Pages that say what went wrong, and what to do now.

use axum::{
    extract::{FromRequestParts, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header};
use latchkey_service::{AuthorizationError, Error};
use leptos::prelude::*;

use crate::{
    components::{Frame, Plain, Section, sentence},
    page_request::{PageRequest, no_store, visitor},
    paths,
    portal::{Portal, Theme, Visitor},
    render,
    submission::Kept,
};

/// What a reader is told about an error.
struct Told {
    status: StatusCode,
    title: &'static str,
    text: String,
    /// Seconds until another try makes sense.
    retry_after: Option<u64>,
}

fn told(error: &Error, request_id: &str) -> Told {
    let (status, title, text) = match error {
        Error::Unauthenticated(_) => (
            StatusCode::UNAUTHORIZED,
            "You are signed out",
            "Your session has ended. Sign in again to go on.".to_owned(),
        ),
        Error::Forbidden(denial) => (StatusCode::FORBIDDEN, "You can't do this", denied(denial)),
        Error::NotFound(what) => (
            StatusCode::NOT_FOUND,
            "Nothing here",
            ["There is no such ", *what, ", or you don't have access to it. Check the address."].concat(),
        ),
        Error::Invalid(problems) => {
            let problems: Vec<_> = problems.iter().map(|problem| sentence(&problem.message)).collect();
            (StatusCode::UNPROCESSABLE_ENTITY, "This can't be used", problems.join(" "))
        }
        Error::Ambiguous(_) => (StatusCode::BAD_REQUEST, "This can be read in two ways", sentence(&error.to_string())),
        Error::Conflict(problem) => (StatusCode::CONFLICT, "This can't be used", sentence(&problem.message)),
        Error::AlreadyCreated(_) => (
            StatusCode::CONFLICT,
            "The token exists already",
            "This form was sent before and has created its token; the secret was shown then.".to_owned(),
        ),
        Error::Precondition(clash) => (StatusCode::CONFLICT, "This can't be done now", sentence(&clash.to_string())),
        Error::TooManyAttempts { retry_after } => {
            (StatusCode::TOO_MANY_REQUESTS, "Too many attempts", again_in(*retry_after))
        }
        Error::TooManyAtOnce { retry_after, .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "Too much at once", again_in(*retry_after))
        }
        Error::Busy { retry_after } => {
            (StatusCode::SERVICE_UNAVAILABLE, "Too many people at once", again_in(*retry_after))
        }
        Error::TooManyTokens { .. } => {
            (StatusCode::CONFLICT, "There are too many tokens", sentence(&error.to_string()))
        }
        Error::Unavailable | Error::NoncesUnavailable | Error::NoncesLost { .. } | Error::GivenUp => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Back in a moment",
            "The database does not answer right now, or can't be written. Reload the page in a few seconds; if you have changed something, see whether it was done.".to_owned(),
        ),
        Error::Internal(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong on our side",
            [
                "This is not your fault. Try again; if it happens again, give your operator the request id ",
                request_id,
                ".",
            ]
            .concat(),
        ),
    };
    let retry_after = match error {
        Error::TooManyAttempts { retry_after }
        | Error::TooManyAtOnce { retry_after, .. }
        | Error::Busy { retry_after }
        | Error::NoncesLost { retry_after } => Some(*retry_after),
        Error::Unavailable | Error::NoncesUnavailable | Error::GivenUp => Some(5),
        _ => None,
    };
    Told { status, title, text, retry_after }
}

/// What is missing, and who can help.
fn denied(denial: &AuthorizationError) -> String {
    match denial {
        AuthorizationError::MissingRole(role) => {
            ["This needs the role ", *role, " in the organization. Ask one of its owners for it."].concat()
        }
        other => sentence(&other.to_string()),
    }
}

/// "Try again in 2 minutes."
pub(crate) fn again_in(seconds: u64) -> String {
    let wait = if seconds < 60 {
        latchkey_domain::words::count_of(seconds.max(1), "second")
    } else {
        latchkey_domain::words::count_of(seconds.div_ceil(60), "minute")
    };
    ["Try again in ", &wait, "."].concat()
}

impl Told {
    fn dress(&self, mut response: Response) -> Response {
        *response.status_mut() = self.status;
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        no_store(response)
    }
}

/// The error's page for somebody who is signed in; `kept` is the form that they have sent.
pub(crate) async fn framed(visit: &PageRequest, error: &Error, kept: Option<&Kept>) -> Response {
    if matches!(error, Error::Unauthenticated(_)) {
        return Redirect::to(&["/login?next=", &paths::encode(&visit.path)].concat()).into_response();
    }
    let request_id = visit.caller.origin.request_id();
    log(error, request_id);
    let told = told(error, request_id);
    // The switcher is the way on from a wrong address; when the database is away, the page does without.
    let organizations = match error {
        Error::NotFound(_) | Error::Forbidden(_) => visit.portal.service.organizations().names(&visit.caller).await,
        _ => Ok(Vec::new()),
    };
    let here = visit.frame(None, organizations.unwrap_or_default());
    // Where nothing is, or nothing may be done, a form is of no use.
    let kept = kept.filter(|_| !matches!(error, Error::NotFound(_) | Error::Forbidden(_)));
    told.dress(render::page(|| {
        let words = words(&told);
        let back = kept.map(back_to_the_form);
        view! {
            <Frame here title=told.title section=Section::None>
                <div class="failure">
                    {words}
                    <div class="row">
                        {back}
                        <a class="button" href="/">
                            "Go to API tokens"
                        </a>
                    </div>
                </div>
            </Frame>
        }
    }))
}

fn back_to_the_form(kept: &Kept) -> impl IntoView + use<> {
    let (path, packed) = (kept.path.clone(), kept.packed.clone());
    view! {
        <form method="post" action=path>
            <input type="hidden" name=Kept::FIELD value=packed />
            <button class="button primary" data-busy="Loading…">
                "Back to the form"
            </button>
        </form>
    }
}

/// The page for a form that could not even be read.
pub(crate) fn unreadable(portal: &Portal, visitor: &Visitor, status: StatusCode) -> Response {
    let (title, text) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("This form is too large", "A form takes up to 256 KiB. Go back, and shorten what you typed.")
        }
        _ => ("This form can't be read", "Nothing was changed. Go back, reload the page, and try again."),
    };
    plainly(portal, visitor.theme, &Told { status, title, text: text.to_owned(), retry_after: None })
}

/// The error's page for somebody who may be signed in or not.
pub(crate) fn of_visitor(portal: &Portal, visitor: &Visitor, error: &Error) -> Response {
    plain(portal, visitor.theme, visitor.origin.request_id(), error)
}

/// What is said about an error beside a form, and its status.
pub(crate) fn said(error: &Error, request_id: &str) -> (StatusCode, String) {
    log(error, request_id);
    let told = told(error, request_id);
    (told.status, told.text)
}

/// The error's page for anybody.
pub fn plain(portal: &Portal, theme: Option<Theme>, request_id: &str, error: &Error) -> Response {
    log(error, request_id);
    plainly(portal, theme, &told(error, request_id))
}

fn plainly(portal: &Portal, theme: Option<Theme>, told: &Told) -> Response {
    told.dress(render::page(|| {
        let words = words(told);
        view! {
            <Plain site=portal.site.clone() theme title=told.title>
                <div class="failure">
                    {words}
                    <a class="button" href="/">
                        "Go to the start page"
                    </a>
                </div>
            </Plain>
        }
    }))
}

/// Answers every path that is nobody's.
pub async fn not_found(State(portal): State<Portal>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let seen = visitor(&parts);
    if seen.person.is_some()
        && let Ok(visit) = PageRequest::from_request_parts(&mut parts, &portal).await
    {
        return framed(&visit, &Error::NotFound("page"), None).await;
    }
    plain(&portal, seen.theme, seen.origin.request_id(), &Error::NotFound("page"))
}

fn words(told: &Told) -> impl IntoView + use<> {
    let (status, title, text) = (told.status.as_u16().to_string(), told.title, told.text.clone());
    view! {
        <p class="failure-status">{status}</p>
        <h1>{title}</h1>
        <p>{text}</p>
    }
}

fn log(error: &Error, request_id: &str) {
    if let Error::Internal(source) = error {
        tracing::error!(request_id, error = %source, "a page failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_said_in_words() {
        assert_eq!(again_in(0), "Try again in 1 second.");
        assert_eq!(again_in(45), "Try again in 45 seconds.");
        assert_eq!(again_in(61), "Try again in 2 minutes.");
    }

    #[test]
    fn each_error_has_its_status_and_a_way_on() {
        let status = |error: &Error| told(error, "r1").status.as_u16();
        assert_eq!(status(&Error::NotFound("token")), 404);
        assert_eq!(status(&AuthorizationError::MissingRole("admin").into()), 403);
        assert_eq!(told(&Error::Unavailable, "r1").retry_after, Some(5));
        assert_eq!(status(&Error::TooManyAttempts { retry_after: 9 }), 429);
        let busy = told(&Error::Busy { retry_after: 2 }, "r1");
        assert_eq!((busy.status.as_u16(), busy.retry_after), (503, Some(2)));
        assert!(told(&AuthorizationError::MissingRole("admin").into(), "r1").text.contains("the role admin"));
    }
}
