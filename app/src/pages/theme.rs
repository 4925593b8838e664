//! Remembers a theme, so that the next page comes in it.

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use http::header;

use crate::{
    cookies,
    fields::Fields,
    page_request::no_store,
    paths,
    portal::{Portal, Theme},
};

/// `POST /theme`: anybody may, signed in or not.
pub(crate) async fn choose(State(portal): State<Portal>, Form(fields): Form<Fields>) -> Response {
    let next = paths::local(fields.text("next")).unwrap_or("/");
    let mut response = Redirect::to(next).into_response();
    if let Some(cookie) = cookies::set_theme(&portal.site, Theme::parse(fields.text("theme"))) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    no_store(response)
}
