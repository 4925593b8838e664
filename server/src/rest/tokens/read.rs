use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use latchkey_app::portal::Portal;
use latchkey_domain::LevelKind;
use latchkey_service::{ListTokens, Sort, SortKey, StateFilter, cursor};
use serde::Deserialize;
use utoipa::ToSchema;

use super::json::{TokenJson, shown};
use crate::rest::Page;
use crate::rest::credential::Credential;
use crate::rest::etag::{ETag, IfNoneMatch};
use crate::rest::json::Parameters;
use crate::rest::openapi;
use crate::rest::problem::Problem;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct List {
    /// 1 to 100; 50 if not named.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    #[param(inline, value_type = Option<openapi::Cursor>)]
    cursor: Option<String>,
    /// All states if not named.
    #[param(inline)]
    status: Option<Status>,
    /// Searches names, descriptions, the start of secrets, and ids.
    #[serde(default)]
    #[param(max_length = 200)]
    query: String,
    /// Tokens that have this scope.
    scope: Option<String>,
    /// Id or name of a project; `organization` for tokens of the organization itself.
    project: Option<String>,
    /// Tokens of this level; `instance` for those of the whole instance, which instance admins and instance tokens see.
    #[param(inline, value_type = Option<openapi::Level>)]
    level: Option<LevelKind>,
    /// Tokens that reach this repository: its id or full name.
    repository: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Expired,
    Revoked,
    All,
}

/// Lists tokens.
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/auth/cli-tokens", operation_id = "listTokens", tag = "Tokens",
    params(List, openapi::OrganizationHeader),
    responses((status = 200, description = "A page of tokens", body = Page<TokenJson>,
        example = json!({ "items": [openapi::token(false)], "nextCursor": null }))),
)]
pub(crate) async fn list(
    State(portal): State<Portal>,
    credential: Credential,
    Parameters(list): Parameters<List>,
) -> Result<Json<Page<TokenJson>>, Problem> {
    let asked = ListTokens {
        state: match list.status {
            None | Some(Status::All) => StateFilter::All,
            Some(Status::Active) => StateFilter::Active,
            Some(Status::Expired) => StateFilter::Expired,
            Some(Status::Revoked) => StateFilter::Revoked,
        },
        query: list.query,
        scope: list.scope,
        level: list.project,
        kind: list.level,
        repository: list.repository,
        creator: None,
        sort: Sort { key: SortKey::Created, descending: true },
        cursor: list.cursor.as_deref().map(cursor::decode).transpose()?,
        limit: list.limit.unwrap_or(50),
    };
    let access = credential.access_or_instance(&portal.service).await?;
    let page = portal.service.tokens().list(&access, asked).await?;
    let now = portal.service.now();
    Ok(Json(Page {
        items: page.tokens.into_iter().map(|detail| TokenJson::new(detail, now)).collect(),
        next_cursor: page.next.as_ref().map(cursor::encode),
    }))
}

/// Shows a token.
///
/// Never its secret. The `ETag` is another one after each edit, rotation and revocation; not after a use, nor when the token expires.
#[utoipa::path(
    get, path = "/api/auth/cli-tokens/{id}", operation_id = "getToken", tag = "Tokens",
    params(("id" = String, Path, description = "Id of the token", format = "uuid"), openapi::IfNoneMatchHeader, openapi::OrganizationHeader),
    responses(
        (status = 200, description = "The token", headers(("ETag" = String, description = "For `If-Match` and `If-None-Match`")), body = TokenJson, example = json!(openapi::token(false))),
        (status = 304, description = "The `If-None-Match` still holds"),
    ),
)]
pub(crate) async fn get(
    State(portal): State<Portal>,
    credential: Credential,
    Path(id): Path<String>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let access = credential.access_or_instance(&portal.service).await?;
    let detail = portal.service.tokens().get(&access, &id).await?;
    let version = detail.version();
    if known.holds(&version) {
        return Ok((StatusCode::NOT_MODIFIED, ETag(version), ()).into_response());
    }
    Ok(shown(detail, portal.service.now()))
}
