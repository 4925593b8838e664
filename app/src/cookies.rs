//! The three cookies of the portal: who is signed in, that somebody has signed in with this browser before, and which
//! theme they chose.

use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use http::{HeaderMap, HeaderValue, header};
use latchkey_service::{Browser, BrowserSession, Device, SessionId, SignedIn};
use time::Duration;

use crate::portal::{Site, Theme};

const THEME: &str = "latchkey-theme";
const THEME_MAX_AGE: Duration = Duration::days(365);

/// Name of the session cookie. With `__Host-` a browser takes it only from this very host, over https.
pub const fn session_name(site: &Site) -> &'static str {
    if site.secure { "__Host-latchkey" } else { "latchkey" }
}

/// The session that the cookie of a request names.
pub fn session(site: &Site, headers: &HeaderMap) -> Option<SessionId> {
    SessionId::parse(value(headers, session_name(site))?)
}

/// The same cookie, as a request sends it.
pub fn session_pair(site: &Site, session: SessionId) -> String {
    [session_name(site), "=", &session.reveal()].concat()
}

/// What a browser that signs in has from earlier.
pub(crate) fn browser<'a>(site: &Site, headers: &'a HeaderMap, session: &BrowserSession) -> Browser<'a> {
    Browser { session: session.id(), device: value(headers, device_name(site)) }
}

/// Sets the cookie by which a browser is known when it signs in again. Signing out leaves it.
pub(crate) fn set_device(site: &Site, jar: CookieJar, signed_in: &SignedIn) -> CookieJar {
    let max_age = Duration::seconds(Device::MAX_AGE.into());
    jar.add(cookie(site, device_name(site), signed_in.device.reveal(), max_age))
}

const fn device_name(site: &Site) -> &'static str {
    if site.secure { "__Host-latchkey-device" } else { "latchkey-device" }
}

/// Takes the session cookie away. The layer of `tower-sessions` sets it, but removes it without its attributes.
pub fn clear_session(site: &Site) -> Option<HeaderValue> {
    let (name, secure) = (session_name(site), if site.secure { "; Secure" } else { "" });
    HeaderValue::try_from(format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}")).ok()
}

/// The theme that somebody chose with this browser.
pub fn theme(headers: &HeaderMap) -> Option<Theme> {
    Theme::parse(value(headers, THEME)?)
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

/// Two of a name that differ are none: a page of a neighbouring host may have set one of them, and nothing is decided by
/// which comes first.
fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        // Other applications of the host send theirs in the same header, in whatever bytes.
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| str::from_utf8(pair.trim_ascii()).ok()?.split_once('='))
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
        let text = |header: Option<HeaderValue>| header.unwrap().to_str().unwrap().to_owned();
        assert_eq!(text(clear_session(&site(false))), "latchkey=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        assert_eq!(
            text(clear_session(&site(true))),
            "__Host-latchkey=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        );
        let jar = set_theme(&site(true), CookieJar::new(), Some(Theme::Dark));
        assert_eq!(
            text((jar, ()).into_response().headers_mut().remove(header::SET_COOKIE)),
            "latchkey-theme=dark; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31536000"
        );
    }

    #[test]
    fn a_cookie_of_somebody_else_hides_none_of_ours() {
        let id = SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap();
        for strange in ["city=Z\u{fc}rich; ".as_bytes(), b"x=\xe9; ", b"\xff; =; ;; ", b"a=\\\"; "] {
            for site in [site(true), site(false)] {
                let ours = [session_pair(&site, id).as_bytes(), b"; latchkey-theme=dark"].concat();
                let mut headers = HeaderMap::new();
                headers.insert(header::COOKIE, HeaderValue::from_bytes(&[strange, &ours].concat()).unwrap());
                assert_eq!(session(&site, &headers).map(SessionId::reveal), Some(id.reveal()));
                assert_eq!(theme(&headers), Some(Theme::Dark));
            }
        }
    }

    #[test]
    fn cookies_are_found_by_their_exact_name() {
        let [one, other] = ["AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBA"].map(|id| SessionId::parse(id).unwrap());
        let pair = |id| HeaderValue::try_from(session_pair(&site(false), id)).unwrap();
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xlatchkey=a;latchkey-theme=dark"));
        assert_eq!(session(&site(false), &headers), None);
        headers.append(header::COOKIE, pair(one));
        assert_eq!(session(&site(false), &headers), Some(one));
        assert_eq!(session(&site(true), &headers), None);
        assert_eq!(theme(&headers), Some(Theme::Dark));
        headers.append(header::COOKIE, pair(one));
        assert_eq!(session(&site(false), &headers), Some(one));
        headers.append(header::COOKIE, pair(other));
        assert_eq!(session(&site(false), &headers), None);
        headers.insert(header::COOKIE, HeaderValue::from_static("latchkey-theme=pink"));
        assert_eq!(theme(&headers), None);
    }
}
