//! Headers that may occur once: the credential, and the organization to act on.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use latchkey_domain::OrganizationKey;
use latchkey_service::{AuthenticationError, Error};

// Names that each request is looked through for. A name that is given as a text is read anew each time.
pub(crate) static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static LATCHKEY_ORGANIZATION: HeaderName = HeaderName::from_static("latchkey-organization");
static CHAINLOOP_ORGANIZATION: HeaderName = HeaderName::from_static("chainloop-organization");

/// Which headers a request has that few have, after one look at each name: to look up what is not there takes longer.
#[derive(Default)]
pub(crate) struct RareHeaders {
    /// `x-forwarded-…`.
    pub(crate) forwarded: bool,
    /// Those of [`named_organization`].
    pub(crate) organization: bool,
    /// `x-cli-…`, those of a signature.
    pub(crate) signature: bool,
}

impl RareHeaders {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for name in headers.keys().map(HeaderName::as_str) {
            found.forwarded |= name.starts_with("x-forwarded-");
            found.organization |= name.ends_with("-organization");
            found.signature |= name.starts_with("x-cli-");
        }
        found
    }
}

/// The organization that the headers name. The inner `Err` is for an invalid name: the credential is checked first.
pub(crate) fn named_organization(headers: &HeaderMap) -> Result<Option<Result<&str, Error>>, Error> {
    let [ours, theirs] =
        [&LATCHKEY_ORGANIZATION, &CHAINLOOP_ORGANIZATION].map(|name| single(headers, name, "organization"));
    let named = match (ours?, theirs?) {
        (Some(one), Some(other)) if one != other => return Err(Error::Ambiguous("organization")),
        (one, other) => one.or(other),
    };
    Ok(named.map(|value| {
        let name = value.to_str().ok().filter(|name| OrganizationKey::parse(name).is_ok());
        name.ok_or(Error::NotFound("organization"))
    }))
}

/// The bearer token of `Authorization`. Any other scheme counts as no credential.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, Error> {
    let value = single(headers, &AUTHORIZATION, "credential")?.and_then(|value| value.to_str().ok());
    let (scheme, bearer) = value.and_then(|value| value.split_once(' ')).ok_or(AuthenticationError::Missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(bearer.trim()) } else { Err(AuthenticationError::Missing.into()) }
}

/// The value of a header that may occur once. A proxy may have joined several with commas (RFC 9110, section 5.3), which
/// neither a credential nor a name contains.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName, what: &'static str) -> Result<Option<&'a HeaderValue>, Error> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) if !line.as_bytes().contains(&b',') => Ok(Some(line)),
        (None, _) => Ok(None),
        _ => Err(Error::Ambiguous(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Problem;

    fn read(lines: &[(&'static str, &'static str)]) -> (Result<String, String>, Result<String, String>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let organization = named_organization(&headers).and_then(Option::transpose).map(Option::unwrap_or_default);
        let text =
            |read: Result<&str, Error>| read.map(str::to_owned).map_err(|error| Problem::from(error).kind().to_owned());
        (text(bearer(&headers)), text(organization))
    }

    #[test]
    fn nothing_is_decided_by_which_came_first() {
        let (ours, theirs) = ("latchkey-organization", "chainloop-organization");
        for lines in [
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")][..],
            &[("authorization", "Bearer a"), ("authorization", "Bearer a")],
            &[("authorization", "Basic a"), ("authorization", "Bearer a")],
            &[("authorization", ""), ("authorization", "Bearer a")],
            &[("authorization", "Bearer a,Bearer b")],
        ] {
            assert_eq!(read(lines).0, Err("ambiguous-request".to_owned()), "{lines:?}");
        }
        for lines in [
            &[(ours, "acme"), (theirs, "globex")][..],
            &[(ours, "acme"), (ours, "globex")],
            &[(ours, "acme"), (ours, "acme")],
            &[(theirs, "acme"), (theirs, "globex")],
            &[(ours, "acme"), (theirs, "acme"), (theirs, "globex")],
            &[(ours, ""), (theirs, "acme")],
            &[(ours, "acme, globex")],
        ] {
            assert_eq!(read(lines).1, Err("ambiguous-request".to_owned()), "{lines:?}");
        }
    }

    #[test]
    fn what_is_there_once_is_read() {
        let (ours, theirs) = ("latchkey-organization", "chainloop-organization");
        assert_eq!(read(&[("authorization", "bearer  a ")]).0.unwrap(), "a");
        for value in ["", "Bearer", "Basic a", "a"] {
            assert_eq!(read(&[("authorization", value)]).0, Err("credential-missing".to_owned()), "{value}");
        }
        for lines in [&[(ours, "acme")][..], &[(theirs, "acme")], &[(ours, "acme"), (theirs, "acme")]] {
            assert_eq!(read(lines).1.unwrap(), "acme");
        }
        assert_eq!(read(&[]).1.unwrap(), "");
        assert_eq!(read(&[(ours, "Not a name")]).1, Err("not-found".to_owned()));
        assert_eq!(read(&[(ours, "")]).1, Err("not-found".to_owned()));
    }
}
