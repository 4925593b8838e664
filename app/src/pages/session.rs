//! Signing in and out.

use axum::{Extension, extract::State};
use axum_extra::extract::CookieJar;
use http::{HeaderMap, StatusCode};
use latchkey_service::{Browser, BrowserSession, Error, SignedIn};
use leptos::prelude::*;

use super::error_page;
use crate::{
    components::{ErrorSummary, Problems, SignedOutFrame, TextField},
    cookies,
    fields::Fields,
    page::{Page, PageError},
    paths,
    portal::{Portal, Visitor},
    submission::PackedForm,
};

/// Why somebody is not signed in, for the form that they are asked with again.
#[derive(Clone, Debug)]
pub(crate) struct SignInFailure {
    status: StatusCode,
    message: String,
    /// Seconds until another try makes sense.
    retry_after: Option<u64>,
    /// What they typed.
    email: String,
}

/// `GET /login`.
pub(crate) async fn show(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Page, PageError> {
    if visitor.person.is_some() {
        return Ok(Page::redirect(next(&fields)));
    }
    Ok(match portal.service.setup().is_pending().await? {
        true => Page::redirect("/setup"),
        false => form(&portal, &visitor, Target::Next(next(&fields)), fields.text("email"), None),
    })
}

/// `POST /login`.
pub(crate) async fn sign_in(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Extension(session): Extension<BrowserSession>,
    headers: HeaderMap,
    jar: CookieJar,
    fields: Fields,
) -> Result<Page, PageError> {
    let browser = cookies::browser(&portal.site, &headers, &session);
    match attempt(&portal, &visitor, browser, &fields).await {
        Ok(signed_in) => begin(&portal, &session, jar, &signed_in, next(&fields)).await,
        Err(failure) => Ok(form(&portal, &visitor, Target::Next(next(&fields)), &failure.email, Some(&failure))),
    }
}

/// Signs somebody in with the email and password of a form.
pub(crate) async fn attempt(
    portal: &Portal,
    visitor: &Visitor,
    browser: Browser<'_>,
    fields: &Fields,
) -> Result<SignedIn, SignInFailure> {
    let failure = |status: StatusCode, message: String, retry_after: Option<u64>| SignInFailure {
        status,
        message,
        retry_after,
        email: fields.text("email").to_owned(),
    };
    let retry = |status: StatusCode, message: &str, retry_after: u64| {
        failure(status, [message, &error_page::try_again_in(retry_after)].concat(), Some(retry_after))
    };
    let signed_in =
        portal.service.sessions().sign_in(&visitor.origin, browser, fields.text("email"), fields.raw("password")).await;
    signed_in.map_err(|error| match error {
        // One message for an unknown email, a wrong password and no password: nobody learns who has an account.
        Error::Unauthenticated(_) | Error::Invalid(_) | Error::NotFound(_) => failure(
            StatusCode::UNPROCESSABLE_ENTITY,
            "This email and password don't match. Check both and try again".to_owned(),
            None,
        ),
        Error::TooManyAttempts { retry_after } => {
            retry(StatusCode::TOO_MANY_REQUESTS, "Too many attempts. ", retry_after)
        }
        Error::Busy { retry_after } => {
            retry(StatusCode::SERVICE_UNAVAILABLE, "Too many people sign in at this moment. ", retry_after)
        }
        error => {
            let (status, message) = error_page::message(&error, visitor.origin.request_id());
            failure(status, message, error.retry_after())
        }
    })
}

/// `POST /logout`.
pub(crate) async fn sign_out(Extension(session): Extension<BrowserSession>) -> Result<Page, PageError> {
    session.end().await?;
    Ok(Page::redirect("/login"))
}

/// Sends somebody who has just signed in on their way, with a new session.
pub(super) async fn begin(
    portal: &Portal,
    session: &BrowserSession,
    jar: CookieJar,
    signed_in: &SignedIn,
    next: &str,
) -> Result<Page, PageError> {
    session.replace(signed_in.session).await?;
    Ok(Page::redirect(next).with_cookies(cookies::set_device(&portal.site, jar, signed_in)))
}

fn next(fields: &Fields) -> &str {
    paths::local(fields.text("next")).unwrap_or("/")
}

/// Where the sign-in form leads.
enum Target<'a> {
    /// To a page, after `POST /login`.
    Next(&'a str),
    /// To the address of a form that was sent before, which goes there again.
    Form(PackedForm),
}

/// The sign-in page, in answer to a form that was sent after the session had ended.
pub(crate) fn form_before(
    portal: &Portal,
    visitor: &Visitor,
    sent: PackedForm,
    failure: Option<&SignInFailure>,
) -> Page {
    let email = failure.map_or("", |failure| &failure.email);
    let page = form(portal, visitor, Target::Form(sent), email, failure);
    if failure.is_none() { page.with_status(StatusCode::UNAUTHORIZED) } else { page }
}

/// After a wrong password, the email stays and the password is asked for again.
fn form(portal: &Portal, visitor: &Visitor, target: Target<'_>, email: &str, failure: Option<&SignInFailure>) -> Page {
    let problems = Problems::new(failure.map(|failure| ("", failure.message.clone())));
    let (email, autofocus) = (email.to_owned(), failure.is_none());
    let ended = matches!(target, Target::Form(_)).then(
        || view! { <p class="lead">"Your session has ended. Sign in to have your form back as you left it."</p> },
    );
    let (action, name, value) = match target {
        Target::Next(next) => ("/login".to_owned(), "next", next.to_owned()),
        Target::Form(sent) => (sent.path, PackedForm::FIELD, sent.value),
    };
    let page = Page::render(|| {
        view! {
            <SignedOutFrame site=portal.site.clone() theme=visitor.theme title="Sign in">
                <h1>"Sign in"</h1>
                {ended}
                <ErrorSummary problems labels=&[] />
                <form class="stack" method="post" action=action>
                    <input type="hidden" name=name value=value />
                    <TextField
                        name="email"
                        label="Email"
                        kind="email"
                        value=email
                        autocomplete="username"
                        required=true
                        autofocus
                        verbatim=true
                    />
                    <TextField
                        name="password"
                        label="Password"
                        kind="password"
                        autocomplete="current-password"
                        required=true
                    />
                    <button class="button primary wide" data-busy="Signing in…">
                        "Sign in"
                    </button>
                </form>
            </SignedOutFrame>
        }
    });
    match failure {
        Some(failure) => page.with_status(failure.status).with_retry_after(failure.retry_after),
        None => page,
    }
}
