use leptos::prelude::*;

/// A 16-pixel drawing from the sprite `public/icons.svg`; decoration only, so a text or label stands beside it.
#[cfg(feature = "ssr")]
#[component]
pub fn Icon(name: &'static str) -> impl IntoView {
    view! {
        <svg class="icon" aria-hidden="true">
            <use href=crate::shell::icon_href(name) />
        </svg>
    }
}

/// The drawing of a latchkey: the bow, and a bit that is cut like a latch.
#[component]
pub fn Glyph() -> impl IntoView {
    view! {
        <svg class="glyph" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path
                d="M7 3.25a4.25 4.25 0 1 0 2.35 7.8l1.2 1.2h1.7v1.7h1.7v1.8h2.8v-2.8l-5.6-5.6A4.25 4.25 0 0 0 7 3.25Zm-1 2.6a1.4 1.4 0 1 1 0 2.8 1.4 1.4 0 0 1 0-2.8Z"
                fill="currentColor"
                fill-rule="evenodd"
            />
        </svg>
    }
}

/// The glyph with the name.
#[component]
pub fn Wordmark() -> impl IntoView {
    view! {
        <a class="wordmark" href="/">
            <Glyph />
            <span>"Latchkey"</span>
        </a>
    }
}
