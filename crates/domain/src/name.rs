use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

#[cfg(feature = "unicode")]
use crate::text;

/// Why a name or another short text was refused; completes the sentence "The name …" or stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Too few characters.
    #[error("must have at least {min} characters")]
    TooShort { min: usize },
    /// Too many characters, as people count them (UAX 29: extended grapheme clusters).
    #[error("must have at most {max} characters")]
    TooLong { max: usize },
    /// Few characters, but each is made of many.
    #[error("must have at most {max} bytes")]
    TooLarge { max: usize },
    /// A character that can't be seen, or not by everybody: controls, direction marks, fillers, unassigned ones.
    #[error("must not contain characters that can't be seen")]
    Unseen,
    /// Marks without a letter, or too many of them on one.
    #[error("must not pile up marks, nor begin with one")]
    Piled,
    /// A word with letters of another alphabet that look like its own.
    #[error("must not mix letters of several alphabets that look alike in one word")]
    Mixed,
    /// Not of the form that the thing has.
    #[error("{0}")]
    Form(&'static str),
}

/// Most bytes of a text for each character that it may have: a family with its joiners has 25. The longest name has its
/// place in PostgreSQL's indexes, which take 2,704 bytes.
pub(crate) const BYTES_PER_CHARACTER: usize = 25;

/// Declares a text that is checked when it is made.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// One that was made before, under the rules of its time: it goes on as it is.
            pub fn stored(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// A token's name: 1 to 100 characters on one line, that can be seen and told apart (see `text`).
    TokenName
);
text!(
    /// A token's description: up to 500 characters that can be seen, line breaks allowed.
    Description
);
text!(
    /// A project's name: as that of a token.
    ProjectName
);
text!(
    /// An organization's name, also its address, and nothing that looks like an id: 1 to 63 lower-case letters, digits and inner hyphens (RFC 1123, section 2.1).
    OrganizationName
);
text!(
    /// An email address, in lower case. Whether mail arrives is not known here.
    Email
);

impl TokenName {
    /// Longest name, in characters.
    pub const MAX: usize = 100;
    /// Longest name, and longest key of one, in bytes.
    pub const BYTES_MAX: usize = Self::MAX * BYTES_PER_CHARACTER;

    /// What can be said of a name while it is typed: all that is wrong with it, or less where the tables of Unicode are
    /// not at hand. It never refuses what [`TokenName::new`] takes.
    pub fn check(text: &str) -> Result<(), NameError> {
        if text.trim().is_empty() {
            return Err(NameError::Empty);
        }
        #[cfg(feature = "unicode")]
        return Self::new(text).map(drop);
        #[cfg(not(feature = "unicode"))]
        hint(text, Self::MAX)
    }
}

impl Description {
    /// Longest description, in characters.
    pub const MAX: usize = 500;
    /// Longest description, in bytes.
    pub const BYTES_MAX: usize = Self::MAX * BYTES_PER_CHARACTER;

    /// As [`TokenName::check`].
    pub fn check(text: &str) -> Result<(), NameError> {
        #[cfg(feature = "unicode")]
        return Self::new(text).map(drop);
        #[cfg(not(feature = "unicode"))]
        hint(text, Self::MAX)
    }
}

#[cfg(feature = "unicode")]
impl TokenName {
    /// Checks; trims, and writes it in NFC.
    pub fn new(text: &str) -> Result<Self, NameError> {
        text::line(text, Self::MAX).map(Self)
    }

    /// What names are compared and sorted by: two can't differ in case, compatible forms or something unseen alone.
    pub fn key(&self) -> String {
        text::key(&self.0)
    }
}

#[cfg(feature = "unicode")]
impl Description {
    /// Checks; trims, and writes it in NFC with `\n` between lines.
    pub fn new(text: &str) -> Result<Self, NameError> {
        text::lines(text, Self::MAX).map(Self)
    }
}

#[cfg(feature = "unicode")]
impl ProjectName {
    /// As [`TokenName::new`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        text::line(text, 100).map(Self)
    }

    /// As [`TokenName::key`].
    pub fn key(&self) -> String {
        text::key(&self.0)
    }
}

impl OrganizationName {
    /// Checks and trims.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b'-');
        let bytes = text.as_bytes();
        if text.is_empty() {
            Err(NameError::Empty)
        } else if uuid::Uuid::try_parse(text).is_ok() {
            // It would stand for another organization wherever ids and names are taken.
            Err(NameError::Form("must not look like an id"))
        } else if text.len() > 63 {
            Err(NameError::TooLong { max: 63 })
        } else if bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
            && edge(bytes.first())
            && edge(bytes.last())
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Form("must be lower-case letters, digits and hyphens, such as acme-2"))
        }
    }
}

#[cfg(feature = "unicode")]
impl Email {
    /// Checks; trims, and writes it in lower case and NFC. Compatible forms are refused and not replaced: the mailbox
    /// of another spelling could be somebody else's.
    pub fn new(text: &str) -> Result<Self, NameError> {
        const FORM: NameError = NameError::Form("must be an email address, such as ada@example.com");
        let text = text::line(text, 254)?;
        if text.chars().count() > 254 {
            return Err(NameError::TooLong { max: 254 });
        }
        let text = Self::written(&text);
        let well_formed = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !domain.starts_with('.')
        });
        let plain = !text.contains(char::is_whitespace) && !text::has_compatible(&text);
        if well_formed && plain { Ok(Self(text)) } else { Err(FORM) }
    }

    /// An email, or how one begins, in the form that emails are compared in.
    pub fn written(text: &str) -> String {
        text::nfc(&text.trim().to_lowercase())
    }
}

/// What is wrong with a text for certain, without the tables of Unicode. What comes before the first combining mark of
/// Unicode is a character each.
#[cfg(any(test, not(feature = "unicode")))]
fn hint(text: &str, max: usize) -> Result<(), NameError> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        Err(NameError::Unseen)
    } else if text.replace("\r\n", "\n").chars().filter(|c| !c.is_whitespace() && *c < '\u{300}').count() > max {
        Err(NameError::TooLong { max })
    } else {
        Ok(())
    }
}

/// A password that somebody typed. It can't be printed, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Shortest password that can be set, in characters (NIST SP 800-63B-4, section 3.1.1.2, asks 8 beside a second factor, 15 alone).
    pub const MIN: usize = 12;
    /// Longest, in bytes: hashing more only helps who wants to keep the server busy.
    pub const MAX: usize = 256;

    /// One that is being chosen.
    pub fn chosen(text: &str) -> Result<Self, NameError> {
        if text.chars().count() < Self::MIN {
            return Err(NameError::TooShort { min: Self::MIN });
        }
        Self::presented(text)
    }

    /// One that is presented at sign-in.
    pub fn presented(text: &str) -> Result<Self, NameError> {
        if text.len() > Self::MAX {
            return Err(NameError::TooLong { max: Self::MAX });
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The text, for hashing.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
#[cfg(feature = "unicode")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn token_names() {
        assert_eq!(TokenName::new("  GitHub Actions CI ").unwrap().as_str(), "GitHub Actions CI");
        assert_eq!(TokenName::new(" "), Err(NameError::Empty));
        assert_eq!(TokenName::new("a\u{202e}b"), Err(NameError::Unseen));
        assert_eq!(TokenName::new("one\ntwo"), Err(NameError::Unseen));
        assert_eq!(TokenName::new("Deploy").unwrap().key(), TokenName::new("DEPLOY").unwrap().key());
    }

    #[test]
    fn descriptions_may_have_lines() {
        assert_eq!(Description::new("one\r\ntwo\rthree\u{2028}four").unwrap().as_str(), "one\ntwo\nthree\nfour");
        assert_eq!(Description::new("a\tb\u{a0}c").unwrap().as_str(), "a b c");
        assert_eq!(Description::new(""), Ok(Description(String::new())));
        assert_eq!(Description::new(&"x".repeat(501)), Err(NameError::TooLong { max: 500 }));
        assert!(Description::new(&"👩‍💻".repeat(500)).is_ok());
        for unseen in ["a\0b", "a\u{ad}b", "\u{3164}", "one\n\u{2800}", "a\u{202e}b", "a\u{e0061}"] {
            assert_eq!(Description::new(unseen), Err(NameError::Unseen), "{unseen:?}");
        }
        assert_eq!(Description::new("one\n\u{301}two"), Err(NameError::Piled));
    }

    #[test]
    fn organization_names_are_addresses() {
        for good in ["acme", "a", "acme-2", &"a".repeat(63)] {
            assert!(OrganizationName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Acme", "-a", "a-", "a b", "a/b", "ac\u{ad}me", "аcme", &"a".repeat(64)] {
            assert!(OrganizationName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn emails() {
        assert_eq!(Email::new("Ada@Example.com").unwrap().as_str(), "ada@example.com");
        assert_eq!(Email::new("Jose\u{301}@example.com"), Email::new("josé@example.com"));
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a da@example.com",
            "a@b@c",
            "a\u{ad}da@example.com",
            "ada\u{200d}@example.com",
            "\u{ff41}da@example.com",
            "ad\u{430}@example.com",
        ] {
            assert!(Email::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        assert_eq!(Password::chosen("short").unwrap_err(), NameError::TooShort { min: 12 });
        assert_eq!(format!("{:?}", Password::chosen("correct horse battery").unwrap()), "Password(…)");
    }

    proptest! {
        #[test]
        fn a_hint_refuses_nothing_that_is_right(text in "(\\PC|[\\p{M}\\p{Zs}\\t\\r\\n]|[🏽👩‍️a-z]){0,130}") {
            if let Err(error) = hint(&text, TokenName::MAX) {
                prop_assert!(TokenName::new(&text).is_err(), "{:?}", error);
            }
            if hint(&text, 50).is_err() {
                prop_assert!(text::lines(&text, 50).is_err());
            }
        }
    }
}
