//! Auto-revoke: `/orgs/{organization}/settings/tokens/auto-revoke`.

mod form;
#[cfg(feature = "ssr")]
mod handlers;
// The events have no one to answer on the server.
#[cfg_attr(not(feature = "hydrate"), path = "idle.rs")]
mod live;
mod outlook;
mod server;
#[cfg(feature = "ssr")]
mod views;

#[cfg(feature = "ssr")]
pub(crate) use handlers::{save, show};
#[cfg(feature = "ssr")]
pub(crate) use server::PreviewAutoRevoke;
