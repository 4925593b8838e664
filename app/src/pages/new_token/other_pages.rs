//! What the form's address shows instead of the form.

use http::StatusCode;
use latchkey_domain::TokenState;
use latchkey_service::{Token, TokenDetail};
use leptos::{either::Either, prelude::*};

use crate::{
    components::{Frame, NavPage, Notice, RelativeTime, Tone},
    page::Page,
    page_request::LayoutContext,
    paths,
};

/// A page of the portal with a heading, text, and ways on.
fn page(layout: LayoutContext, title: &'static str, content: impl FnOnce() -> AnyView + Send + 'static) -> Page {
    Page::render(move || {
        view! {
            <Frame layout title page=NavPage::NewToken>
                <div class="narrow stack">
                    <header class="page-header">
                        <h1>{title}</h1>
                    </header>
                    {content()}
                </div>
            </Frame>
        }
    })
}

/// For viewers.
pub fn role_too_low(layout: LayoutContext, organization: &str) -> Page {
    let (name, list) = (organization.to_owned(), paths::tokens(organization));
    let page = page(layout, "You can't create tokens here", move || {
        view! {
            <p>
                "As a viewer of "<b>{name}</b>
                " you see its tokens, and create none. Ask an admin of the organization to create the token, or to make \
                 you a contributor."
            </p>
            <p class="row"><a class="button" href=list>"Go to API tokens"</a></p>
        }
        .into_any()
    });
    page.with_status(StatusCode::FORBIDDEN)
}

/// For those who may create tokens of projects, where there is none.
pub fn no_project(layout: LayoutContext, organization: &str) -> Page {
    let (name, list) = (organization.to_owned(), paths::tokens(organization));
    page(layout, "No project to create a token for", move || {
        view! {
            <p>
                "Your role in "<b>{name}</b>
                " creates tokens that belong to a project, and there is no project yet. Ask an admin of the organization \
                 to add one, or to create the token for the whole organization."
            </p>
            <p class="row"><a class="button" href=list>"Go to API tokens"</a></p>
        }
        .into_any()
    })
}

/// After a reload of the page that showed the secret.
pub fn created_before(layout: LayoutContext, organization: &str, token: Token) -> Page {
    let now = layout.now;
    let (list, another) = (paths::tokens(organization), paths::new_token(organization));
    let marked = [&list, "?new=", &token.id.to_string()].concat();
    page(layout, "Token created", move || {
        view! {
            <Notice tone=Tone::Info>
                <p>
                    <b class="named">{token.name}</b>" was created "<RelativeTime now at=token.created_at />
                    ". Its secret was shown once, and can't be shown again."
                </p>
            </Notice>
            <p class="hint">"If you did not copy the secret, revoke this token in the list and create another one."</p>
            <p class="row">
                <a class="button primary" href=marked>"Go to API tokens"</a>
                <a class="button" href=another>"Create another token"</a>
            </p>
        }
        .into_any()
    })
}

/// For a form that was sent a second time: by a reload, by *Back*, or by pressing twice.
pub fn already_sent(layout: LayoutContext, organization: &str, created: TokenDetail) -> Page {
    let now = layout.now;
    let (list, another) = (paths::tokens(organization), paths::new_token(organization));
    let marked = [&list, "?new=", &created.token.id.to_string()].concat();
    let token = created.token;
    let ways = if created.revocable && created.state == TokenState::Active {
        Either::Left(view! {
            <p class="hint">
                "If nobody saw the secret, the token is of no use: revoke it, and create another one from the list. \
                 Revoking ends it for good, and a pipeline that uses it would fail at once."
            </p>
            <form class="row" method="post" action=[&list, "/revoke"].concat()>
                <input type="hidden" name="id" value=token.id.to_string() />
                <a class="button primary" href=marked>"Go to API tokens"</a>
                <button class="button danger" data-busy="Revoking…">"Revoke it"</button>
            </form>
        })
    } else {
        Either::Right(view! {
            <p class="row">
                <a class="button primary" href=marked>"Go to API tokens"</a>
                <a class="button" href=another>"Create another token"</a>
            </p>
        })
    };
    let page = page(layout, "This form was already sent", move || {
        view! {
            <p>
                "It created the token "<b class="named">{token.name}</b>" "<RelativeTime now at=token.created_at />
                ". The secret was shown in the first answer, once, and can't be shown again."
            </p>
            {ways}
        }
        .into_any()
    });
    page.with_status(StatusCode::CONFLICT)
}
