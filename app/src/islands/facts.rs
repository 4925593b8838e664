//! What an island is told by its page: on the server it is there, in the browser it is read from the page.
//!
//! Islands take no props: Leptos would read them with serde.

#[cfg(feature = "ssr")]
pub(crate) use server::{facts, provide_facts};

#[cfg(feature = "ssr")]
mod server {
    use leptos::prelude::*;
    use serde::Serialize;

    /// Has the island that is made next, in a view after this, know `facts`. The id is that of the facts in the page.
    pub(crate) fn provide_facts<T>(id: &'static str, facts: T) -> impl IntoView
    where
        T: Clone + Serialize + Send + Sync + 'static,
    {
        let json = serde_json::to_string(&facts).unwrap_or_default();
        provide_context(facts);
        view! { <template id=id data-facts=json></template> }
    }

    /// The facts of the island that is being made.
    pub(crate) fn facts<T: Clone + 'static>(_id: &'static str) -> T {
        expect_context()
    }
}

/// The facts of the island that is being made.
#[cfg(feature = "hydrate")]
#[expect(clippy::expect_used, reason = "the server has written them for this very build")]
pub(crate) fn facts<T: super::json::FromJson>(id: &'static str) -> T {
    let element = leptos::prelude::document().get_element_by_id(id);
    let json = element.and_then(|element| element.get_attribute("data-facts")).unwrap_or_default();
    super::json::read(&super::json::parse(&json)).expect("the facts of an island")
}
