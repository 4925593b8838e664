//! The filtered list as a file, without any secret.

use axum::{
    BoxError,
    body::{Body, Bytes},
    extract::Path,
    response::IntoResponse,
};
use futures::{StreamExt, stream};
use http::header;
use latchkey_domain::Level;
use latchkey_service::{ListTokens, Token, TokenDetail, TokenPage};
use serde::Serialize;

use super::{csv, query::ListQuery};
use crate::{fields::Fields, page::PageError, page_request::PageRequest};

/// `GET …/tokens/export.csv`
pub(crate) async fn export_csv(
    request: PageRequest,
    Path(organization): Path<String>,
    fields: Fields,
) -> Result<impl IntoResponse, PageError> {
    file(request, organization, &fields, Format::Csv).await
}

/// `GET …/tokens/export.json`
pub(crate) async fn export_json(
    request: PageRequest,
    Path(organization): Path<String>,
    fields: Fields,
) -> Result<impl IntoResponse, PageError> {
    file(request, organization, &fields, Format::Json).await
}

/// How a file is written.
#[derive(Clone, Copy)]
enum Format {
    Csv,
    Json,
}

impl Format {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    fn head(self) -> Result<Vec<u8>, BoxError> {
        match self {
            Self::Csv => Ok(csv::header()?),
            Self::Json => Ok(b"{\"tokens\":[\n".to_vec()),
        }
    }

    /// Some of the rows; `is_start` for the first ones.
    fn rows(self, tokens: &[TokenDetail], is_start: bool) -> Result<Vec<u8>, BoxError> {
        match self {
            Self::Csv => Ok(csv::rows(tokens)?),
            Self::Json => Ok(json_rows(tokens, is_start)?),
        }
    }

    const fn tail(self) -> &'static [u8] {
        match self {
            Self::Csv => b"",
            Self::Json => b"\n]}\n",
        }
    }
}

/// All of the list, however long: page after page, as fast as the reader takes them, and broken off when one can't be
/// read, so that a part is not taken for all. The first one before the answer begins, so that an error has its
/// page.
async fn file(
    request: PageRequest,
    organization: String,
    fields: &Fields,
    format: Format,
) -> Result<impl IntoResponse + use<>, PageError> {
    let asked = ListTokens { limit: 100, ..ListQuery::read(fields).at_start().to_request() };
    let access = request.portal.service.organizations().access(&request.caller, &organization).await?;
    let first = request.portal.service.tokens().list(&access, asked.clone()).await?;
    // The service found the organization: its name is one of lower-case letters, digits and hyphens.
    let disposition = ["attachment; filename=\"", &organization, "-api-tokens.", format.extension(), "\""].concat();
    let reader = Reader { request, organization, asked, format, has_rows: false, page: Some(first) };
    let pages = stream::try_unfold(reader, Reader::next);
    let head = stream::iter([format.head().map(Bytes::from)]);
    let tail = stream::iter([Ok(Bytes::from_static(format.tail()))]);
    let headers =
        [(header::CONTENT_TYPE, format.content_type().to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(head.chain(pages).chain(tail))))
}

struct Reader {
    request: PageRequest,
    organization: String,
    asked: ListTokens,
    format: Format,
    /// Rows were written before.
    has_rows: bool,
    /// Read, and not yet written.
    page: Option<TokenPage>,
}

impl Reader {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, BoxError> {
        let page = match self.page.take() {
            Some(page) => page,
            None if self.asked.cursor.is_none() => return Ok(None),
            None => {
                let (service, caller) = (&self.request.portal.service, &self.request.caller);
                let access = service.organizations().access(caller, &self.organization).await?;
                service.tokens().list(&access, self.asked.clone()).await?
            }
        };
        let rows = self.format.rows(&page.tokens, !self.has_rows)?;
        self.has_rows |= !page.tokens.is_empty();
        self.asked.cursor = page.next;
        Ok(Some((rows.into(), self)))
    }
}

/// A token in the JSON file; the names are those of the REST API.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonRow<'a> {
    id: String,
    name: &'a str,
    description: &'a str,
    status: &'static str,
    level: &'static str,
    project: Option<&'a str>,
    scopes: Vec<&'a str>,
    all_repositories: bool,
    repositories: Vec<&'a str>,
    prefix: &'a str,
    created_at: String,
    created_by: &'a str,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    last_used_address: Option<String>,
    revoked_at: Option<String>,
    revoked_by: Option<&'a str>,
    revocation_reason: Option<&'static str>,
}

fn json_rows(tokens: &[TokenDetail], is_start: bool) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::new();
    for (at, detail) in tokens.iter().enumerate() {
        if !(is_start && at == 0) {
            json.extend_from_slice(b",\n");
        }
        serde_json::to_writer(&mut json, &json_row(detail))?;
    }
    Ok(json)
}

fn json_row(detail: &TokenDetail) -> JsonRow<'_> {
    let token = &detail.token;
    let revocation = token.revocation.as_ref();
    JsonRow {
        id: token.id.to_string(),
        name: &token.name,
        description: &token.description,
        status: status(detail),
        level: level(token),
        project: Some(token.project_name.as_str()).filter(|name| !name.is_empty()),
        scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
        all_repositories: token.all_repositories,
        repositories: detail.repositories.iter().map(|(_, name)| name.as_str()).collect(),
        prefix: &token.prefix,
        created_at: token.created_at.to_string(),
        created_by: &token.created_by.name,
        expires_at: token.expires_at.map(|at| at.to_string()),
        last_used_at: token.last_use.as_ref().map(|last| last.at.to_string()),
        last_used_address: token.last_use.as_ref().and_then(|last| last.address).map(|address| address.to_string()),
        revoked_at: revocation.map(|revocation| revocation.at.to_string()),
        revoked_by: revocation.map(|revocation| revocation.by.name.as_str()),
        revocation_reason: revocation.map(|revocation| revocation.reason.as_str()),
    }
}

/// The state's word in the files.
pub(super) fn status(detail: &TokenDetail) -> &'static str {
    match detail.state {
        latchkey_domain::TokenState::Active => "active",
        latchkey_domain::TokenState::Expired => "expired",
        latchkey_domain::TokenState::Revoked => "revoked",
    }
}

/// The level's word in the files.
pub(super) fn level(token: &Token) -> &'static str {
    match token.level {
        Level::Instance => "instance",
        Level::Organization(_) => "organization",
        Level::Project(..) => "project",
    }
}
