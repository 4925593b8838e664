//! The three headers of a signed request: what is read is written the same, and is a signature of nothing.
#![no_main]

use latchkey_domain::{Secret, SecretKind, Signature, SignedRequest, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|headers: (Option<&str>, Option<&str>, Option<&str>, &str)| {
    let (signature, timestamp, nonce, target) = headers;
    if let Ok(Some(read)) = Signature::from_headers(signature, timestamp, nonce) {
        let [(_, mac), (_, at), (_, once)] = read.headers();
        assert_eq!(Some(mac), signature.map(str::to_lowercase));
        assert_eq!((Some(at.as_str()), Some(once.as_str())), (timestamp, nonce));
        let secret = Secret::generate(SecretKind::ApiToken, |bytes| bytes.fill(7));
        let request = SignedRequest { method: "GET", target, body_hash: SignedRequest::NO_BODY };
        assert!(read.verify(&secret, &request, Timestamp::EPOCH).is_err());
    }
});
