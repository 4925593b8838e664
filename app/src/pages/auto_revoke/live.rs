use leptos::prelude::*;

/// The preview follows the form while it is filled in. Renders nothing; without scripts there is a button for it.
#[island]
pub fn LivePreview() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    super::refresh::start();
}
