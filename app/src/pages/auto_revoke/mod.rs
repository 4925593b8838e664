//! Auto-revoke: `/orgs/{organization}/settings/tokens/auto-revoke`.

mod days;
#[cfg(feature = "ssr")]
mod form;
#[cfg(feature = "ssr")]
mod handlers;
mod live;
#[cfg(feature = "ssr")]
mod outlook;
#[cfg(feature = "hydrate")]
mod refresh;
#[cfg(feature = "ssr")]
mod views;

#[cfg(feature = "ssr")]
pub(crate) use handlers::{save, show};
