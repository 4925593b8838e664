//! The document around every page.

use std::sync::{Arc, OnceLock};

use leptos::prelude::*;

use crate::portal::{Site, Theme};

static SPRITE: OnceLock<String> = OnceLock::new();

/// Sets the address of the icons' drawings. A process serves one site, and views are made before and beside the shell
/// that has it.
pub(crate) fn set_sprite(site: &Site) {
    SPRITE.get_or_init(|| ["/", &site.pkg_dir, "/icons.svg#"].concat());
}

/// The address of an icon's drawing.
pub(crate) fn icon_href(name: &str) -> String {
    [SPRITE.get().map_or("", String::as_str), name].concat()
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
    let file = |name: &str| ["/", &site.pkg_dir, "/", name].concat();
    let body = children();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme.map(Theme::as_str)>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <title>{title + " · Latchkey"}</title>
                <link rel="stylesheet" href=file("latchkey.css") />
                <link rel="icon" type="image/svg+xml" href=file("favicon.svg") />
                <link rel="preload" href=file("latchkey_bg.wasm") r#as="fetch" type="application/wasm" crossorigin="" />
                <script type="module" src=file("latchkey.js")></script>
            </head>
            <body class=class>{body}</body>
        </html>
    }
}
