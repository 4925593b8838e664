//! The headers that tell a service which token a request has.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use latchkey_service::{Allowed, CachedOrganization, CachedToken};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters that are not percent-encoded in headers: the unreserved ones (RFC 3986, section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

static ORGANIZATION_ID: HeaderName = HeaderName::from_static("x-latchkey-organization-id");
static ORGANIZATION: HeaderName = HeaderName::from_static("x-latchkey-organization");
static TOKEN_ID: HeaderName = HeaderName::from_static("x-latchkey-token-id");
static PROJECT_ID: HeaderName = HeaderName::from_static("x-latchkey-project-id");
static PROJECT: HeaderName = HeaderName::from_static("x-latchkey-project");
static SCOPES: HeaderName = HeaderName::from_static("x-latchkey-scopes");
static REPOSITORY: HeaderName = HeaderName::from_static("x-latchkey-repository");

/// Those of an accepted request.
pub(super) fn of(Allowed { token, organization, repository }: &Allowed) -> HeaderMap {
    let mut headers = token.told(of_token).cloned().unwrap_or_else(|| of_token(token));
    if token.organization.is_none() {
        add(&mut headers, of_organization(organization));
    }
    if let Some(repository) = repository {
        add(&mut headers, [(&REPOSITORY, repository.to_string().into())]);
    }
    headers
}

/// Those that do not depend on the request. They are kept with the token: putting them together takes longer than all
/// else that is done for a request whose token is remembered.
fn of_token(token: &CachedToken) -> HeaderMap {
    let project = token.level.project().map(|id| id.to_string()).unwrap_or_default();
    let own = [
        (&TOKEN_ID, token.id.to_string().into()),
        (&PROJECT_ID, project.into()),
        (&PROJECT, encoded(&token.project_name)),
        (&SCOPES, token.scopes.to_string().into()),
    ];
    let mut headers = HeaderMap::new();
    add(&mut headers, token.organization.iter().flat_map(of_organization).chain(own));
    headers
}

fn of_organization(CachedOrganization { id, name }: &CachedOrganization) -> [(&'static HeaderName, Cow<'_, str>); 2] {
    [(&ORGANIZATION_ID, id.to_string().into()), (&ORGANIZATION, encoded(name))]
}

/// Adds the texts that are not empty, all in one piece of memory.
fn add<'a>(headers: &mut HeaderMap, texts: impl IntoIterator<Item = (&'static HeaderName, Cow<'a, str>)>) {
    let (names, texts): (Vec<_>, Vec<_>) = texts.into_iter().filter(|(_, text)| !text.is_empty()).unzip();
    let mut left = Bytes::from(texts.concat());
    for (name, text) in names.into_iter().zip(texts) {
        if let Ok(value) = HeaderValue::from_maybe_shared(left.split_to(text.len())) {
            headers.insert(name.clone(), value);
        }
    }
}

/// Names are percent-encoded: headers have no other encoding that all services read alike.
fn encoded(name: &str) -> Cow<'_, str> {
    utf8_percent_encode(name, ESCAPED).into()
}
