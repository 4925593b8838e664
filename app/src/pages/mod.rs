//! The pages, each in its module: the handlers that answer its address, and its views.

pub(crate) mod auto_revoke;
pub(crate) mod new_token;

#[cfg(feature = "ssr")]
pub(crate) mod error_page;
#[cfg(feature = "ssr")]
mod home;
#[cfg(feature = "ssr")]
mod join;
#[cfg(feature = "ssr")]
mod reference;
#[cfg(feature = "ssr")]
pub(crate) mod session;
#[cfg(feature = "ssr")]
mod setup;
#[cfg(feature = "ssr")]
mod theme;
pub(crate) mod tokens;

#[cfg(feature = "ssr")]
use crate::portal::Portal;
#[cfg(feature = "ssr")]
pub use error_page::response as error_response;

/// Largest form that anybody may send, in bytes; the longest that can be right is far shorter.
#[cfg(feature = "ssr")]
const SMALL_FORM_MAX: usize = 16 * 1024;
/// Largest of the others, in bytes: ten times that of a token with 500 repositories.
#[cfg(feature = "ssr")]
pub const FORM_MAX: usize = 256 * 1024;

/// Largest body that the page at a path takes, in bytes. The handlers refuse what has more.
#[cfg(feature = "ssr")]
pub fn form_max(path: &str) -> usize {
    if ["/setup", "/join", "/login", "/logout", "/theme"].contains(&path) { SMALL_FORM_MAX } else { FORM_MAX }
}

/// Every page of the portal, the API's reference among them, and the page for every other path.
#[cfg(feature = "ssr")]
pub fn routes(portal: &Portal, api_description: &serde_json::Value) -> axum::Router<Portal> {
    use axum::{
        extract::DefaultBodyLimit,
        middleware::from_fn_with_state,
        routing::{get, post},
    };

    let small = DefaultBodyLimit::max(SMALL_FORM_MAX);
    axum::Router::new()
        .route("/", get(home::home))
        .route("/setup", get(setup::show).post(setup::submit).layer(small))
        .route("/join", get(join::show).post(join::submit).layer(small))
        .route("/login", get(session::show).post(session::sign_in).layer(small))
        .route("/logout", post(session::sign_out).layer(small))
        .route("/theme", post(theme::choose).layer(small))
        .route("/orgs/{organization}", get(home::organization))
        .route("/orgs/{organization}/settings/tokens", get(tokens::show))
        .route("/orgs/{organization}/settings/tokens/revoke", get(tokens::back_to_list).post(tokens::revoke))
        .route("/orgs/{organization}/settings/tokens/export.csv", get(tokens::export_csv))
        .route("/orgs/{organization}/settings/tokens/export.json", get(tokens::export_json))
        .route("/orgs/{organization}/settings/tokens/new", get(new_token::show).post(new_token::create))
        .route("/orgs/{organization}/settings/tokens/auto-revoke", get(auto_revoke::show).post(auto_revoke::save))
        .merge(reference::routes(api_description))
        .fallback(error_page::not_found)
        .layer(from_fn_with_state(portal.clone(), crate::page::complete))
}
