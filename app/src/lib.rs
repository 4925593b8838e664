//! The pages of the portal.
//!
//! Every page is a plain HTML document, rendered on the server, whose links and forms work by themselves. What needs
//! scripts is an island, hydrated from the wasm that this crate also compiles to.

// A view is one type, as deep as its markup.
#![recursion_limit = "256"]
#![allow(unreachable_pub, reason = "the macros of components and islands copy their `pub` to where nobody can name it")]

pub mod answers;
pub mod components;
#[cfg(feature = "ssr")]
pub mod cookies;
#[cfg(feature = "ssr")]
mod fields;
pub mod islands;
#[cfg(feature = "ssr")]
mod page;
#[cfg(feature = "ssr")]
mod page_request;
pub mod pages;
pub mod paths;
#[cfg(feature = "ssr")]
pub mod portal;
#[cfg(feature = "ssr")]
pub mod server_fns;
#[cfg(feature = "ssr")]
mod shell;
#[cfg(feature = "ssr")]
mod submission;

/// The wasm entry: called by the page's script once, before the islands are hydrated one by one.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
