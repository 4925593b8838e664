//! What runs in the browser on every page, by event delegation. Pages bring their own islands beside it.

#[cfg(feature = "hydrate")]
mod busy;
#[cfg(feature = "hydrate")]
mod call;
#[cfg(feature = "hydrate")]
mod copy;
#[cfg(feature = "hydrate")]
pub(crate) mod dom;
mod enhance;
mod facts;
#[cfg(feature = "hydrate")]
pub(crate) mod json;
#[cfg(feature = "hydrate")]
mod menus;
#[cfg(feature = "hydrate")]
pub(crate) mod modal;
#[cfg(feature = "hydrate")]
mod theme;
#[cfg(feature = "hydrate")]
pub(crate) mod times;

#[cfg(feature = "hydrate")]
pub(crate) use busy::{press, release};
#[cfg(feature = "hydrate")]
pub(crate) use call::call;
#[cfg(feature = "hydrate")]
pub(crate) use dom::announce;
pub use enhance::Enhance;
pub(crate) use facts::facts;
#[cfg(feature = "ssr")]
pub(crate) use facts::provide_facts;
