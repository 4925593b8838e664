use std::sync::Arc;

use leptos::prelude::*;

use super::Wordmark;
use crate::{
    islands::Enhance,
    portal::{Site, Theme},
    shell::{Shell, set_sprite},
};

/// The page of somebody who is not signed in: one calm card under the wordmark.
#[component]
pub fn SignedOutFrame(
    site: Arc<Site>,
    theme: Option<Theme>,
    #[prop(into)] title: String,
    children: Children,
) -> impl IntoView {
    set_sprite(&site);
    view! {
        <Shell site theme title class="plain">
            <main class="plain-main" id="main">
                <Wordmark />
                <div class="card">{children()}</div>
            </main>
            <p class="visually-hidden" id="announce" role="status"></p>
            <Enhance />
        </Shell>
    }
}
