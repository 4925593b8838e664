//! Remembers a theme, so that the next page comes in it.

use axum::extract::State;
use axum_extra::extract::CookieJar;

use crate::{
    cookies,
    fields::Fields,
    page::{Page, PageError},
    paths,
    portal::{Portal, Theme},
};

/// `POST /theme`: anybody may, signed in or not.
pub(crate) async fn choose(State(portal): State<Portal>, jar: CookieJar, fields: Fields) -> Result<Page, PageError> {
    let next = paths::local(fields.text("next")).unwrap_or("/");
    let jar = cookies::set_theme(&portal.site, jar, Theme::parse(fields.text("theme")));
    Ok(Page::redirect(next).with_cookies(jar))
}
