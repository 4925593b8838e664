use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use latchkey_api_types as api;
use latchkey_app::portal::Portal;
use latchkey_service::{ListTokens, Sort, SortKey, StateFilter, cursor};

use super::json::{token, with_tag};
use crate::rest::credential::Credential;
use crate::rest::etag::{ETag, IfNoneMatch};
use crate::rest::json::Parameters;
use crate::rest::openapi;
use crate::rest::problem::Problem;

/// Lists tokens.
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/auth/cli-tokens", operation_id = "listTokens", tag = "Tokens",
    params(api::TokenQuery, openapi::OrganizationHeader),
    responses((status = 200, description = "A page of tokens", body = api::Page<api::Token>,
        example = json!({ "items": [openapi::token(false)], "nextCursor": null }))),
)]
pub(crate) async fn list(
    State(portal): State<Portal>,
    credential: Credential,
    Parameters(list): Parameters<api::TokenQuery>,
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
    let page = portal.service.tokens(&credential.caller, credential.organization_if_any(), asked).await?;
    let now = portal.service.now();
    Ok(Json(api::Page {
        items: page.tokens.into_iter().map(|detail| token(detail, now)).collect(),
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
        (status = 200, description = "The token", headers(("ETag" = String, description = "For `If-Match` and `If-None-Match`")), body = api::Token, example = json!(openapi::token(false))),
        (status = 304, description = "The `If-None-Match` still holds"),
    ),
)]
pub(crate) async fn get(
    State(portal): State<Portal>,
    credential: Credential,
    Path(id): Path<String>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let detail = portal.service.token(&credential.caller, credential.organization_if_any(), &id).await?;
    let version = detail.version();
    if known.holds(&version) {
        return Ok((StatusCode::NOT_MODIFIED, ETag(version), ()).into_response());
    }
    Ok(with_tag(detail, portal.service.now()))
}
