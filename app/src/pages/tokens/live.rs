//! The list without full reloads: the same addresses, asked for by a server function and put into the page.

use leptos::prelude::*;

use crate::islands::facts;
#[cfg(feature = "ssr")]
use crate::islands::provide_facts;

const FACTS: &str = "list-facts";

/// Live search, filters, sort, pages, and questions in place. Renders nothing; without scripts all of it are plain
/// links and forms.
#[cfg(feature = "ssr")]
#[component]
pub fn LiveList(organization: String) -> impl IntoView {
    view! {
        {provide_facts(FACTS, organization)}
        <LiveListIsland />
    }
}

#[island]
pub fn LiveListIsland() -> impl IntoView {
    let organization: String = facts(FACTS);
    #[cfg(feature = "hydrate")]
    super::navigation::start(organization);
    #[cfg(not(feature = "hydrate"))]
    let _ = organization;
}
