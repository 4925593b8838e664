//! The first start: one link from the log, used once, makes the instance admin.

use axum::{Extension, extract::State};
use axum_extra::extract::CookieJar;
use http::{HeaderMap, StatusCode};
use latchkey_service::{AuthenticationError, BrowserSession, Error};
use leptos::{either::Either, prelude::*};

use super::session;
use crate::{
    components::{ErrorSummary, NewAccount, Problems, SignedOutFrame, TextField},
    cookies,
    fields::Fields,
    page::{Page, PageError},
    portal::{Portal, Visitor},
};

const LABELS: &[(&str, &str)] = &[("email", "Email"), ("password", "Password")];

/// `GET /setup?link=…`
pub(crate) async fn show(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Page, PageError> {
    Ok(match check_link(&portal, &fields).await? {
        Some(valid) => page(&portal, &visitor, &fields, valid, Problems::default()),
        None => Page::redirect("/login"),
    })
}

/// `POST /setup`
pub(crate) async fn submit(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Extension(browser_session): Extension<BrowserSession>,
    headers: HeaderMap,
    jar: CookieJar,
    fields: Fields,
) -> Result<Page, PageError> {
    let (origin, browser) = (&visitor.origin, cookies::browser(&portal.site, &headers, &browser_session));
    let (link, email, password) = (fields.text("link"), fields.text("email"), fields.raw("password"));
    Ok(match portal.service.setup().complete(origin, browser, link, email, password).await {
        Ok(signed_in) => session::begin(&portal, &browser_session, jar, &signed_in, "/").await?,
        Err(Error::Invalid(problems)) => page(&portal, &visitor, &fields, true, problems.into()),
        Err(Error::Conflict(problem)) => page(&portal, &visitor, &fields, true, vec![problem].into()),
        Err(Error::Unauthenticated(AuthenticationError::Password)) => Page::redirect("/login"),
        Err(Error::Unauthenticated(_) | Error::NotFound(_)) => match check_link(&portal, &fields).await {
            Ok(Some(_)) => page(&portal, &visitor, &fields, false, Problems::default()),
            _ => Page::redirect("/login"),
        },
        Err(error) => return Err(error.into()),
    })
}

/// Whether the link is the current one; `None` when the set-up was done before.
async fn check_link(portal: &Portal, fields: &Fields) -> Result<Option<bool>, Error> {
    if !portal.service.setup().is_pending().await? {
        return Ok(None);
    }
    match fields.some("link") {
        Some(link) => portal.service.setup().is_link(link).await.map(Some),
        None => Ok(Some(false)),
    }
}

fn page(portal: &Portal, visitor: &Visitor, fields: &Fields, link_is_valid: bool, problems: Problems) -> Page {
    let has_link = fields.some("link").is_some();
    let status = match (problems.is_empty(), has_link && !link_is_valid) {
        (false, _) => StatusCode::UNPROCESSABLE_ENTITY,
        (true, true) => StatusCode::FORBIDDEN,
        (true, false) => StatusCode::OK,
    };
    let link = fields.text("link").to_owned();
    let email = fields.text("email").to_owned();
    let site = portal.site.clone();
    let example = [site.public_url.as_str(), "/setup?link=lki_…"].concat();
    let page = Page::render(|| {
        view! {
            <SignedOutFrame site theme=visitor.theme title="Set up Latchkey">
                {if link_is_valid {
                    Either::Left(view! { <Account link email problems /> })
                } else {
                    Either::Right(view! { <LinkNeeded has_link example /> })
                }}
            </SignedOutFrame>
        }
    });
    page.with_status(status)
}

#[component]
fn Account(link: String, email: String, problems: Problems) -> impl IntoView {
    let (wrong_email, wrong_password) = (problems.of("email"), problems.of("password"));
    let autofocus = problems.is_empty();
    view! {
        <h1>"Set up Latchkey"</h1>
        <p class="lead">
            "Create the first account. It is the instance admin and owns the organization " <b>"default"</b> "."
        </p>
        <ErrorSummary problems labels=LABELS />
        <form class="stack" method="post" action="/setup">
            <input type="hidden" name="link" value=link />
            <TextField
                name="email"
                label="Email"
                kind="email"
                value=email
                error=wrong_email
                autocomplete="username"
                required=true
                autofocus
                verbatim=true
            />
            <NewAccount error=wrong_password />
        </form>
    }
}

#[component]
fn LinkNeeded(has_link: bool, example: String) -> impl IntoView {
    view! {
        <h1>"Set up Latchkey"</h1>
        {has_link.then(|| view! { <p class="error">"This set-up link is not the current one."</p> })}
        <p class="lead">
            "This instance has no account yet. The server has written a one-time set-up link to its log: open that link in this browser."
        </p>
        <p class="hint">"It looks like this, and changes when the server starts again:"</p>
        <pre class="code">
            <code>{example}</code>
        </pre>
    }
}
