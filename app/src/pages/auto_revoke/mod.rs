//! Auto-revoke: `/orgs/{organization}/settings/tokens/auto-revoke`.

mod days;
#[cfg(feature = "ssr")]
mod form;
#[cfg(feature = "ssr")]
mod handlers;
mod live;
#[cfg(feature = "hydrate")]
mod refresh;
#[cfg(feature = "ssr")]
mod sweep_preview;
#[cfg(feature = "ssr")]
mod views;

#[cfg(feature = "ssr")]
pub(crate) use handlers::{save, show};
