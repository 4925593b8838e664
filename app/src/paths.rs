//! Addresses on this site.

/// Longest address that is followed, in bytes: longer ones pass few proxies. A page of ticked tokens takes a quarter.
const LONGEST: usize = 8_000;

/// A path with its query on this site, as it may stand in a `Location` header; `None` for anything that a browser
/// could take for another site.
///
/// A browser drops tabs and line breaks from an address and reads `\` as `/`, so that `/\t/evil.example` leads away:
/// only visible ASCII without a backslash is let through.
pub fn local(text: &str) -> Option<&str> {
    let starts = text.starts_with('/') && !text.starts_with("//");
    let plain = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (starts && plain).then_some(text)
}

/// Percent-encodes a value for a query string, or a segment of a path (RFC 3986, section 2.3).
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    push_encoded(&mut encoded, text);
    encoded
}

/// Appends what [`encode`] returns.
pub fn push_encoded(to: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            to.push(char::from(byte));
        } else {
            to.push('%');
            to.push(char::from(HEX[usize::from(byte >> 4)]));
            to.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// The list of an organization's tokens.
pub fn tokens(organization: &str) -> String {
    let mut path = String::from("/orgs/");
    push_encoded(&mut path, organization);
    path.push_str("/settings/tokens");
    path
}

/// The form for a new token.
pub fn new_token(organization: &str) -> String {
    tokens(organization) + "/new"
}

/// The setting of auto-revoke.
pub fn auto_revoke(organization: &str) -> String {
    tokens(organization) + "/auto-revoke"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_on_this_site_are_local() {
        for good in ["/", "/orgs/acme/settings/tokens?q=a%20b&sort=name", "/login", "/a//b", "/a?next=//b"] {
            assert_eq!(local(good), Some(good));
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        for bad in [
            "",
            "orgs",
            "//evil.example",
            "/\\evil.example",
            "/a\\b",
            "/\t/evil.example",
            "/\n/evil.example",
            " /a",
            "/a b",
            "/ä",
            "https://evil.example",
            "javascript:alert(1)",
            &long,
        ] {
            assert_eq!(local(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn values_are_encoded() {
        assert_eq!(encode("a b&c=d/é~"), "a%20b%26c%3Dd%2F%C3%A9~");
        assert_eq!(tokens("acme"), "/orgs/acme/settings/tokens");
    }
}
