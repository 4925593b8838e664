//! The three cookies of the portal: who is signed in, that somebody has signed in with this browser before, and which
//! theme they chose.

use std::convert::Infallible;

use axum::response::{IntoResponseParts, ResponseParts};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use http::{HeaderMap, HeaderValue, header};
use latchkey_domain::Secret;
use latchkey_service::{Browser, Device, SignedIn};
use time::Duration;

use crate::portal::{Site, Theme};

/// As long as a session lives at most, in seconds.
const SESSION_MAX_AGE: u32 = 7 * 86_400;
const THEME: &str = "latchkey-theme";
const THEME_MAX_AGE: Duration = Duration::days(365);

/// Name of the session cookie. With `__Host-` a browser takes it only from this very host, over https.
pub const fn session_name(site: &Site) -> &'static str {
    if site.secure { "__Host-latchkey" } else { "latchkey" }
}

/// The session cookie's value in a request.
pub fn session<'a>(site: &Site, headers: &'a HeaderMap) -> Option<&'a str> {
    value(headers, session_name(site))
}

/// Sets the session cookie to a new secret, as happens at each sign-in.
pub fn set_session(site: &Site, session: &Secret) -> Option<HeaderValue> {
    let mut header = session_header(site, session.reveal(), SESSION_MAX_AGE)?;
    header.set_sensitive(true);
    Some(header)
}

/// What a browser that signs in has from earlier.
pub(crate) fn browser<'a>(site: &Site, headers: &'a HeaderMap) -> Browser<'a> {
    Browser { session: session(site, headers), device: value(headers, device_name(site)) }
}

/// The cookies that each sign-in sets: the session, and the device, by which the browser is known when it signs in again.
/// Signing out leaves the device.
#[derive(Clone)]
pub(crate) struct SignInCookies {
    session: Option<HeaderValue>,
    jar: CookieJar,
}

impl SignInCookies {
    pub(crate) fn new(site: &Site, jar: CookieJar, signed_in: &SignedIn) -> Self {
        let device =
            cookie(site, device_name(site), signed_in.device.reveal(), Duration::seconds(Device::MAX_AGE.into()));
        Self { session: set_session(site, &signed_in.session), jar: jar.add(device) }
    }
}

impl IntoResponseParts for SignInCookies {
    type Error = Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        if let Some(session) = self.session {
            response.headers_mut().append(header::SET_COOKIE, session);
        }
        self.jar.into_response_parts(response)
    }
}

const fn device_name(site: &Site) -> &'static str {
    if site.secure { "__Host-latchkey-device" } else { "latchkey-device" }
}

/// Takes the session cookie away.
pub fn clear_session(site: &Site) -> Option<HeaderValue> {
    session_header(site, "", 0)
}

/// The theme that somebody chose with this browser.
pub fn theme(headers: &HeaderMap) -> Option<Theme> {
    Theme::parse(CookieJar::from_headers(headers).get(THEME)?.value())
}

/// Remembers a theme, or forgets it to follow the system.
pub(crate) fn set_theme(site: &Site, jar: CookieJar, theme: Option<Theme>) -> CookieJar {
    match theme {
        Some(theme) => jar.add(cookie(site, THEME, theme.as_str(), THEME_MAX_AGE)),
        None => jar.remove(cookie(site, THEME, "", Duration::ZERO)),
    }
}

/// `Lax`, not `Strict`: a strict cookie would be missing on the way back from an identity provider.
fn cookie(site: &Site, name: &'static str, value: &str, max_age: Duration) -> Cookie<'static> {
    Cookie::build((name, value.to_owned()))
        .path("/")
        .max_age(max_age)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(site.secure)
        .build()
}

/// The session cookie is written apart from the others: its header is sensitive, and never indexed by HTTP/2.
fn session_header(site: &Site, value: &str, max_age: u32) -> Option<HeaderValue> {
    let (name, secure) = (session_name(site), if site.secure { "; Secure" } else { "" });
    HeaderValue::try_from(format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}")).ok()
}

/// Two of a name that differ are none: a page of a neighbouring host may have set one of them, and nothing is decided by
/// which comes first.
fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(given, value)| (given == name && !value.is_empty()).then_some(value));
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    fn site(secure: bool) -> Site {
        Site { public_url: "https://keys.example".into(), secure, pkg_dir: "pkg".into(), version: "1" }
    }

    #[test]
    fn cookies_are_as_narrow_as_they_can_be() {
        let secret = Secret::generate(latchkey_domain::SecretKind::Session, |bytes| bytes.fill(7));
        let text = |header: Option<HeaderValue>| header.unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            text(set_session(&site(true), &secret)),
            format!("__Host-latchkey={}; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure", secret.reveal())
        );
        assert_eq!(text(clear_session(&site(false))), "latchkey=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        let jar = set_theme(&site(true), CookieJar::new(), Some(Theme::Dark));
        assert_eq!(
            text((jar, ()).into_response().headers_mut().remove(header::SET_COOKIE)),
            "latchkey-theme=dark; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31536000"
        );
    }

    #[test]
    fn cookies_are_found_by_their_exact_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xlatchkey=a; latchkey=b=c;latchkey-theme=dark"));
        assert_eq!(session(&site(false), &headers), Some("b=c"));
        assert_eq!(session(&site(true), &headers), None);
        assert_eq!(theme(&headers), Some(Theme::Dark));
        headers.append(header::COOKIE, HeaderValue::from_static("latchkey=b=c"));
        assert_eq!(session(&site(false), &headers), Some("b=c"));
        headers.append(header::COOKIE, HeaderValue::from_static("latchkey=other"));
        assert_eq!(session(&site(false), &headers), None);
        headers.insert(header::COOKIE, HeaderValue::from_static("latchkey-theme=pink"));
        assert_eq!(theme(&headers), None);
    }
}
