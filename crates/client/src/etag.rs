use std::ops::Deref;

/// Tells one version of an object from others (RFC 9110, section 8.8.3): what `If-Match` and `If-None-Match` take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(pub(crate) String);

impl ETag {
    /// One that was kept elsewhere, as it stood in the header, with its quotes.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it stands in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An object with the tag of its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged<T> {
    /// The object.
    pub value: T,
    /// Its tag; `None` if something between has taken it away.
    pub etag: Option<ETag>,
}

impl<T> Deref for Tagged<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
