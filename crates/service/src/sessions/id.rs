use std::fmt;

use latchkey_domain::SecretHash;
use tower_sessions_core::session::Id;

use crate::Random;

/// The id of a session, which is all that its cookie holds: 128 random bits. Whoever has it is signed in, so it can't be
/// printed or serialized; the database holds only its hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionId(Id);

impl SessionId {
    /// Reads the value of a cookie. `None` for what is not of its form: 22 characters of base64url.
    pub fn parse(cookie: &str) -> Option<Self> {
        cookie.parse().ok().map(Self)
    }

    /// The cookie's value.
    pub fn reveal(self) -> String {
        self.0.to_string()
    }

    pub(crate) fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self(Id(i128::from_le_bytes(bytes)))
    }

    /// What the database keeps.
    pub(crate) fn hash(self) -> SecretHash {
        SecretHash::of(&self.0.0.to_le_bytes())
    }

    pub(super) fn tower(self) -> Id {
        self.0
    }
}

impl From<Id> for SessionId {
    fn from(id: Id) -> Self {
        Self(id)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn is_read_as_written_and_not_printed() {
        let id = SessionId::generate(&SystemRandom);
        let text = id.reveal();
        assert_eq!((text.len(), SessionId::parse(&text)), (22, Some(id)));
        assert!(!format!("{id:?}").contains(&text));
        assert_eq!(id.hash(), SecretHash::of(&id.tower().0.to_le_bytes()));
    }

    #[test]
    fn one_id_has_one_text() {
        let text = SessionId::generate(&SystemRandom).reveal();
        // The last character holds two bits; the other four have to be zero.
        let same_bits = [&text[..21], "B"].concat();
        for other in ["", "x", &text[1..], &same_bits, &format!("{text}="), &format!("{text}A"), &"A".repeat(40)] {
            assert_eq!(SessionId::parse(other), None, "{other}");
        }
    }
}
