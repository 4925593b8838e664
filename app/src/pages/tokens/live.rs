//! The list without full reloads: the same addresses, asked for by a server function and put into the page.

use leptos::prelude::*;

/// Live search, filters, sort, pages, and questions in place. Renders nothing; without scripts all of it are plain
/// links and forms.
#[island]
pub fn LiveList(organization: String) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    super::navigation::start(organization);
    #[cfg(not(feature = "hydrate"))]
    let _ = organization;
}
