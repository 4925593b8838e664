//! The three cookies of the portal: who is signed in, that somebody has signed in with this browser before, and which
//! theme they chose.

use http::{HeaderMap, HeaderValue, header};
use latchkey_service::{Browser, BrowserSession, Device, SessionId};

use crate::portal::{Site, Theme};

const YEAR: u32 = 365 * 86_400;
const THEME: &str = "latchkey-theme";

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

/// Sets the cookie that a browser is known by, as happens at each sign-in. Signing out leaves it.
pub(crate) fn set_device(site: &Site, device: &Device) -> Option<HeaderValue> {
    let mut header = cookie(site, device_name(site), device.reveal(), Device::MAX_AGE)?;
    header.set_sensitive(true);
    Some(header)
}

const fn device_name(site: &Site) -> &'static str {
    if site.secure { "__Host-latchkey-device" } else { "latchkey-device" }
}

/// Takes the session cookie away.
pub fn clear_session(site: &Site) -> Option<HeaderValue> {
    cookie(site, session_name(site), "", 0)
}

/// The theme that somebody chose with this browser.
pub fn theme(headers: &HeaderMap) -> Option<Theme> {
    Theme::parse(value(headers, THEME)?)
}

/// Remembers a theme, or forgets it to follow the system.
pub fn set_theme(site: &Site, theme: Option<Theme>) -> Option<HeaderValue> {
    match theme {
        Some(theme) => cookie(site, THEME, theme.as_str(), YEAR),
        None => cookie(site, THEME, "", 0),
    }
}

/// `Lax`, not `Strict`: a strict cookie would be missing on the way back from an identity provider.
fn cookie(site: &Site, name: &str, value: &str, max_age: u32) -> Option<HeaderValue> {
    let secure = if site.secure { "; Secure" } else { "" };
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
        assert!(text(set_theme(&site(false), Some(Theme::Dark))).starts_with("latchkey-theme=dark; "));
    }

    #[test]
    fn cookies_are_found_by_their_exact_name() {
        let (one, other) =
            ["AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBA"].map(|id| SessionId::parse(id).unwrap()).into();
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
