use leptos::{either::Either, prelude::*};

use super::{Icon, NavPage, Wordmark, navigation};
use crate::{
    islands::Enhance,
    page_request::LayoutContext,
    paths,
    portal::Theme,
    shell::{Shell, set_sprite},
};

/// The page of somebody who is signed in: navigation, top bar, and the page itself in `<main>`.
///
/// The page brings its own `<header class="page-header">` with the one `h1`.
#[component]
pub fn Frame(
    layout: LayoutContext,
    #[prop(into)] title: String,
    /// Which one it is in the navigation; an error's page is none.
    #[prop(optional)]
    page: Option<NavPage>,
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
                <Sidebar layout=layout.clone() page />
                <TopBar layout page />
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
fn Sidebar(layout: LayoutContext, page: Option<NavPage>) -> impl IntoView {
    let links = layout.organization.as_deref().map(|organization| {
        let links = navigation::sidebar(&layout, page)
            .map(|link| {
                view! {
                    <li>
                        <a
                            class="nav-link"
                            href=(link.path)(organization)
                            aria-current=link.is_current.then_some("page")
                        >
                            <Icon name=link.icon />
                            {link.label}
                        </a>
                    </li>
                }
            })
            .collect_view();
        view! { <ul class="nav-list">{links}</ul> }
    });
    view! {
        <nav class="sidebar" aria-label="Main">
            <Wordmark />
            <Switcher layout />
            {links}
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
fn TopBar(layout: LayoutContext, page: Option<NavPage>) -> impl IntoView {
    let above = page.map(NavPage::ancestors).unwrap_or_default();
    let trail = layout.organization.as_deref().filter(|_| !above.is_empty()).map(|organization| {
        let items = above
            .into_iter()
            .map(|entry| {
                view! {
                    <li>
                        <a href=(entry.path)(organization)>{entry.label}</a>
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
