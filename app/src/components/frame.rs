use leptos::{either::Either, prelude::*};

use super::{Icon, Wordmark};
use crate::{
    islands::Enhance,
    page_request::LayoutContext,
    paths,
    portal::Theme,
    shell::{Shell, set_sprite},
};

/// Which entry of the navigation a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Tokens,
    None,
}

/// The page of somebody who is signed in: navigation, top bar, and the page itself in `<main>`.
///
/// The page brings its own `<header class="page-header">` with the one `h1`.
#[component]
pub fn Frame(
    layout: LayoutContext,
    #[prop(into)] title: String,
    section: Section,
    /// The pages above this one, as (address, name), outermost first.
    #[prop(optional)]
    trail: Vec<(String, &'static str)>,
    children: Children,
) -> impl IntoView {
    set_sprite(&layout.site);
    let title = match &layout.organization {
        Some(organization) => [title.as_str(), " · ", organization].concat(),
        None => title,
    };
    let (site, theme, now) = (layout.site.clone(), layout.theme, layout.now.to_string());
    view! {
        <Shell site theme title class="framed">
            <a class="skip" href="#page">"Skip to content"</a>
            <div class="frame">
                <details class="nav-toggle">
                    <summary class="button ghost icon-only">
                        <Icon name="menu" />
                        <span class="visually-hidden">"Navigation"</span>
                    </summary>
                </details>
                <Sidebar layout=layout.clone() section />
                <TopBar layout trail />
                <main id="main">
                    <div id="page" tabindex="-1" data-now=now>
                        {children()}
                    </div>
                </main>
            </div>
            <p class="visually-hidden" id="announce" role="status"></p>
            <Enhance />
        </Shell>
    }
}

#[component]
fn Sidebar(layout: LayoutContext, section: Section) -> impl IntoView {
    let tokens = layout.organization.as_deref().map(|organization| {
        view! {
            <ul class="nav-list">
                <li>
                    <a
                        class="nav-link"
                        href=paths::tokens(organization)
                        aria-current=(section == Section::Tokens).then_some("page")
                    >
                        <Icon name="key" />
                        "API tokens"
                    </a>
                </li>
            </ul>
        }
    });
    view! {
        <nav class="sidebar" aria-label="Main">
            <Wordmark />
            <Switcher layout />
            {tokens}
        </nav>
    }
}

/// The organizations to switch to; just the name for who has one only.
#[component]
fn Switcher(layout: LayoutContext) -> impl IntoView {
    let current = layout.organization;
    let name = current.clone().unwrap_or_else(|| "Organizations".to_owned());
    let others = layout.organizations.iter().any(|other| Some(other) != current.as_ref());
    if !others {
        return Either::Left(current.map(|name| {
            view! {
                <p class="switcher-name">
                    <Monogram name=name.clone() />
                    <span class="ellipsis">{name}</span>
                </p>
            }
        }));
    }
    let items = layout
        .organizations
        .into_iter()
        .map(|organization| {
            let is_current = current.as_ref() == Some(&organization);
            let href = paths::tokens(&organization);
            view! {
                <li>
                    <a class="menu-item" href=href aria-current=is_current.then_some("true")>
                        <Monogram name=organization.clone() />
                        <span class="ellipsis">{organization}</span>
                    </a>
                </li>
            }
        })
        .collect_view();
    Either::Right(view! {
        <details class="menu switcher">
            <summary>
                <Monogram name=name.clone() />
                <span class="ellipsis">
                    <span class="visually-hidden">"Organization: "</span>
                    {name}
                </span>
                <Icon name="chevrons" />
            </summary>
            <ul class="menu-list" aria-label="Organizations">
                {items}
            </ul>
        </details>
    })
}

/// The first letter of a name, on a tile.
#[component]
fn Monogram(name: String) -> impl IntoView {
    let letter: String = name.chars().take(1).flat_map(char::to_uppercase).collect();
    view! {
        <span class="monogram" aria-hidden="true">
            {letter}
        </span>
    }
}

#[component]
fn TopBar(layout: LayoutContext, trail: Vec<(String, &'static str)>) -> impl IntoView {
    let trail = (!trail.is_empty()).then(|| {
        let items = trail
            .into_iter()
            .map(|(href, name)| {
                view! {
                    <li>
                        <a href=href>{name}</a>
                    </li>
                }
            })
            .collect_view();
        view! {
            <nav class="trail" aria-label="Breadcrumb">
                <ol>{items}</ol>
            </nav>
        }
    });
    view! {
        <header class="topbar">
            <Wordmark />
            {trail}
            <div class="topbar-end">
                <ThemeMenu theme=layout.theme path=layout.path />
                <details class="menu end">
                    <summary class="button ghost">
                        <Icon name="user" />
                        <span class="visually-hidden">{["Account: ", &layout.email].concat()}</span>
                        <span class="ellipsis account" aria-hidden="true">
                            {layout.email.clone()}
                        </span>
                    </summary>
                    <div class="menu-list">
                        <p class="menu-note">
                            "Signed in as "
                            <b>{layout.email}</b>
                        </p>
                        <form method="post" action="/logout">
                            <button class="menu-item" data-busy="Signing out…">
                                <Icon name="sign-out" />
                                "Sign out"
                            </button>
                        </form>
                    </div>
                </details>
            </div>
        </header>
    }
}

/// Three states; the one that holds is marked. Sent as a form, remembered in a cookie.
#[component]
pub fn ThemeMenu(theme: Option<Theme>, path: String) -> impl IntoView {
    let item = |value: Option<Theme>, icon: &'static str, label: &'static str| {
        view! {
            <button
                class="menu-item"
                name="theme"
                value=value.map_or("system", Theme::as_str)
                aria-pressed=if value == theme { "true" } else { "false" }
            >
                <Icon name=icon />
                {label}
                <Icon name="check" />
            </button>
        }
    };
    view! {
        <details class="menu end">
            <summary class="button ghost icon-only">
                <span class="theme-icon">
                    <Icon name="sun" />
                    <Icon name="moon" />
                </span>
                <span class="visually-hidden">"Theme"</span>
            </summary>
            <form class="menu-list" method="post" action="/theme" data-theme-form="">
                <input type="hidden" name="next" value=path />
                {item(None, "monitor", "System")}
                {item(Some(Theme::Light), "sun", "Light")}
                {item(Some(Theme::Dark), "moon", "Dark")}
            </form>
        </details>
    }
}
