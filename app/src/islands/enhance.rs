use leptos::prelude::*;

/// The behaviours that every page has (see `components`): copying, busy buttons, ticking times, closing menus, modal
/// dialogs, the theme. Renders nothing.
#[island]
pub fn Enhance() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    {
        use super::{busy, copy, menus, modal, theme, times};
        // The theme's form is taken before `busy` sees it.
        theme::start();
        busy::start();
        copy::start();
        menus::start();
        modal::open();
        times::start();
    }
}
