use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX_CHARS: usize = 3;
const RANDOM_CHARS: usize = 30;
const CHECKSUM_CHARS: usize = 6;

/// What a secret is for, told by its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// An API token, `ci_`. Never change this prefix: secret scanners, clients and the published expression know it.
    ApiToken,
    /// A user token, `lku_`.
    UserToken,
    /// The one-time set-up link of a new instance, `lki_`.
    Setup,
    /// The one-time link of an invitation, `lkj_`.
    Invitation,
}

impl SecretKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ApiToken, Self::UserToken, Self::Setup, Self::Invitation];

    /// The characters that every secret of this kind starts with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ApiToken => "ci_",
            Self::UserToken => "lku_",
            Self::Setup => "lki_",
            Self::Invitation => "lkj_",
        }
    }
}

/// A credential's full text: prefix, 30 base62 characters (178 bits), and 6 base62 characters of CRC-32 over both.
///
/// It can't be printed or serialized; [`Secret::reveal`] is the one way to the text, so that each use can be found.
/// Its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret {
    kind: SecretKind,
    text: Zeroizing<String>,
}

/// Why a text is not a secret. Told without a look into the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SecretError {
    /// The prefix is none of ours, or the length or an character is wrong.
    #[error("not of the form of a Latchkey secret")]
    Form,
    /// The form is right but the checksum is not: mistyped or cut.
    #[error("the checksum does not match: the secret was mistyped or cut")]
    Checksum,
}

impl Secret {
    /// The published regular expression that recognises API tokens, for secret scanners.
    pub const API_TOKEN_PATTERN: &'static str = "ci_[0-9A-Za-z]{36}";

    /// Characters after the prefix.
    pub const BODY: usize = RANDOM_CHARS + CHECKSUM_CHARS;

    /// Makes a secret from a source of random bytes, each of 62 characters being equally likely.
    pub fn generate(kind: SecretKind, mut random: impl FnMut(&mut [u8])) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(kind.prefix().len() + RANDOM_CHARS + CHECKSUM_CHARS));
        text.push_str(kind.prefix());
        let mut bytes = Zeroizing::new([0_u8; 64]);
        while text.len() < kind.prefix().len() + RANDOM_CHARS {
            random(&mut bytes[..]);
            // 248 is the largest multiple of 62 in a byte: what is above would favour the first 8 characters.
            for byte in bytes.iter().filter(|byte| **byte < 248) {
                if text.len() < kind.prefix().len() + RANDOM_CHARS {
                    text.push(char::from(BASE62[usize::from(byte % 62)]));
                }
            }
        }
        let sum = checksum(&text);
        text.push_str(std::str::from_utf8(&sum).unwrap_or_default());
        Self { kind, text }
    }

    /// Reads a presented secret: form first, then checksum.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let kind = SecretKind::ALL.into_iter().find(|kind| text.starts_with(kind.prefix())).ok_or(SecretError::Form)?;
        let body = &text[kind.prefix().len()..];
        if body.len() != RANDOM_CHARS + CHECKSUM_CHARS || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(SecretError::Form);
        }
        let (signed, sum) = text.split_at(text.len() - CHECKSUM_CHARS);
        if checksum(signed) != sum.as_bytes() {
            return Err(SecretError::Checksum);
        }
        Ok(Self { kind, text: Zeroizing::new(text.to_owned()) })
    }

    /// What the secret is for.
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The full text, for the one response that carries it.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What the database keeps.
    pub fn hash(&self) -> SecretHash {
        SecretHash(sha256(self.text.as_bytes()))
    }

    /// The first 8 characters, by which people recognise a token in a list.
    pub fn prefix(&self) -> SecretPrefix {
        SecretPrefix(self.text.chars().take(PREFIX_CHARS + 5).collect())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({}…)", self.kind.prefix())
    }
}

/// SHA-256 (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn checksum(signed: &str) -> [u8; CHECKSUM_CHARS] {
    let mut rest = crc32fast::hash(signed.as_bytes());
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// SHA-256 of a secret: what is stored. With 128 bits of entropy or more behind it, a slow hash would add nothing.
#[derive(Clone, Copy, Debug)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Of a secret that is no [`Secret`]: the id of a session.
    pub fn of(secret: &[u8]) -> Self {
        Self(sha256(secret))
    }

    /// The bytes, for the database.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}

/// The first 8 characters of a secret. Not secret: 5 of 30 random characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPrefix(String);

impl SecretPrefix {
    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(kind: SecretKind, seed: u64) -> Secret {
        let mut state = seed;
        Secret::generate(kind, |bytes| {
            for byte in bytes {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = (state >> 33) as u8;
            }
        })
    }

    #[test]
    fn has_the_published_form() {
        let secret = secret(SecretKind::ApiToken, 1);
        assert_eq!(secret.reveal().len(), 39);
        assert!(secret.reveal().starts_with("ci_"));
        assert_eq!(secret.prefix().as_str(), &secret.reveal()[..8]);
    }

    #[test]
    fn checksum_is_crc_32_of_what_comes_before() {
        // From Python: zlib.crc32(b"ci_" + b"0" * 30) in base62, most significant digit first.
        assert_eq!(&checksum("ci_000000000000000000000000000000"), b"0Dzvt7");
    }

    #[test]
    fn debug_shows_no_secret() {
        let secret = secret(SecretKind::UserToken, 2);
        assert_eq!(format!("{secret:?}"), "Secret(lku_…)");
    }

    proptest! {
        #[test]
        fn what_it_makes_it_reads(seed: u64) {
            for kind in SecretKind::ALL {
                let made = secret(kind, seed);
                let read = Secret::parse(made.reveal()).unwrap();
                prop_assert_eq!(read.kind(), kind);
                prop_assert_eq!(read.hash(), made.hash());
            }
        }

        #[test]
        fn one_wrong_character_is_found(seed: u64, at in 3_usize..39, to in 0_usize..62) {
            let made = secret(SecretKind::ApiToken, seed);
            let mut typed = made.reveal().as_bytes().to_vec();
            prop_assume!(typed[at] != BASE62[to]);
            typed[at] = BASE62[to];
            let typed = String::from_utf8(typed).unwrap();
            prop_assert_eq!(Secret::parse(&typed).unwrap_err(), SecretError::Checksum);
        }

        #[test]
        fn garbage_is_refused_without_panic(text in "\\PC{0,60}") {
            prop_assert!(Secret::parse(&text).is_err());
        }
    }
}
