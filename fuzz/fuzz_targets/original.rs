//! The places where a proxy's original request may stand, each a line of method and target: what is agreed is what each
//! of them says, in whichever order they come.
#![no_main]

use latchkey_domain::OriginalRequest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let places: Vec<(Option<&str>, &str)> = text
        .split('\n')
        .map(|line| line.split_once(' ').map_or((None, line), |(method, target)| (Some(method), target)))
        .collect();
    let agreed = OriginalRequest::agreed(places.iter().copied()).ok();
    assert_eq!(agreed, OriginalRequest::agreed(places.iter().rev().copied()).ok());
    let read = |(method, target): &(Option<&str>, &str)| Some((method.map(str::to_owned)?, path_and_query(target)));
    let mut all: Vec<_> = places.iter().map(read).collect();
    all.dedup();
    let expected = if let [Some(one)] = &*all { Some(one.clone()) } else { None };
    assert_eq!(agreed.map(|agreed| (agreed.method, agreed.target)), expected);
});

/// As RFC 3986 has it: the authority ends at the first of `/`, `?` and `#`, and an empty path is `/`. Browsers take a
/// backslash for a slash.
fn path_and_query(target: &str) -> String {
    let Some(rest) = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://")) else {
        return target.to_owned();
    };
    let rest: String = rest.chars().skip_while(|char| !matches!(char, '/' | '\\' | '?' | '#')).collect();
    if rest.starts_with(['/', '\\']) { rest } else { ["/", &rest].concat() }
}
