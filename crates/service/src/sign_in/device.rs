//! Browsers that have signed in before. Each gets a mark, which only the root key can make; with it, nobody else's
//! guesses make its owner wait (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
//!
//! A mark is bound to the account and to its password, and says neither: changing the password ends all of them, and so
//! does taking the root key away. It is no credential. Whoever steals one may guess as often as its owner may.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use latchkey_domain::UserId;
use zeroize::Zeroizing;

use crate::Service;

/// What signatures of marks are told apart by from whatever else the root key makes.
const LABEL: &[u8] = b"device";
/// A mark is good for so long after its browser signed in last.
const DAYS: i64 = 180;
/// Accounts that one browser is known to, the last one first.
const MARKS: usize = 4;

/// The marks of a browser, for its cookie. It can't be printed.
pub struct Device(Zeroizing<String>);

/// 16 bytes of randomness by which guesses are counted, when it was made in seconds, and the signature.
#[derive(Clone, Copy, PartialEq, Eq)]
struct DeviceEntry {
    id: [u8; 16],
    made_at: [u8; 8],
    tag: [u8; 32],
}

impl Device {
    /// Seconds for which a browser has to keep the cookie.
    pub const MAX_AGE: u32 = DAYS as u32 * 86_400;

    /// The cookie's value.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Device(…)")
    }
}

impl Service {
    /// The id of the cookie's mark for an account, if there is a good one.
    pub(super) fn known_device(&self, cookie: &str, user: UserId, password_hash: &str) -> Option<[u8; 16]> {
        marks(cookie).find(|mark| self.is_good(mark, user, password_hash)).map(|mark| mark.id)
    }

    /// The cookie of a browser that has signed in: a new mark in the place of an earlier one of the account, before
    /// those of other accounts.
    pub(crate) fn mark_device(&self, cookie: &str, user: UserId, password_hash: &str) -> Device {
        let mut mark = DeviceEntry { id: [0; 16], made_at: self.now().seconds().to_be_bytes(), tag: [0; 32] };
        self.inner.random.fill(&mut mark.id);
        mark.tag = self.inner.root_key.sign(LABEL, &mark.signed(user.0.as_bytes(), password_hash));
        let others = marks(cookie).filter(|other| !self.is_good(other, user, password_hash));
        let kept: Vec<_> = std::iter::once(mark).chain(others).take(MARKS).map(|mark| mark.text()).collect();
        Device(Zeroizing::new(kept.join(".")))
    }

    fn is_good(&self, mark: &DeviceEntry, user: UserId, password_hash: &str) -> bool {
        let (made_at, now) = (i64::from_be_bytes(mark.made_at), self.now().seconds());
        let signed = mark.signed(user.0.as_bytes(), password_hash);
        (now - DAYS * 86_400..=now.saturating_add(3_600)).contains(&made_at)
            && self.inner.root_key.has_signed(LABEL, &signed, &mark.tag)
    }
}

impl DeviceEntry {
    fn signed<'a>(&'a self, user: &'a [u8], password_hash: &'a str) -> [&'a [u8]; 4] {
        [&self.id, &self.made_at, user, password_hash.as_bytes()]
    }

    fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode([self.id.as_slice(), &self.made_at, &self.tag].concat())
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, rest) = bytes.split_first_chunk()?;
        let (made_at, tag) = rest.split_first_chunk()?;
        Some(Self { id: *id, made_at: *made_at, tag: tag.try_into().ok()? })
    }
}

fn marks(cookie: &str) -> impl Iterator<Item = DeviceEntry> {
    cookie.split('.').take(MARKS).filter_map(DeviceEntry::parse)
}
