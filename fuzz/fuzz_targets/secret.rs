//! What is presented as a secret, a candidate in each line: what parses has the published form, and no other spelling
//! or neighbour of it parses.
#![no_main]

use latchkey_domain::{Secret, SecretKind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for line in text.split('\n') {
        check(line);
    }
    // Random candidates hardly ever have the right checksum: one that is made of the input has.
    let mut bytes = text.bytes().chain(0..).cycle();
    let kind = SecretKind::ALL[bytes.next().map_or(0, usize::from) % SecretKind::ALL.len()];
    let (at, to) = (bytes.next().map_or(0, usize::from), bytes.next().unwrap_or(b'x'));
    let made = Secret::generate(kind, |random| random.fill_with(|| bytes.next().unwrap_or_default()));
    assert!(check(made.reveal()));
    let mut changed = made.reveal().as_bytes().to_vec();
    let at = at % changed.len();
    changed[at] = to;
    if let Ok(changed) = std::str::from_utf8(&changed) {
        assert_eq!(check(changed), changed == made.reveal(), "{changed}");
    }
    for longer in [format!("{} ", made.reveal()), format!(" {}", made.reveal()), made.reveal().repeat(2)] {
        assert!(!check(&longer));
    }
});

/// Whether it parses.
fn check(text: &str) -> bool {
    let Ok(secret) = Secret::parse(text) else { return false };
    let body = text.strip_prefix(secret.kind().prefix()).expect("a secret begins with its prefix");
    assert!(body.len() == 36 && body.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(secret.reveal(), text);
    assert_eq!(secret.prefix().as_str(), &text[..8]);
    assert!(!format!("{secret:?}").contains(body));
    true
}
