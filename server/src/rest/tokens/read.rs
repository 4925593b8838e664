use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use latchkey_api_types as api;
use latchkey_service::{ListTokens, Sort, SortKey, StateFilter, cursor};

use super::json::{token, with_tag};
use crate::http::credential::Credential;
use crate::http::etag::{ETag, IfNoneMatch};
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

/// List tokens
///
/// The newest first.
#[utoipa::path(
    get, path = "/api/auth/cli-tokens", operation_id = "listTokens", tag = "Tokens",
    params(api::TokenQuery, schema::OrganizationHeader),
    responses((status = 200, description = "A page of tokens", body = api::Page<api::Token>,
        example = json!({ "items": [schema::token(false)], "nextCursor": null }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<api::TokenQuery>,
) -> Result<Json<api::Page<api::Token>>, Problem> {
    let asked = ListTokens {
        state: match list.status {
            None | Some(api::TokenStatusFilter::All) => StateFilter::All,
            Some(api::TokenStatusFilter::Active) => StateFilter::Active,
            Some(api::TokenStatusFilter::Expired) => StateFilter::Expired,
            Some(api::TokenStatusFilter::Revoked) => StateFilter::Revoked,
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
    let access = credential.access_or_instance(&state.service).await?;
    let page = state.service.tokens().list(&access, asked).await?;
    let now = state.service.now();
    Ok(Json(api::Page {
        items: page.tokens.into_iter().map(|detail| token(detail, now)).collect(),
        next_cursor: page.next.as_ref().map(cursor::encode),
    }))
}

/// Show a token
///
/// The secret is never shown. The `ETag` changes with each edit, rotation and revocation. It does not change when the token
/// is used or expires.
#[utoipa::path(
    get, path = "/api/auth/cli-tokens/{id}", operation_id = "getToken", tag = "Tokens",
    params(("id" = String, Path, description = "Id of the token", format = "uuid"), schema::IfNoneMatchHeader, schema::OrganizationHeader),
    responses(
        (status = 200, description = "The token", headers(("ETag" = String, description = "For `If-Match` and `If-None-Match`")), body = api::Token, example = json!(schema::token(false))),
        (status = 304, description = "Not modified: a tag of `If-None-Match` is current"),
    ),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let access = credential.access_or_instance(&state.service).await?;
    let detail = state.service.tokens().get(&access, &id).await?;
    let version = detail.version();
    if known.holds(&version) {
        return Ok((StatusCode::NOT_MODIFIED, ETag(version), ()).into_response());
    }
    Ok(with_tag(detail, state.service.now()))
}
