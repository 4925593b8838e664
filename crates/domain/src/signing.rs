use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

use crate::{Secret, Timestamp, sha256};

/// Largest difference between a signature's clock and ours, in seconds, to either side.
const WINDOW_SECONDS: i64 = 5 * 60;
/// Ends a nonce that names an organization, before its name.
const NAMES: char = '@';
/// Longest nonce, in characters.
const NONCE_MAX: usize = 128;

/// A signature as its three headers carry it: HMAC-SHA256 (RFC 2104), with the token's secret as the key, over
/// `{timestamp}:{nonce}:{METHOD}:{path}:{bodyHash}`.
#[derive(Clone, Debug)]
pub struct Signature {
    mac: [u8; 32],
    /// As it was sent, because it is signed as it was sent.
    timestamp: String,
    at: Timestamp,
    nonce: String,
}

/// What was signed besides the signature's own headers.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// In capitals, as in the request line.
    pub method: &'a str,
    /// The request target: path and query as sent.
    pub target: &'a str,
    /// SHA-256 of the body as sent; see [`SignedRequest::NO_BODY`].
    pub body_hash: [u8; 32],
}

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Some of the three headers are there, but not all.
    #[error("a signed request has all of x-cli-signature, x-cli-timestamp and x-cli-nonce")]
    Incomplete,
    /// One of them is not of its form.
    #[error(
        "x-cli-signature must have 64 hexadecimal digits, x-cli-timestamp must be Unix milliseconds, x-cli-nonce must have 1 to 128 visible characters of ASCII"
    )]
    Form,
    /// The clocks differ too much, or the request is old.
    #[error("x-cli-timestamp is more than 5 minutes away from the time of the server")]
    Clock,
    /// The body is named in another way than once, by its SHA-256, or not at all where there may be one.
    #[error(
        "a signed request with a body, and each POST, PUT and PATCH, names its body's SHA-256 once, in Content-Digest: \
         sha-256=:...:, and has no Digest or Repr-Digest"
    )]
    Digest,
    /// Something is not as it was signed.
    #[error("the signature does not match the request")]
    Mismatch,
}

/// Whether requests of a method mostly have a body: of these, what is signed never says by its absence that there is none.
pub fn may_have_body(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH")
}

impl SignedRequest<'_> {
    /// SHA-256 of nothing.
    pub const NO_BODY: [u8; 32] = [
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae,
        0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ];
}

impl Signature {
    /// How long after its timestamp a signature is good, and how long before, in seconds; both included.
    pub const WINDOW_SECONDS: i64 = WINDOW_SECONDS;

    /// Reads the three headers; `None` when there is none of them.
    pub fn from_headers(
        signature: Option<&str>,
        timestamp: Option<&str>,
        nonce: Option<&str>,
    ) -> Result<Option<Self>, SignatureError> {
        let (signature, timestamp, nonce) = match (signature, timestamp, nonce) {
            (None, None, None) => return Ok(None),
            (Some(signature), Some(timestamp), Some(nonce)) => (signature, timestamp, nonce),
            _ => return Err(SignatureError::Incomplete),
        };
        let mac = from_hex(signature).ok_or(SignatureError::Form)?;
        // A sign, a space or a 20th digit would be read by some and not by others.
        let readable = timestamp.len() <= 16 && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let millis: i64 =
            timestamp.parse().ok().filter(|_| readable && !timestamp.is_empty()).ok_or(SignatureError::Form)?;
        // No colon: what is signed would fall into its parts in another way.
        let visible = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        if nonce.is_empty() || nonce.len() > NONCE_MAX || !nonce.bytes().all(visible) {
            return Err(SignatureError::Form);
        }
        Ok(Some(Self {
            mac,
            timestamp: timestamp.to_owned(),
            at: Timestamp::from_micros(millis.saturating_mul(1_000)),
            nonce: nonce.to_owned(),
        }))
    }

    /// Signs a request.
    pub fn sign(secret: &Secret, request: &SignedRequest<'_>, at: Timestamp, nonce: &str) -> Self {
        let timestamp = at.millis().to_string();
        let mac = mac(secret, &timestamp, nonce, request).finalize().into_bytes().into();
        Self { mac, at: Timestamp::from_micros(at.millis() * 1_000), timestamp, nonce: nonce.to_owned() }
    }

    /// Whether this is a signature of `request` with `secret`, made within 5 minutes of `now`. Takes the same time
    /// wherever the difference is.
    pub fn verify(&self, secret: &Secret, request: &SignedRequest<'_>, now: Timestamp) -> Result<(), SignatureError> {
        let apart = now.millis().saturating_sub(self.at.millis()).unsigned_abs();
        if apart > WINDOW_SECONDS.unsigned_abs() * 1_000 {
            return Err(SignatureError::Clock);
        }
        mac(secret, &self.timestamp, &self.nonce, request).verify_slice(&self.mac).map_err(|_| SignatureError::Mismatch)
    }

    /// When it says that it was made.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether it covers the organization that a header names: the nonce, which is signed, ends with `@` and the same
    /// text.
    pub fn names(&self, organization: &str) -> bool {
        self.nonce.rsplit_once(NAMES).is_some_and(|(_, named)| named == organization)
    }

    /// Names the nonce among those of all tokens; which token and which nonce it was can't be told from it.
    pub fn nonce_key(&self, secret: &Secret) -> [u8; 32] {
        let mut named = secret.hash().as_bytes().to_vec();
        named.extend_from_slice(self.nonce.as_bytes());
        sha256(&named)
    }

    /// The values of `x-cli-signature`, `x-cli-timestamp` and `x-cli-nonce`.
    pub fn headers(&self) -> [(&'static str, String); 3] {
        [
            ("x-cli-signature", to_hex(&self.mac)),
            ("x-cli-timestamp", self.timestamp.clone()),
            ("x-cli-nonce", self.nonce.clone()),
        ]
    }
}

fn mac(secret: &Secret, timestamp: &str, nonce: &str, request: &SignedRequest<'_>) -> Hmac<Sha256> {
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).unwrap_or_else(|_| unreachable!());
    for part in [timestamp, ":", nonce, ":", request.method, ":", request.target, ":"] {
        mac.update(part.as_bytes());
    }
    mac.update(to_hex(&request.body_hash).as_bytes());
    mac
}

/// 64 hexadecimal digits, in either case.
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? * 16 + digit(pair[1])?;
    }
    Some(bytes)
}

/// Lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from(b"0123456789abcdef"[usize::from(digit)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        let mut next = 0;
        Secret::generate(crate::SecretKind::ApiToken, |bytes| {
            bytes.fill_with(|| {
                next += 1;
                next
            });
        })
    }

    const REQUEST: SignedRequest<'_> =
        SignedRequest { method: "POST", target: "/api/scans/trigger/7?force=1", body_hash: SignedRequest::NO_BODY };

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn read(signature: &Signature) -> Signature {
        let [(_, mac), (_, timestamp), (_, nonce)] = signature.headers();
        Signature::from_headers(Some(&mac), Some(&timestamp), Some(&nonce)).unwrap().unwrap()
    }

    #[test]
    fn the_empty_body_has_the_hash_of_nothing() {
        assert_eq!(SignedRequest::NO_BODY, sha256(b""));
    }

    #[test]
    fn what_was_signed_is_accepted_and_nothing_else() {
        let signature = read(&Signature::sign(&secret(), &REQUEST, now(), "n-1"));
        assert_eq!(signature.verify(&secret(), &REQUEST, now()), Ok(()));
        let others = [
            SignedRequest { method: "PUT", ..REQUEST },
            SignedRequest { target: "/api/scans/trigger/8?force=1", ..REQUEST },
            SignedRequest { target: "/api/scans/trigger/7", ..REQUEST },
            SignedRequest { body_hash: sha256(b"{}"), ..REQUEST },
        ];
        for other in others {
            assert_eq!(signature.verify(&secret(), &other, now()), Err(SignatureError::Mismatch), "{other:?}");
        }
        let another = Secret::generate(crate::SecretKind::ApiToken, |bytes| bytes.fill(7));
        assert_eq!(signature.verify(&another, &REQUEST, now()), Err(SignatureError::Mismatch));
    }

    #[test]
    fn both_clocks_have_five_minutes() {
        let signature = Signature::sign(&secret(), &REQUEST, now(), "n");
        let at =
            |seconds: i64, millis: i64| Timestamp::from_micros(now().micros() + seconds * 1_000_000 + millis * 1_000);
        for (seconds, millis, accepted) in [(300, 0, true), (-300, 0, true), (300, 1, false), (-300, -1, false)] {
            let result = signature.verify(&secret(), &REQUEST, at(seconds, millis));
            assert_eq!(result, if accepted { Ok(()) } else { Err(SignatureError::Clock) }, "{seconds} {millis}");
        }
    }

    #[test]
    fn headers_must_be_whole_and_of_their_form() {
        let mac = "0".repeat(64);
        let read = |mac: &str, timestamp: &str, nonce: &str| {
            Signature::from_headers(Some(mac), Some(timestamp), Some(nonce)).map(|_| ())
        };
        assert_eq!(read(&mac, "1700000000000", "n"), Ok(()));
        assert!(matches!(Signature::from_headers(None, None, None), Ok(None)));
        assert_eq!(Signature::from_headers(Some(&mac), None, Some("n")).map(|_| ()), Err(SignatureError::Incomplete));
        let long = "n".repeat(129);
        for (mac, timestamp, nonce) in [
            ("0", "1700000000000", "n"),
            (&*"g".repeat(64), "1700000000000", "n"),
            (&mac, "", "n"),
            (&mac, "-1", "n"),
            (&mac, "+1700000000000", "n"),
            (&mac, "99999999999999999999", "n"),
            (&mac, "1700000000000", ""),
            (&mac, "1700000000000", "a:b"),
            (&mac, "1700000000000", "ü"),
            (&mac, "1700000000000", &long),
        ] {
            assert_eq!(read(mac, timestamp, nonce), Err(SignatureError::Form), "{timestamp} {nonce}");
        }
    }

    #[test]
    fn a_nonce_may_name_the_organization() {
        let names =
            |nonce: &str, organization: &str| Signature::sign(&secret(), &REQUEST, now(), nonce).names(organization);
        assert!(names("n-1@acme", "acme") && names("a@b@acme", "acme"));
        for nonce in ["n-1", "acme", "n-1@", "n-1@acme2", "acme@n-1", "n-1@Acme"] {
            assert!(!names(nonce, "acme"), "{nonce}");
        }
    }

    /// Made with Node's `crypto` and the algorithm that clients have.
    #[test]
    fn it_is_what_clients_send() {
        let hex = to_hex(&sha256(b"{\"a\":1}"));
        assert_eq!(hex, "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862");
        assert_eq!(from_hex(&hex.to_uppercase()), from_hex(&hex));
    }
}
