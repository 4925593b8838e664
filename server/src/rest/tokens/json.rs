use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use latchkey_domain::{LevelKind, ScopeSet, Timestamp, TokenState};
use latchkey_service::{CreatedToken, TokenDetail};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::etag::ETag;
use crate::http::schema;

/// A token as the API shows it. Never its secret, but in the answer that makes one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Token)]
pub(crate) struct TokenJson {
    #[schema(format = "uuid")]
    id: String,
    /// Unique, without regard to case, among the unrevoked tokens of the same organization or project.
    name: String,
    description: String,
    /// The first 8 characters of the secret.
    prefix: String,
    #[schema(value_type = schema::Level)]
    level: LevelKind,
    organization: Option<String>,
    project: Option<String>,
    #[schema(value_type = Vec<String>)]
    scopes: ScopeSet,
    all_repositories: bool,
    /// Ids; empty for all.
    repositories: Vec<String>,
    /// In CIDR notation; empty for everywhere.
    allowed_networks: Vec<String>,
    /// Whether unsigned requests are refused.
    require_signing: bool,
    #[schema(value_type = schema::TokenState)]
    status: TokenState,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    created_by: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Until when the secret before the last rotation works too, unless the new one is used first.
    #[schema(value_type = Option<String>, format = DateTime)]
    overlap_until: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    last_used_from: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    revoked_by: Option<String>,
    revoked_reason: Option<&'static str>,
}

/// A token with its secret, for the one time.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenWithSecret)]
pub(super) struct SecretJson {
    /// The secret.
    token: String,
    #[serde(flatten)]
    detail: TokenJson,
}

impl TokenJson {
    /// At `now`, which decides whether an overlap still lasts.
    pub(crate) fn new(detail: TokenDetail, now: Timestamp) -> Self {
        let TokenDetail { token, state, repositories, .. } = detail;
        let named = |name: String| Some(name).filter(|name| !name.is_empty());
        let (last_used_at, last_used_from) = token.last_use.map(|last| (last.at, last.address)).unzip();
        let revocation = token.revocation;
        Self {
            id: token.id.to_string(),
            name: token.name,
            description: token.description,
            prefix: token.prefix,
            level: token.level.kind(),
            organization: named(token.organization_name),
            project: named(token.project_name),
            scopes: token.scopes,
            all_repositories: token.all_repositories,
            repositories: repositories.into_iter().map(|(id, _)| id.to_string()).collect(),
            allowed_networks: token.allowed_networks.iter().collect(),
            require_signing: token.require_signing,
            status: state,
            created_at: token.created_at,
            created_by: token.created_by.name,
            expires_at: token.expires_at,
            overlap_until: token.overlap_until.filter(|until| *until > now && state == TokenState::Active),
            last_used_at,
            last_used_from: last_used_from.flatten().map(|address| address.to_string()),
            revoked_at: revocation.as_ref().map(|revocation| revocation.at),
            revoked_reason: revocation.as_ref().map(|revocation| revocation.reason.as_str()),
            revoked_by: revocation.map(|revocation| revocation.by.name),
        }
    }
}

/// A token with its entity tag.
pub(super) fn shown(detail: TokenDetail, now: Timestamp) -> Response {
    (ETag(detail.version()), Json(TokenJson::new(detail, now))).into_response()
}

/// A token with its secret: kept by nobody on the way, and not compressed (see `router.rs`).
pub(super) fn told(status: StatusCode, created: CreatedToken, now: Timestamp) -> Response {
    let tag = ETag(created.detail.version());
    let location = format!("/api/auth/cli-tokens/{}", created.detail.token.id);
    let body = SecretJson { token: created.secret.reveal().to_owned(), detail: TokenJson::new(created.detail, now) };
    let mut response = (status, tag, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    if status == StatusCode::CREATED
        && let Ok(location) = HeaderValue::from_str(&location)
    {
        headers.insert(header::LOCATION, location);
    }
    response
}
