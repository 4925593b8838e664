//! Method and target in the first line, a route file in the others. Whatever file there is: a path for which a rule is
//! found has one reading only, and what is needed follows from it.
#![no_main]

use std::sync::LazyLock;

use latchkey_domain::Routes;
use libfuzzer_sys::fuzz_target;

static BUILT_IN: LazyLock<Routes> = LazyLock::new(|| Routes::built_in().unwrap());

fuzz_target!(|text: &str| {
    let (line, file) = text.split_once('\n').unwrap_or((text, ""));
    let Some((method, target)) = line.split_once(' ') else { return };
    let path = target.split('?').next().unwrap_or_default();

    if let Ok(needed) = BUILT_IN.needed(method, target) {
        check(path);
        assert!(needed.repository.is_none_or(|repository| path.contains(&repository)));
        let resource = path.split('/').nth(2).expect("every path of the built-in file has two segments");
        assert_eq!(needed.scope.expect("and a scope").as_str().split(':').next(), Some(resource));
        // Reading is never less than reading, and never lets one write.
        if matches!(method, "GET" | "HEAD") {
            assert_eq!(BUILT_IN.needed("GET", path).ok(), BUILT_IN.needed("HEAD", target).ok());
        }
    }
    if Routes::from_toml(file).is_ok_and(|routes| routes.needed(method, target).is_ok()) {
        check(path);
    }
});

fn check(path: &str) {
    assert!(path.len() <= 4_096);
    assert_eq!(plain(path).as_deref(), Some(&*path.to_uppercase()), "{path} has another reading");
}

/// The path with each segment decoded and written anew, in capitals because the digits of escapes may be small; `None`
/// if a segment leads elsewhere or is no text.
fn plain(path: &str) -> Option<String> {
    let segments = path.strip_prefix('/')?.split('/').map(|segment| {
        let mut bytes = Vec::new();
        let mut rest = segment.as_bytes();
        while let Some((first, others)) = rest.split_first() {
            let escape = others.get(..2).filter(|_| *first == b'%');
            let escape = escape.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
            bytes.push(escape.unwrap_or(*first));
            rest = if escape.is_some() { &others[2..] } else { others };
        }
        let text = String::from_utf8(bytes).ok()?;
        if matches!(&*text, "." | "..") || text.contains(['/', '\\']) || text.chars().any(char::is_control) {
            return None;
        }
        let written = text.bytes().map(|byte| {
            // `pchar` of RFC 3986, section 3.3, without the semicolon that some cut segments off at.
            let plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte);
            if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
        });
        Some(written.collect::<String>().to_uppercase())
    });
    let segments: Vec<String> = segments.collect::<Option<_>>()?;
    let last = segments.len() - 1;
    let whole = segments.iter().take(last).all(|segment| !segment.is_empty());
    whole.then(|| ["/", &segments.join("/")].concat())
}
