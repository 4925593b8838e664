//! The list without full reloads: the same addresses, fetched and swapped into the page.

use leptos::prelude::*;

/// Live search, filters, sort, pages, and questions in place. Renders nothing; without scripts all of it are plain
/// links and forms.
#[island]
pub fn Live() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    super::swap::start();
}
