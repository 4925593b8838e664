use std::borrow::Cow;

use thiserror::Error;

/// The request that a proxy asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalRequest<'a> {
    /// As it stands in the request line.
    pub method: &'a str,
    /// Path with query.
    pub target: Cow<'a, str>,
}

/// Why it is not clear what a proxy asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OriginalError {
    /// It says two things: a client has sent headers of its own.
    #[error("the headers that name the original request contradict each other")]
    Ambiguous,
    /// A target without its method.
    #[error("a header names the original target, but none its method")]
    NoMethod,
    /// A method without its target.
    #[error("a header names the original method, but none its target")]
    NoTarget,
    /// Nothing at all.
    #[error("the proxy does not say which request it asks about; see docs/forward-auth/README.md")]
    Missing,
}

impl<'a> OriginalRequest<'a> {
    /// What all places say where the original request may stand, as (method, target), the target alone or with scheme
    /// and host before it. Each proxy uses one of these places, and a client can fill the others: so all that are there
    /// must say the same.
    pub fn agreed(places: impl IntoIterator<Item = (Option<&'a str>, &'a str)>) -> Result<Self, OriginalError> {
        let mut found: Option<Self> = None;
        for (method, target) in places {
            let method = method.ok_or(OriginalError::NoMethod)?;
            let original = Self { method, target: path_and_query(target) };
            if found.as_ref().is_some_and(|other| *other != original) {
                return Err(OriginalError::Ambiguous);
            }
            found = Some(original);
        }
        found.ok_or(OriginalError::Missing)
    }
}

/// The path and query of an absolute address.
fn path_and_query(target: &str) -> Cow<'_, str> {
    let Some(rest) = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://")) else {
        return target.into();
    };
    // Where the authority ends (RFC 3986, section 3.2). Some take a backslash for a slash: it stays, to be refused.
    let rest = &rest[rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len())..];
    if rest.starts_with(['/', '\\']) { rest.into() } else { ["/", rest].concat().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_its_path_and_query() {
        for (target, read) in [
            ("/api?next=http://host/x", "/api?next=http://host/x"),
            ("https://host/api?x=1", "/api?x=1"),
            ("http://host:8080", "/"),
            ("http://host?next=/api", "/?next=/api"),
            ("http://host#/api", "/#/api"),
            ("http://host\\x/api", "\\x/api"),
        ] {
            let agreed = OriginalRequest::agreed([(Some("GET"), target)]).unwrap();
            assert_eq!(agreed.target, read, "{target}");
        }
    }
}
