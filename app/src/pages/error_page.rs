//! Pages that say what went wrong, and what to do now.

use axum::{
    extract::{FromRequestParts, Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use latchkey_service::{AuthorizationError, Error};
use leptos::prelude::*;

use super::session;
use crate::{
    components::{Frame, SignedOutFrame, sentence},
    page::{Page, PageContext, PageError, no_store},
    page_request::{PageRequest, visitor},
    paths,
    portal::{Portal, Theme, Visitor},
    submission::{PackedForm, PreservedForm},
};

/// What a reader is told about an error.
struct Explanation {
    status: StatusCode,
    title: &'static str,
    text: String,
    /// Seconds until another try makes sense.
    retry_after: Option<u64>,
}

fn explain(error: &Error, request_id: &str) -> Explanation {
    let (status, title, text) = match error {
        Error::Unauthenticated(_) => (
            StatusCode::UNAUTHORIZED,
            "You are signed out",
            "Your session has ended. Sign in again to go on.".to_owned(),
        ),
        Error::Forbidden(error) => (StatusCode::FORBIDDEN, "You can't do this", forbidden(error)),
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
        Error::Precondition(error) => (StatusCode::CONFLICT, "This can't be done now", sentence(&error.to_string())),
        Error::TooManyAttempts { retry_after } => {
            (StatusCode::TOO_MANY_REQUESTS, "Too many attempts", try_again_in(*retry_after))
        }
        Error::TooManyAtOnce { retry_after, .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "Too much at once", try_again_in(*retry_after))
        }
        Error::Busy { retry_after } => {
            (StatusCode::SERVICE_UNAVAILABLE, "Too many people at once", try_again_in(*retry_after))
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
    Explanation { status, title, text, retry_after: error.retry_after() }
}

/// What is missing, and who can help.
fn forbidden(error: &AuthorizationError) -> String {
    match error {
        AuthorizationError::MissingRole(role) => {
            ["This needs the role ", *role, " in the organization. Ask one of its owners for it."].concat()
        }
        other => sentence(&other.to_string()),
    }
}

/// "Try again in 2 minutes."
pub(crate) fn try_again_in(seconds: u64) -> String {
    let wait = if seconds < 60 {
        latchkey_domain::words::count_of(seconds.max(1), "second")
    } else {
        latchkey_domain::words::count_of(seconds.div_ceil(60), "minute")
    };
    ["Try again in ", &wait, "."].concat()
}

/// The page in place of the one that could not be made.
pub(crate) async fn page(
    portal: &Portal,
    visitor: &Visitor,
    path: &str,
    context: &PageContext,
    error: &PageError,
) -> Page {
    match (error, context.request()) {
        (PageError::SignInRequired, _) | (PageError::UseCase(Error::Unauthenticated(_)), Some(_)) => {
            sign_in_first(portal, visitor, path, context.form()).await
        }
        (PageError::SignInFailed(failure), _) => match context.form().and_then(PreservedForm::pack) {
            Some(form) => session::form_before(portal, visitor, form, Some(failure)),
            None => sign_in_first(portal, visitor, path, None).await,
        },
        (PageError::UnreadableForm(status), _) => plain_page(portal, visitor.theme, &unreadable(*status, path)),
        (PageError::UseCase(error), Some(request)) => framed(request, error, context.form()).await,
        (PageError::UseCase(error), None) => plain(portal, visitor.theme, visitor.origin.request_id(), error),
    }
}

/// Asks whoever is not signed in to do so, and has them come back to the page or to the form that they have sent.
async fn sign_in_first(portal: &Portal, visitor: &Visitor, path: &str, form: Option<&PreservedForm>) -> Page {
    match (portal.service.setup().is_pending().await, form.and_then(PreservedForm::pack)) {
        (Ok(true), _) => Page::redirect("/setup"),
        (Ok(false), Some(form)) => session::form_before(portal, visitor, form, None),
        (Ok(false), None) => Page::redirect(&["/login?next=", &paths::encode(path)].concat()),
        (Err(error), _) => plain(portal, visitor.theme, visitor.origin.request_id(), &error),
    }
}

/// The error's page for somebody who is signed in; `form` is the one that they have sent.
async fn framed(request: &PageRequest, error: &Error, form: Option<&PreservedForm>) -> Page {
    let request_id = request.caller.origin.request_id();
    log(error, request_id);
    let explanation = explain(error, request_id);
    let is_in_vain = matches!(error, Error::NotFound(_) | Error::Forbidden(_));
    // The switcher is the way on from a wrong address; when the database is away, the page does without.
    let organizations =
        if is_in_vain { request.portal.service.organizations().names(&request.caller).await } else { Ok(Vec::new()) };
    let layout = request.layout_with(None, organizations.unwrap_or_default());
    // Where nothing is, or nothing may be done, a form is of no use.
    let form = form.filter(|_| !is_in_vain).and_then(PreservedForm::pack);
    let page = Page::render(|| {
        let text = text(&explanation);
        let back = form.map(back_to_form);
        view! {
            <Frame layout title=explanation.title>
                <div class="failure">
                    {text}
                    <div class="row">
                        {back}
                        <a class="button" href="/">
                            "Go to API tokens"
                        </a>
                    </div>
                </div>
            </Frame>
        }
    });
    page.with_status(explanation.status).with_retry_after(explanation.retry_after)
}

fn back_to_form(form: PackedForm) -> impl IntoView + use<> {
    view! {
        <form method="post" action=form.path>
            <input type="hidden" name=PackedForm::FIELD value=form.value />
            <button class="button primary" data-busy="Loading…">
                "Back to the form"
            </button>
        </form>
    }
}

fn unreadable(status: StatusCode, path: &str) -> Explanation {
    let path = path.split('?').next().unwrap_or_default();
    let (title, text) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => (
            "This form is too large",
            format!("A form takes up to {} KiB. Go back, and shorten what you typed.", super::form_max(path) / 1024),
        ),
        _ => ("This form can't be read", "Nothing was changed. Go back, reload the page, and try again.".to_owned()),
    };
    Explanation { status, title, text, retry_after: None }
}

/// What is said about an error beside a form, and its status.
pub(crate) fn message(error: &Error, request_id: &str) -> (StatusCode, String) {
    log(error, request_id);
    let explanation = explain(error, request_id);
    (explanation.status, explanation.text)
}

/// The error's page for anybody.
fn plain(portal: &Portal, theme: Option<Theme>, request_id: &str, error: &Error) -> Page {
    log(error, request_id);
    plain_page(portal, theme, &explain(error, request_id))
}

/// [`plain`], for layers around the pages.
pub fn response(portal: &Portal, theme: Option<Theme>, request_id: &str, error: &Error) -> Response {
    no_store(plain(portal, theme, request_id, error).into_response())
}

fn plain_page(portal: &Portal, theme: Option<Theme>, explanation: &Explanation) -> Page {
    let page = Page::render(|| {
        let text = text(explanation);
        view! {
            <SignedOutFrame site=portal.site.clone() theme title=explanation.title>
                <div class="failure">
                    {text}
                    <a class="button" href="/">
                        "Go to the start page"
                    </a>
                </div>
            </SignedOutFrame>
        }
    });
    page.with_status(explanation.status).with_retry_after(explanation.retry_after)
}

/// Answers every path that has no page.
pub(crate) async fn not_found(State(portal): State<Portal>, request: Request) -> PageError {
    let (mut parts, _) = request.into_parts();
    // Whoever is signed in gets the frame; who it is does not matter to the answer.
    if visitor(&parts).person.is_some() {
        let _ = PageRequest::from_request_parts(&mut parts, &portal).await;
    }
    Error::NotFound("page").into()
}

fn text(explanation: &Explanation) -> impl IntoView + use<> {
    let (status, title, text) = (explanation.status.as_u16().to_string(), explanation.title, explanation.text.clone());
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
        assert_eq!(try_again_in(0), "Try again in 1 second.");
        assert_eq!(try_again_in(45), "Try again in 45 seconds.");
        assert_eq!(try_again_in(61), "Try again in 2 minutes.");
    }

    #[test]
    fn each_error_has_its_status_and_a_way_on() {
        let status = |error: &Error| explain(error, "r1").status.as_u16();
        assert_eq!(status(&Error::NotFound("token")), 404);
        assert_eq!(status(&AuthorizationError::MissingRole("admin").into()), 403);
        assert_eq!(explain(&Error::Unavailable, "r1").retry_after, Some(5));
        assert_eq!(status(&Error::TooManyAttempts { retry_after: 9 }), 429);
        let busy = explain(&Error::Busy { retry_after: 2 }, "r1");
        assert_eq!((busy.status.as_u16(), busy.retry_after), (503, Some(2)));
        assert!(explain(&AuthorizationError::MissingRole("admin").into(), "r1").text.contains("the role admin"));
    }
}
