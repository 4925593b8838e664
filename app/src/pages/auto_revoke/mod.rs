//! Auto-revoke: `/orgs/{organization}/settings/tokens/auto-revoke`.

mod days;
mod form;
#[cfg(feature = "ssr")]
mod handlers;
#[cfg(feature = "ssr")]
mod preview;
mod server;
#[cfg(feature = "ssr")]
mod sweep_preview;
#[cfg(feature = "ssr")]
mod views;

#[cfg(feature = "ssr")]
pub(crate) use handlers::{save, show};
#[cfg(feature = "ssr")]
pub(crate) use server::{PreviewAutoRevoke, SetAutoRevoke};
