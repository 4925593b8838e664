//! The first start: one link from the log, used once, makes the instance admin.

use axum::{
    Extension, Form,
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, StatusCode};
use latchkey_service::{AuthenticationError, BrowserSession, Error};
use leptos::{either::Either, prelude::*};

use super::{failure, session};
use crate::{
    components::{ErrorSummary, NewAccount, Plain, Problems, TextField},
    cookies,
    fields::Fields,
    page_request::no_store,
    portal::{Portal, Visitor},
    render,
};

const LABELS: &[(&str, &str)] = &[("email", "Email"), ("password", "Password")];

/// `GET /setup?link=…`
pub(crate) async fn show(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Query(fields): Query<Fields>,
) -> Response {
    match known(&portal, &fields).await {
        Ok(None) => no_store(Redirect::to("/login").into_response()),
        Ok(Some(right)) => page(&portal, &visitor, &fields, right, Problems::default()),
        Err(error) => failure::plain(&portal, visitor.theme, visitor.origin.request_id(), &error),
    }
}

/// `POST /setup`
pub(crate) async fn submit(
    State(portal): State<Portal>,
    Extension(visitor): Extension<Visitor>,
    Extension(browser_session): Extension<BrowserSession>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let (origin, browser) = (&visitor.origin, cookies::browser(&portal.site, &headers, &browser_session));
    let (link, email, password) = (fields.text("link"), fields.text("email"), fields.raw("password"));
    match portal.service.set_up(origin, browser, link, email, password).await {
        Ok(signed_in) => session::enter(&portal, &visitor, &browser_session, &signed_in, "/").await,
        Err(Error::Invalid(problems)) => page(&portal, &visitor, &fields, true, problems.into()),
        Err(Error::Conflict(problem)) => page(&portal, &visitor, &fields, true, vec![problem].into()),
        Err(Error::Unauthenticated(AuthenticationError::Password)) => no_store(Redirect::to("/login").into_response()),
        Err(Error::Unauthenticated(_) | Error::NotFound(_)) => match known(&portal, &fields).await {
            Ok(Some(_)) => page(&portal, &visitor, &fields, false, Problems::default()),
            _ => no_store(Redirect::to("/login").into_response()),
        },
        Err(error) => failure::plain(&portal, visitor.theme, visitor.origin.request_id(), &error),
    }
}

/// Whether the link is the right one; `None` when the set-up was done before.
async fn known(portal: &Portal, fields: &Fields) -> Result<Option<bool>, Error> {
    if !portal.service.is_new().await? {
        return Ok(None);
    }
    match fields.some("link") {
        Some(link) => portal.service.is_setup_link(link).await.map(Some),
        None => Ok(Some(false)),
    }
}

fn page(portal: &Portal, visitor: &Visitor, fields: &Fields, right: bool, problems: Problems) -> Response {
    let failed = !problems.is_empty();
    let asked = fields.some("link").is_some();
    let link = fields.text("link").to_owned();
    let email = fields.text("email").to_owned();
    let site = portal.site.clone();
    let example = [site.public_url.as_str(), "/setup?link=lki_…"].concat();
    let mut response = render::page(|| {
        view! {
            <Plain site theme=visitor.theme title="Set up Latchkey">
                {if right {
                    Either::Left(view! { <Account link email problems /> })
                } else {
                    Either::Right(view! { <WhereTheLinkIs asked example /> })
                }}
            </Plain>
        }
    });
    if failed {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    } else if asked && !right {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    no_store(response)
}

#[component]
fn Account(link: String, email: String, problems: Problems) -> impl IntoView {
    let (wrong_email, wrong_password) = (problems.of("email"), problems.of("password"));
    let fresh = problems.is_empty();
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
                autofocus=fresh
                verbatim=true
            />
            <NewAccount error=wrong_password />
        </form>
    }
}

#[component]
fn WhereTheLinkIs(asked: bool, example: String) -> impl IntoView {
    view! {
        <h1>"Set up Latchkey"</h1>
        {asked.then(|| view! { <p class="error">"This set-up link is not the current one."</p> })}
        <p class="lead">
            "This instance has no account yet. The server has written a one-time set-up link to its log: open that link in this browser."
        </p>
        <p class="hint">"It looks like this, and changes when the server starts again:"</p>
        <pre class="code">
            <code>{example}</code>
        </pre>
    }
}
