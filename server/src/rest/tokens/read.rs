use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use latchkey_domain::LevelKind;
use latchkey_service::{ListTokens, Sort, SortKey, StateFilter, cursor};
use serde::Deserialize;
use utoipa::ToSchema;

use super::json::{TokenJson, shown};
use crate::http::credential::Credential;
use crate::http::etag::{ETag, IfNoneMatch};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct List {
    /// 1 to 100; 50 if not named.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    #[param(inline, value_type = Option<schema::Cursor>)]
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
    #[param(inline, value_type = Option<schema::Level>)]
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
    params(List, schema::OrganizationHeader),
    responses((status = 200, description = "A page of tokens", body = Page<TokenJson>,
        example = json!({ "items": [schema::token(false)], "nextCursor": null }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<List>,
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
    let page = state.service.tokens(&credential.caller, credential.organization_if_any(), asked).await?;
    let now = state.service.now();
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
    params(("id" = String, Path, description = "Id of the token", format = "uuid"), schema::IfNoneMatchHeader, schema::OrganizationHeader),
    responses(
        (status = 200, description = "The token", headers(("ETag" = String, description = "For `If-Match` and `If-None-Match`")), body = TokenJson, example = json!(schema::token(false))),
        (status = 304, description = "The `If-None-Match` still holds"),
    ),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let detail = state.service.token(&credential.caller, credential.organization_if_any(), &id).await?;
    let version = detail.version();
    if known.holds(&version) {
        return Ok((StatusCode::NOT_MODIFIED, ETag(version), ()).into_response());
    }
    Ok(shown(detail, state.service.now()))
}
