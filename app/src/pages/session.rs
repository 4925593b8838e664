//! Signing in and out.

use axum::{
    Extension, Form,
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use latchkey_service::{Browser, BrowserSession, Error, SignedIn};
use leptos::prelude::*;

use super::failure;
use crate::{
    components::{ErrorSummary, Plain, Problems, TextField},
    cookies,
    fields::Fields,
    page_request::no_store,
    paths,
    portal::{Portal, Visitor},
    render,
    submission::Kept,
};

/// `GET /login`.
pub(crate) async fn show(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Query(fields): Query<Fields>,
) -> Response {
    if visitor.person.is_some() {
        return no_store(Redirect::to(next(&fields)).into_response());
    }
    match portal.service.is_new().await {
        Ok(true) => no_store(Redirect::to("/setup").into_response()),
        Ok(false) => form(&portal, &visitor, &fields, None, Problems::default()),
        Err(error) => failure::plain(&portal, visitor.theme, visitor.origin.request_id(), &error),
    }
}

/// `POST /login`.
pub(crate) async fn sign_in(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Extension(session): Extension<BrowserSession>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let browser = cookies::browser(&portal.site, &headers, &session);
    match attempt(&portal, &visitor, browser, &fields, None).await {
        Ok(signed_in) => enter(&portal, &visitor, &session, &signed_in, next(&fields)).await,
        Err(asked_again) => asked_again,
    }
}

/// Signs somebody in, or asks again. `kept` is the form that they had sent before.
pub(crate) async fn attempt(
    portal: &Portal,
    visitor: &Visitor,
    browser: Browser<'_>,
    fields: &Fields,
    kept: Option<&Kept>,
) -> Result<SignedIn, Response> {
    // One message for an unknown email, a wrong password and no password: nobody learns who has an account.
    let wrong = |message: String| form(portal, visitor, fields, kept, Problems::new([("", message)]));
    let again = |status: StatusCode, said: &str, retry_after: u64| {
        let mut response = wrong([said, &failure::again_in(retry_after)].concat());
        *response.status_mut() = status;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
        response
    };
    let signed_in = portal.service.sign_in(&visitor.origin, browser, fields.text("email"), fields.raw("password"));
    signed_in.await.map_err(|error| match error {
        Error::Unauthenticated(_) | Error::Invalid(_) | Error::NotFound(_) => {
            wrong("This email and password don't match. Check both and try again".to_owned())
        }
        Error::TooManyAttempts { retry_after } => {
            again(StatusCode::TOO_MANY_REQUESTS, "Too many attempts. ", retry_after)
        }
        Error::Busy { retry_after } => {
            again(StatusCode::SERVICE_UNAVAILABLE, "Too many people sign in at this moment. ", retry_after)
        }
        error => {
            let (status, message) = failure::said(&error, visitor.origin.request_id());
            let mut response = wrong(message);
            *response.status_mut() = status;
            response
        }
    })
}

/// The sign-in page in answer to a form that was sent after the session had ended.
pub(crate) fn ask_again(portal: &Portal, visitor: &Visitor, kept: &Kept) -> Response {
    let mut response = form(portal, visitor, &Fields::default(), Some(kept), Problems::default());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response
}

/// `POST /logout`.
pub(crate) async fn sign_out(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Extension(session): Extension<BrowserSession>,
) -> Response {
    match session.end().await {
        Ok(()) => no_store(Redirect::to("/login").into_response()),
        Err(error) => failure::plain(&portal, visitor.theme, visitor.origin.request_id(), &error),
    }
}

/// Sends somebody who has just signed in on their way, with the cookies of the new session.
pub(super) async fn enter(
    portal: &Portal,
    visitor: &Visitor,
    session: &BrowserSession,
    signed_in: &SignedIn,
    next: &str,
) -> Response {
    if let Err(error) = session.replace(signed_in.session).await {
        return failure::plain(portal, visitor.theme, visitor.origin.request_id(), &error);
    }
    let mut response = Redirect::to(next).into_response();
    response.headers_mut().extend(device_cookie(portal, signed_in));
    no_store(response)
}

/// The browser is known from now on.
pub(crate) fn device_cookie(portal: &Portal, signed_in: &SignedIn) -> Option<(HeaderName, HeaderValue)> {
    cookies::set_device(&portal.site, &signed_in.device).map(|cookie| (header::SET_COOKIE, cookie))
}

fn next(fields: &Fields) -> &str {
    paths::local(fields.text("next")).unwrap_or("/")
}

fn form(portal: &Portal, visitor: &Visitor, fields: &Fields, kept: Option<&Kept>, problems: Problems) -> Response {
    let failed = !problems.is_empty();
    let email = fields.text("email").to_owned();
    // A form that was sent before goes back to its own address; everything else goes on from here.
    let (action, name, value) = match kept {
        Some(kept) => (kept.path.clone(), Kept::FIELD, kept.packed.clone()),
        None => ("/login".to_owned(), "next", next(fields).to_owned()),
    };
    let ended = kept.map(
        |_| view! { <p class="lead">"Your session has ended. Sign in to have your form back as you left it."</p> },
    );
    // After a wrong password, the email stays and the password is asked for again.
    let mut response = render::page(|| {
        view! {
            <Plain site=portal.site.clone() theme=visitor.theme title="Sign in">
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
                        autofocus=!failed
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
            </Plain>
        }
    });
    if failed {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    no_store(response)
}
