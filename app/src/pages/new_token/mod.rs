//! New token: `/orgs/{organization}/settings/tokens/new`.
//!
//! The form is one island, rendered by the server from the same code that keeps it live in the browser. Whatever sends
//! it (the browser itself or the island), it reaches one use case, and its secret is shown by one component.

mod check;
mod form;
mod guard;
#[cfg(feature = "ssr")]
mod handlers;
#[cfg(feature = "hydrate")]
mod json;
#[cfg(feature = "ssr")]
mod load;
#[cfg(feature = "ssr")]
mod other_pages;
#[cfg(feature = "ssr")]
mod prefill;
// Only a browser follows the form with its address; the server reads what it writes.
#[cfg(any(feature = "hydrate", test))]
mod query;
#[cfg(feature = "ssr")]
mod reveal;
mod server;
mod submitted;
mod summary;
mod values;

#[cfg(feature = "ssr")]
pub(crate) use handlers::{create, show};
#[cfg(feature = "ssr")]
pub(crate) use server::{CreateToken, SearchRepositories};
