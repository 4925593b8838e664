//! The headers that tell a service which token a request has.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use latchkey_service::{Allowed, CachedOrganization, CachedToken};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters that are not percent-encoded in headers: the unreserved ones (RFC 3986, section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

static OF_ORGANIZATION: [HeaderName; 2] =
    [HeaderName::from_static("x-latchkey-organization-id"), HeaderName::from_static("x-latchkey-organization")];
static OF_TOKEN: [HeaderName; 6] = [
    HeaderName::from_static("x-latchkey-organization-id"),
    HeaderName::from_static("x-latchkey-organization"),
    HeaderName::from_static("x-latchkey-token-id"),
    HeaderName::from_static("x-latchkey-project-id"),
    HeaderName::from_static("x-latchkey-project"),
    HeaderName::from_static("x-latchkey-scopes"),
];
static OF_REPOSITORY: [HeaderName; 1] = [HeaderName::from_static("x-latchkey-repository")];

/// Adds those of an accepted request to its answer.
pub(super) fn add(headers: &mut HeaderMap, Allowed { token, organization, repository }: &Allowed) {
    headers.reserve(OF_TOKEN.len() + OF_REPOSITORY.len());
    add_lines(headers, &OF_TOKEN, token.header_text(lines_of_token));
    if token.organization.is_none() {
        add_lines(headers, &OF_ORGANIZATION, &lines_of_organization(organization));
    }
    if let Some(repository) = repository {
        add_lines(headers, &OF_REPOSITORY, &repository.to_string());
    }
}

/// What does not depend on the request: a line for each header.
fn lines_of_token(token: &CachedToken) -> String {
    let organization = token.organization.as_ref().map_or_else(|| "\n".to_owned(), lines_of_organization);
    let project = token.level.project().map(|id| id.to_string()).unwrap_or_default();
    let of_token = [token.id.to_string(), project, encoded(&token.project_name), token.scopes.to_string()];
    [organization, of_token.join("\n")].join("\n")
}

fn lines_of_organization(CachedOrganization { id, name }: &CachedOrganization) -> String {
    format!("{id}\n{}", encoded(name))
}

/// Adds the lines that are not empty.
fn add_lines(headers: &mut HeaderMap, names: &'static [HeaderName], lines: &str) {
    for (name, line) in names.iter().zip(lines.split('\n')).filter(|(_, line)| !line.is_empty()) {
        if let Ok(value) = HeaderValue::from_str(line) {
            headers.insert(name.clone(), value);
        }
    }
}

/// Names are percent-encoded: headers have no other encoding that all services read alike.
fn encoded(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}
