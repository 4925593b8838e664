//! An invitation's link: somebody without an account makes one, and is a member.

use axum::{
    Extension, Form,
    extract::{Query, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use latchkey_service::{BrowserSession, Error, Invitation};
use leptos::{either::Either, prelude::*};

use super::{failure, session};
use crate::{
    components::{ErrorSummary, NewAccount, Plain, Problems},
    cookies,
    fields::Fields,
    page_request::no_store,
    portal::{Portal, Visitor},
    render,
};

const LABELS: &[(&str, &str)] = &[("email", "The email"), ("password", "Password")];

/// `GET /join?link=…`
pub(crate) async fn show(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Query(fields): Query<Fields>,
) -> Response {
    answer(&portal, &visitor, &fields, Problems::default()).await
}

/// `POST /join`
pub(crate) async fn submit(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Extension(browser_session): Extension<BrowserSession>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let browser = cookies::browser(&portal.site, &headers, &browser_session);
    match portal.service.join(&visitor.origin, browser, fields.text("link"), fields.raw("password")).await {
        Ok(signed_in) => session::enter(&portal, &visitor, &browser_session, &signed_in, "/").await,
        Err(Error::Invalid(problems)) => answer(&portal, &visitor, &fields, problems.into()).await,
        Err(Error::Conflict(problem)) => answer(&portal, &visitor, &fields, vec![problem].into()).await,
        Err(Error::NotFound(_)) => answer(&portal, &visitor, &fields, Problems::default()).await,
        Err(error) => failure::plain(&portal, visitor.theme, visitor.origin.request_id(), &error),
    }
}

async fn answer(portal: &Portal, visitor: &Visitor, fields: &Fields, problems: Problems) -> Response {
    match portal.service.invitation_of_link(fields.text("link")).await {
        Ok(invitation) => page(portal, visitor, fields, invitation, problems),
        Err(error) => failure::plain(portal, visitor.theme, visitor.origin.request_id(), &error),
    }
}

fn page(
    portal: &Portal,
    visitor: &Visitor,
    fields: &Fields,
    invitation: Option<Invitation>,
    problems: Problems,
) -> Response {
    let status = match (&invitation, problems.is_empty()) {
        (None, _) => StatusCode::NOT_FOUND,
        (Some(_), true) => StatusCode::OK,
        (Some(_), false) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let link = fields.text("link").to_owned();
    let site = portal.site.clone();
    let mut response = render::page(|| {
        view! {
            <Plain site theme=visitor.theme title="Join an organization">
                {match invitation {
                    Some(invitation) => Either::Left(view! { <Account link invitation problems /> }),
                    None => Either::Right(view! { <Gone /> }),
                }}
            </Plain>
        }
    });
    *response.status_mut() = status;
    no_store(response)
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
fn Gone() -> impl IntoView {
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
