//! The root key of an instance, and the secrets that are derived from it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use latchkey_domain::{Secret, SecretKind};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::Random;

/// What everything that the server derives is derived from: one key of 32 random bytes, and after a rotation those that
/// it had before, newest first. It can't be printed, and its memory is wiped when it is dropped.
pub struct RootKey(Zeroizing<Vec<[u8; 32]>>);

/// Why bytes are not a [`RootKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must hold 1 to {} keys of 32 bytes, newest first, and nothing else", RootKey::MAX)]
pub struct RootKeyError;

impl RootKey {
    /// Bytes of one key.
    pub const LENGTH: usize = 32;
    /// Most keys, counting those that were rotated out.
    pub const MAX: usize = 8;

    /// The keys of a file.
    pub fn new(bytes: &[u8]) -> Result<Self, RootKeyError> {
        let (keys, rest) = bytes.as_chunks::<{ Self::LENGTH }>();
        if keys.is_empty() || keys.len() > Self::MAX || !rest.is_empty() {
            return Err(RootKeyError);
        }
        Ok(Self(Zeroizing::new(keys.to_vec())))
    }

    /// A key of this process alone: what is derived from it, another one can't derive again.
    pub(crate) fn random(random: &dyn Random) -> Self {
        let mut key = [0; Self::LENGTH];
        random.fill(&mut key);
        Self(Zeroizing::new(vec![key]))
    }

    /// Derives a secret from each key, newest first, for a request that was sent with an `Idempotency-Key`; `parts` are
    /// who sent it, to which route, under which key, with which content; `salt` is random and is kept for 24 hours.
    ///
    /// The answer to such a request can be asked for again, so its secret has to be known again; and it must not be
    /// stored. Therefore it is not random but derived. What that gives to whom:
    ///
    /// - Who reads the database finds the salt and hashes. Without the root key, the secret is 178 bits of HMAC output:
    ///   no easier to find than a random one.
    /// - Who has the root key as well (the file is not in the database, nor in a backup of it) still needs the client's
    ///   key, of which the database has a hash only: random ones are safe, a `1` is found by trying. And 24 hours later
    ///   the salt is gone, and with it the last way to the secret, also for who steals both afterwards. So a stolen root
    ///   key makes no token, and opens none that is older than a day.
    /// - Who knows the client's key (from its log) gets nothing without the caller's own credential: the caller is part
    ///   of what is derived. With that credential they could make tokens anyway; each repetition is an audit event.
    /// - Another request under the same key has another content, which is refused; and if it were not, it would have
    ///   another secret. A key that comes back after a day meets another salt: no secret is ever given twice.
    pub(crate) fn idempotent_secrets(
        &self,
        kind: SecretKind,
        parts: [&[u8]; 4],
        salt: &[u8; 32],
    ) -> impl Iterator<Item = Secret> {
        self.0.iter().map(move |key| {
            let mut mac = labelled(key, b"idempotent-secret", &parts);
            mac.update(salt);
            let seed = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
            let mut block = 0_u32;
            Secret::generate(kind, |bytes| {
                for piece in bytes.chunks_mut(32) {
                    let mut mac = keyed(&seed);
                    mac.update(&block.to_be_bytes());
                    let made = mac.finalize().into_bytes();
                    piece.copy_from_slice(&made[..piece.len()]);
                    block += 1;
                }
            })
        })
    }

    /// Signs parts with the newest key; `label` says what for.
    pub(crate) fn sign(&self, label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        self.0.first().map(|key| labelled(key, label, parts).finalize().into_bytes().into()).unwrap_or_default()
    }

    /// Whether one of the keys has signed that; takes as long whatever is wrong.
    pub(crate) fn has_signed(&self, label: &[u8], parts: &[&[u8]], tag: &[u8; 32]) -> bool {
        self.0.iter().any(|key| labelled(key, label, parts).verify_slice(tag).is_ok())
    }
}

fn labelled(key: &[u8; 32], label: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = keyed(key);
    mac.update(label);
    for part in parts {
        // With their lengths, so that no two lists of parts look the same.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 2)")]
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes any key")
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(key: &[u8], parts: [&str; 4], salt: u8) -> String {
        let key = RootKey::new(key).unwrap();
        let parts = parts.map(str::as_bytes);
        let secret = key.idempotent_secrets(SecretKind::ApiToken, parts, &[salt; 32]).next().unwrap();
        secret.reveal().to_owned()
    }

    #[test]
    fn the_same_again_and_nothing_else() {
        let parts = ["user 1", "create", "key", "body"];
        let first = secret(&[7; 32], parts, 1);
        assert_eq!(secret(&[7; 32], parts, 1), first);
        assert!(Secret::parse(&first).is_ok());
        let mut others = vec![secret(&[8; 32], parts, 1), secret(&[7; 32], parts, 2)];
        for at in 0..4 {
            let mut other = parts;
            other[at] = "other";
            others.push(secret(&[7; 32], other, 1));
        }
        // The border between two parts counts.
        others.push(secret(&[7; 32], ["user 1c", "reate", "key", "body"], 1));
        assert!(!others.contains(&first));
    }

    #[test]
    fn a_rotated_key_still_derives() {
        let parts = [b"a".as_slice(), b"b", b"c", b"d"];
        let rotated = RootKey::new(&[[9; 32], [7; 32]].concat()).unwrap();
        let secrets: Vec<_> = rotated.idempotent_secrets(SecretKind::ApiToken, parts, &[1; 32]).collect();
        assert_eq!(secrets.len(), 2);
        assert_eq!(secrets[1].reveal(), secret(&[7; 32], ["a", "b", "c", "d"], 1));
    }

    #[test]
    fn what_was_signed_is_known_until_its_key_is_gone() {
        let (old, new) = (RootKey::new(&[7; 32]).unwrap(), RootKey::new(&[9; 32]).unwrap());
        let rotated = RootKey::new(&[[9; 32], [7; 32]].concat()).unwrap();
        let tag = old.sign(b"device", &[b"one", b"two"]);
        assert!(old.has_signed(b"device", &[b"one", b"two"], &tag));
        assert!(rotated.has_signed(b"device", &[b"one", b"two"], &tag));
        assert!(!new.has_signed(b"device", &[b"one", b"two"], &tag));
        assert!(!old.has_signed(b"other", &[b"one", b"two"], &tag));
        assert!(!old.has_signed(b"device", &[b"onet", b"wo"], &tag));
        assert_eq!(rotated.sign(b"device", &[b"one"]), new.sign(b"device", &[b"one"]));
        // An all-zero tag, which an impossible empty key would give, is nobody's.
        assert!(!old.has_signed(b"device", &[], &[0; 32]));
    }

    #[test]
    fn other_bytes_are_no_key() {
        for length in [0, 31, 33, 32 * 9] {
            assert_eq!(RootKey::new(&vec![1; length]).unwrap_err(), RootKeyError, "{length}");
        }
        assert_eq!(format!("{:?}", RootKey::new(&[1; 64]).unwrap()), "RootKey(…)");
    }
}
