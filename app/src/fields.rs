//! What a form or a query string carries.

use axum::{
    Form,
    extract::{FromRequest, Request},
    response::IntoResponse,
};
use http::Method;
use serde::Deserialize;

use crate::page::PageError;

/// Names with their values, in the order they were sent; a name may come more than once.
///
/// Taken as the last argument of a handler: from the query of a GET, from the body of a POST. Unknown names are ignored,
/// missing ones are empty: what a value has to look like is checked by the use case that gets it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value, without white space around it; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The first value as it was sent, for passwords and texts of more than one line.
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
    }

    /// Like [`Fields::text`], `None` instead of empty.
    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Every value of a name that is not empty.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(given, _)| given == name)
            .map(|(_, value)| value.trim())
            .filter(|text| !text.is_empty())
    }

    /// All of them as one text, without what nobody but the person may keep.
    pub(crate) fn pack(&self) -> String {
        let kept = self.0.iter().filter(|(name, _)| !name.contains("password"));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    }

    /// Reads a query string, or [`Fields::pack`].
    pub(crate) fn parse(query: &str) -> Self {
        form_urlencoded::parse(query.as_bytes()).collect()
    }

    /// Whether the name was sent at all, as a ticked box or a pressed button is.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Self, PageError> {
        // A HEAD is a GET without its answer (RFC 9110, section 9.3.2).
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(Self::parse(request.uri().query().unwrap_or_default()));
        }
        match Form::<Self>::from_request(request, state).await {
            Ok(Form(fields)) => Ok(fields),
            Err(rejection) => Err(PageError::UnreadableForm(rejection.into_response().status())),
        }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_without_passwords() {
        let sent = [
            ("name", "a&b=c d+é\r\n\"</textarea>"),
            ("scopes", "x"),
            ("scopes", "y"),
            ("password", "p"),
            ("new_password", "p"),
        ];
        let fields: Fields = sent.into_iter().collect();
        assert_eq!(Fields::parse(&fields.pack()), sent.into_iter().take(3).collect());
    }
}
