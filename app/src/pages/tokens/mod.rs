//! The list of an organization's API tokens: search, filters, pages, revocation, export.

#[cfg(feature = "ssr")]
mod csv;
#[cfg(feature = "ssr")]
mod cursor;
#[cfg(feature = "ssr")]
mod export;
#[cfg(feature = "ssr")]
mod filters;
#[cfg(feature = "ssr")]
mod handlers;
mod live;
#[cfg(feature = "ssr")]
mod load;
#[cfg(feature = "hydrate")]
mod navigation;
#[cfg(feature = "ssr")]
mod query;
#[cfg(feature = "ssr")]
mod revoke;
#[cfg(feature = "ssr")]
mod row;
#[cfg(feature = "hydrate")]
mod row_menu;
#[cfg(feature = "hydrate")]
mod select;
mod server;
#[cfg(feature = "ssr")]
mod table;
#[cfg(test)]
#[cfg(feature = "ssr")]
mod tests;
#[cfg(feature = "ssr")]
mod view;

#[cfg(feature = "ssr")]
pub(super) use export::{export_csv, export_json};
#[cfg(feature = "ssr")]
pub(super) use handlers::show;
#[cfg(feature = "ssr")]
pub(super) use revoke::{back_to_list, revoke};
#[cfg(feature = "ssr")]
pub(crate) use server::{ListTokens, RevokeTokens};
