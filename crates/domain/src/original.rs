use thiserror::Error;

/// The request that a proxy asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalRequest {
    /// As it stands in the request line.
    pub method: String,
    /// Path with query.
    pub target: String,
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
    /// Nothing at all.
    #[error("the proxy does not say which request it asks about; see docs/forward-auth/README.md")]
    Missing,
}

impl OriginalRequest {
    /// What all places say where the original request may stand, as (method, target), the target alone or with scheme
    /// and host before it. Each proxy uses one of these places, and a client can fill the others: so all that are there
    /// must say the same.
    pub fn agreed<'a>(places: impl IntoIterator<Item = (Option<&'a str>, &'a str)>) -> Result<Self, OriginalError> {
        let mut found: Option<Self> = None;
        for (method, target) in places {
            let method = method.ok_or(OriginalError::NoMethod)?.to_owned();
            let original = Self { method, target: without_authority(target).to_owned() };
            if found.as_ref().is_some_and(|other| *other != original) {
                return Err(OriginalError::Ambiguous);
            }
            found = Some(original);
        }
        found.ok_or(OriginalError::Missing)
    }
}

/// The path and query of an absolute address.
fn without_authority(target: &str) -> &str {
    let rest = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://"));
    rest.map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]))
}
