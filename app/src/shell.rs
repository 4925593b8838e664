//! The document around every page.

use std::sync::Arc;

use leptos::{config::LeptosOptions, hydration::HydrationScripts, prelude::*};

use crate::portal::{Site, Theme};

/// What components need to know about the built assets, provided to all of them by [`Shell`].
#[derive(Clone)]
pub struct Assets {
    /// `/pkg/3f2a…/icons.svg#`: append an icon's name.
    pub sprite: Arc<str>,
}

impl Assets {
    pub fn new(site: &Site) -> Self {
        Self { sprite: format!("/{}/icons.svg#", site.pkg_dir).into() }
    }
}

/// `<html>` with head and body. The theme is in the first byte of the page, so nothing flashes.
#[component]
pub fn Shell(
    site: Arc<Site>,
    theme: Option<Theme>,
    /// As the tab shows it, before "· Latchkey".
    title: String,
    /// Styles of the page as a whole: `framed` or `plain`.
    class: &'static str,
    children: Children,
) -> impl IntoView {
    provide_context(Assets::new(&site));
    let options = LeptosOptions::builder().output_name("latchkey").site_pkg_dir(site.pkg_dir.as_str()).build();
    let body = children();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme.map(Theme::as_str)>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <title>{title + " · Latchkey"}</title>
                <link rel="stylesheet" href=format!("/{}/latchkey.css", site.pkg_dir) />
                <link rel="icon" type="image/svg+xml" href=format!("/{}/favicon.svg", site.pkg_dir) />
                <HydrationScripts options islands=true />
            </head>
            <body class=class>{body}</body>
        </html>
    }
}
