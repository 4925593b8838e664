//! An invitation's link: somebody without an account makes one, and is a member.

use axum::{Extension, extract::State};
use axum_extra::extract::CookieJar;
use http::{HeaderMap, StatusCode};
use latchkey_service::{BrowserSession, Error, Invitation};
use leptos::{either::Either, prelude::*};

use super::session;
use crate::{
    components::{ErrorSummary, NewAccount, Problems, SignedOutFrame},
    cookies,
    fields::Fields,
    page::{Page, PageError},
    portal::{Portal, Visitor},
};

const LABELS: &[(&str, &str)] = &[("email", "The email"), ("password", "Password")];

/// `GET /join?link=…`
pub(crate) async fn show(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Page, PageError> {
    page(&portal, &visitor, &fields, Problems::default()).await
}

/// `POST /join`
pub(crate) async fn submit(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Extension(browser_session): Extension<BrowserSession>,
    headers: HeaderMap,
    jar: CookieJar,
    fields: Fields,
) -> Result<Page, PageError> {
    let browser = cookies::browser(&portal.site, &headers, &browser_session);
    let joined =
        portal.service.invitations().join(&visitor.origin, browser, fields.text("link"), fields.raw("password")).await;
    match joined {
        Ok(signed_in) => session::begin(&portal, &browser_session, jar, &signed_in, "/").await,
        Err(Error::Invalid(problems)) => page(&portal, &visitor, &fields, problems.into()).await,
        Err(Error::Conflict(problem)) => page(&portal, &visitor, &fields, vec![problem].into()).await,
        Err(Error::NotFound(_)) => page(&portal, &visitor, &fields, Problems::default()).await,
        Err(error) => Err(error.into()),
    }
}

async fn page(portal: &Portal, visitor: &Visitor, fields: &Fields, problems: Problems) -> Result<Page, PageError> {
    let invitation = portal.service.invitations().by_link(fields.text("link")).await?;
    let status = match (&invitation, problems.is_empty()) {
        (None, _) => StatusCode::NOT_FOUND,
        (Some(_), true) => StatusCode::OK,
        (Some(_), false) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let link = fields.text("link").to_owned();
    let site = portal.site.clone();
    let page = Page::render(|| {
        view! {
            <SignedOutFrame site theme=visitor.theme title="Join an organization">
                {match invitation {
                    Some(invitation) => Either::Left(view! { <Account link invitation problems /> }),
                    None => Either::Right(view! { <LinkGone /> }),
                }}
            </SignedOutFrame>
        }
    });
    Ok(page.with_status(status))
}

#[component]
fn Account(link: String, invitation: Invitation, problems: Problems) -> impl IntoView {
    let wrong_password = problems.of("password");
    let email = invitation.email.clone();
    view! {
        <h1>"Join "{invitation.organization_name}</h1>
        <p class="lead">
            {invitation.sender.name} " invites you as " <b>{invitation.role.as_str()}</b>
            ". Choose a password for your account, which has the email " <b>{invitation.email}</b> "."
        </p>
        <ErrorSummary problems labels=LABELS />
        <form class="stack" method="post" action="/join">
            <input type="hidden" name="link" value=link />
            // What password managers keep the password for.
            <input type="email" autocomplete="username" value=email hidden=true readonly=true />
            <NewAccount error=wrong_password />
        </form>
    }
}

#[component]
fn LinkGone() -> impl IntoView {
    view! {
        <h1>"This link does not work any more"</h1>
        <p class="lead">
            "An invitation's link works once, for 7 days. If you have an account, sign in; otherwise ask whoever invited you for a new one."
        </p>
        <p>
            <a class="button" href="/login">
                "Sign in"
            </a>
        </p>
    }
}
