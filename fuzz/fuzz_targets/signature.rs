//! A signed request in five lines: the three headers, the method and the target. Headers that are read are written the
//! same; what is signed is what the documentation says, and is accepted for that request and no other.
#![no_main]

use latchkey_domain::{Secret, SecretKind, Signature, SignatureError, SignedRequest, Timestamp, sha256, to_hex};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n').map(Some).chain(std::iter::repeat(None));
    let [signature, timestamp, nonce, method, target] = std::array::from_fn(|_| lines.next().flatten());
    let (method, target) = (method.unwrap_or("GET"), target.unwrap_or("/"));
    let secret = Secret::generate(SecretKind::ApiToken, |bytes| bytes.fill(7));
    let request = SignedRequest { method, target, body_hash: sha256(text.as_bytes()) };

    let read = Signature::from_headers(signature, timestamp, nonce);
    let zeros = "0".repeat(64);
    // The signature is hardly ever of the right form: these may be.
    let ((Ok(Some(read)), _) | (_, Ok(Some(read)))) = (read, Signature::from_headers(Some(&zeros), timestamp, nonce))
    else {
        return;
    };
    let [(_, mac), (_, at), (_, once)] = read.headers();
    assert!(mac == zeros || Some(&mac) == signature.map(str::to_lowercase).as_ref());
    assert_eq!((Some(&*at), Some(&*once)), (timestamp, nonce));
    assert!((1..=128).contains(&once.len()) && !once.contains(':') && !at.contains(':'));
    let now = Timestamp::from_micros(at.parse::<i64>().unwrap().saturating_mul(1_000));
    assert_eq!(read.verify(&secret, &request, now), Err(SignatureError::Mismatch));

    let said = format!("{at}:{once}:{method}:{target}:{}", to_hex(&request.body_hash));
    let mac = to_hex(&hmac(secret.reveal().as_bytes(), said.as_bytes()));
    let read = Signature::from_headers(Some(&mac), Some(&at), Some(&once)).unwrap().unwrap();
    assert_eq!(read.verify(&secret, &request, now), Ok(()));
    assert_eq!(read.verify(&secret, &request, now.plus_seconds(301)), Err(SignatureError::Clock));
    let other = [target, "/"].concat();
    for other in [
        SignedRequest { target: &other, ..request },
        SignedRequest { method: "PURGE", target: if method == "PURGE" { "" } else { target }, ..request },
        SignedRequest { body_hash: sha256(mac.as_bytes()), ..request },
    ] {
        let same = (other.method, other.target) == (method, target) && other.body_hash == request.body_hash;
        assert_eq!(read.verify(&secret, &other, now).is_ok(), same);
    }
});

/// RFC 2104 with SHA-256, for keys that are no longer than a block.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| (0..64).map(move |at| key.get(at).copied().unwrap_or_default() ^ pad);
    let inner: Vec<u8> = padded(0x36).chain(message.iter().copied()).collect();
    let outer: Vec<u8> = padded(0x5c).chain(sha256(&inner)).collect();
    sha256(&outer)
}
