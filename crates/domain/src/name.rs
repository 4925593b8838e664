use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// Why a name or another short text was refused; completes the sentence "The name …" or stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Too few characters.
    #[error("must have at least {min} characters")]
    TooShort { min: usize },
    /// Too many characters.
    #[error("must have at most {max} characters")]
    TooLong { max: usize },
    /// A character that can't be seen: a line break, a direction mark, a null.
    #[error("must not contain control characters")]
    Control,
    /// Not of the form that the thing has.
    #[error("{0}")]
    Form(&'static str),
}

/// Declares a text that is trimmed and checked when it is made.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks and trims.
            pub fn new(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> Result<String, NameError> = $check;
                check(text.trim()).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
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
    /// A token's name: 1 to 100 characters on one line.
    TokenName,
    |text| required(text, TokenName::MAX)
);
text!(
    /// A token's description: up to 500 characters, line breaks allowed.
    Description,
    |text| {
        if text.chars().any(|c| unseen(c) && c != '\n' && c != '\r') {
            return Err(NameError::Control);
        }
        bounded(text, Description::MAX).map(|text| text.replace("\r\n", "\n"))
    }
);
text!(
    /// A project's name: 1 to 100 characters on one line.
    ProjectName,
    |text| required(text, 100)
);
text!(
    /// An organization's name, also its address: 1 to 63 lower-case letters, digits and inner hyphens (RFC 1123, section 2.1).
    OrganizationName,
    |text| {
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b'-');
        let bytes = text.as_bytes();
        if text.is_empty() {
            Err(NameError::Empty)
        } else if text.len() > 63 {
            Err(NameError::TooLong { max: 63 })
        } else if bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
            && edge(bytes.first())
            && edge(bytes.last())
        {
            Ok(text.to_owned())
        } else {
            Err(NameError::Form("must be lower-case letters, digits and hyphens, such as acme-2"))
        }
    }
);
text!(
    /// An email address, in lower case. Whether mail arrives is not known here.
    Email,
    |text| {
        let text = required(text, 254)?.to_lowercase();
        let well_formed = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !domain.starts_with('.')
        });
        if well_formed && !text.contains(char::is_whitespace) {
            Ok(text)
        } else {
            Err(NameError::Form("must be an email address, such as ada@example.com"))
        }
    }
);

impl TokenName {
    /// Longest name, in characters.
    pub const MAX: usize = 100;

    /// What names are compared and sorted by: two tokens can't differ in case alone.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl Description {
    /// Longest description, in characters.
    pub const MAX: usize = 500;
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

fn required(text: &str, max: usize) -> Result<String, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.chars().any(unseen) {
        return Err(NameError::Control);
    }
    bounded(text, max)
}

fn bounded(text: &str, max: usize) -> Result<String, NameError> {
    if text.chars().count() > max { Err(NameError::TooLong { max }) } else { Ok(text.to_owned()) }
}

/// Characters that would let a name look like another one (Unicode's bidirectional controls) or break a line.
fn unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn token_names() {
        assert_eq!(TokenName::new("  GitHub Actions CI ").unwrap().as_str(), "GitHub Actions CI");
        assert_eq!(TokenName::new(" "), Err(NameError::Empty));
        assert!(TokenName::new(&"é".repeat(100)).is_ok());
        assert_eq!(TokenName::new(&"é".repeat(101)), Err(NameError::TooLong { max: 100 }));
        assert_eq!(TokenName::new("a\u{202e}b"), Err(NameError::Control));
        assert_eq!(TokenName::new("Deploy").unwrap().key(), TokenName::new("DEPLOY").unwrap().key());
    }

    #[test]
    fn descriptions_may_have_lines() {
        assert_eq!(Description::new("one\r\ntwo").unwrap().as_str(), "one\ntwo");
        assert_eq!(Description::new(&"x".repeat(501)), Err(NameError::TooLong { max: 500 }));
        assert_eq!(Description::new("a\0b"), Err(NameError::Control));
    }

    #[test]
    fn organization_names_are_addresses() {
        for good in ["acme", "a", "acme-2", &"a".repeat(63)] {
            assert!(OrganizationName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Acme", "-a", "a-", "a b", "a/b", &"a".repeat(64)] {
            assert!(OrganizationName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn emails() {
        assert_eq!(Email::new("Ada@Example.com").unwrap().as_str(), "ada@example.com");
        for bad in ["", "ada", "@example.com", "ada@", "a da@example.com", "a@b@c"] {
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
        fn an_accepted_name_is_seen_and_bounded(text in "\\PC{0,120}|.{0,120}") {
            if let Ok(name) = TokenName::new(&text) {
                prop_assert!((1..=100).contains(&name.as_str().chars().count()));
                prop_assert!(!name.as_str().chars().any(unseen));
                prop_assert_eq!(TokenName::new(name.as_str()), Ok(name));
            }
        }
    }
}
