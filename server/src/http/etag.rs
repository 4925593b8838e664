//! Entity tags and the conditions on them (RFC 9110, sections 8.8.3 and 13.1).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponseParts, ResponseParts};

use super::problem::Problem;

/// The entity tag of an answer.
pub(crate) struct ETag(pub(crate) String);

/// The tags of `If-Match`: proceed only if one of them is current. `None` without the header, and for `*`.
///
/// The comparison is strong (RFC 9110, section 13.1.1): a weak tag never matches. A proxy that compresses makes our tags
/// weak, or adds a suffix; a client that sends such a tag gets an error that says so.
pub(crate) struct IfMatch(pub(crate) Option<Vec<String>>);

/// The tags of `If-None-Match`: the client has these versions.
pub(crate) struct IfNoneMatch(Vec<String>);

impl IfNoneMatch {
    /// Whether the client has this version.
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
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(sent) = tags(&parts.headers, &header::IF_MATCH).filter(|tags| !tags.iter().any(|tag| tag == "*"))
        else {
            return Ok(Self(None));
        };
        let strong = sent.iter().filter_map(|tag| tag.strip_prefix('"')?.strip_suffix('"')).filter(|tag| is_ours(tag));
        let strong: Vec<_> = strong.map(str::to_owned).collect();
        if strong.is_empty() { Err(not_ours(&sent)) } else { Ok(Self(Some(strong))) }
    }
}

/// Whether it is formed as our tags, which are versions in hexadecimal.
fn is_ours(tag: &str) -> bool {
    !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn not_ours(sent: &[String]) -> Problem {
    let detail = if sent.iter().any(|tag| tag.starts_with("W/")) {
        "If-Match has only weak tags (W/\"…\"), which never match (RFC 9110, section 13.1.1). A proxy that compresses makes a \
         tag weak on its way to you: send it without the W/"
    } else {
        "If-Match has no tag of Latchkey. Send the ETag of an answer as it was, in quotes; what a proxy that compresses has \
         put at its end, such as -gzip, has to go"
    };
    Problem::new(StatusCode::PRECONDITION_FAILED, "weak-tag", detail)
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(tags(&parts.headers, &header::IF_NONE_MATCH).unwrap_or_default()))
    }
}

/// The members of a list header. None of our tags contains a comma.
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

    async fn if_match(lines: &[&str]) -> Result<Option<Vec<String>>, String> {
        let mut request = Request::builder();
        for line in lines {
            request = request.header(header::IF_MATCH, *line);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let read = IfMatch::from_request_parts(&mut parts, &()).await;
        read.map(|IfMatch(tags)| tags).map_err(|problem| format!("{} {}", problem.status(), problem.kind()))
    }

    #[tokio::test]
    async fn what_is_no_strong_tag_never_holds() {
        assert_eq!(if_match(&[]).await, Ok(None));
        assert_eq!(if_match(&["*"]).await, Ok(None));
        assert_eq!(if_match(&["\"a\", \"b\"", "\"c\""]).await.unwrap().unwrap(), ["a", "b", "c"]);
        assert_eq!(if_match(&["W/\"a\", \"b\""]).await.unwrap().unwrap(), ["b"]);
        for line in
            ["W/\"a\"", "W/\"a\", W/\"b\"", "a, \"b", "\"a-gzip\"", "\"a;br\"", "", ",", "\"\"", "w/\"a\"", "W/*"]
        {
            assert_eq!(if_match(&[line]).await.unwrap_err(), "412 Precondition Failed weak-tag", "{line}");
        }
    }
}
