//! Entity tags and the conditions on them (RFC 9110, sections 8.8.3 and 13.1).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponseParts, ResponseParts};

/// The tag of what an answer shows.
pub(crate) struct ETag(pub(crate) String);

/// The tags of `If-Match`: do it only while one of them holds. `None` without the header, and for `*`.
pub(crate) struct IfMatch(pub(crate) Option<Vec<String>>);

/// The tags of `If-None-Match`: the client has these.
pub(crate) struct IfNoneMatch(Vec<String>);

impl IfNoneMatch {
    /// Whether the client has this one.
    pub(crate) fn holds(&self, tag: &str) -> bool {
        self.0.iter().any(|known| known == "*" || known.trim_start_matches("W/").trim_matches('"') == tag)
    }
}

impl IntoResponseParts for ETag {
    type Error = Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, value);
        }
        Ok(response)
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(tags(&parts.headers, &header::IF_MATCH).filter(|tags| !tags.iter().any(|tag| tag == "*")).map(
            // Compared strongly: a weak tag never holds. Neither does what is no tag.
            |tags| tags.iter().filter_map(|tag| tag.strip_prefix('"')?.strip_suffix('"')).map(str::to_owned).collect(),
        )))
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(tags(&parts.headers, &header::IF_NONE_MATCH).unwrap_or_default()))
    }
}

/// The members of a list header as they were sent. None of our tags has a comma in it.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    let lines = lines.map(|line| line.to_str().unwrap_or_default());
    Some(lines.flat_map(|line| line.split(',')).map(|tag| tag.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn if_match(lines: &[&str]) -> Option<Vec<String>> {
        let mut request = Request::builder();
        for line in lines {
            request = request.header(header::IF_MATCH, *line);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let Ok(IfMatch(tags)) = IfMatch::from_request_parts(&mut parts, &()).await;
        tags
    }

    #[tokio::test]
    async fn what_is_no_strong_tag_never_holds() {
        assert_eq!(if_match(&[]).await, None);
        assert_eq!(if_match(&["*"]).await, None);
        assert_eq!(if_match(&["\"a\", \"b\"", "\"c\""]).await.unwrap(), ["a", "b", "c"]);
        assert_eq!(if_match(&["W/\"a\", b, \"c"]).await.unwrap(), Vec::<String>::new());
        assert_eq!(if_match(&[""]).await.unwrap(), Vec::<String>::new());
    }
}
