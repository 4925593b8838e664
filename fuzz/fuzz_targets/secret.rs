//! What is presented as a secret: what parses is what was made, and nothing panics.
#![no_main]

use latchkey_domain::Secret;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(secret) = Secret::parse(text) {
        assert_eq!(secret.reveal(), text);
        assert!(text.len() >= 39 && text.is_ascii());
    }
});
