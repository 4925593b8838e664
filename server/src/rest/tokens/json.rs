use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use latchkey_api_types as api;
use latchkey_domain::{Timestamp, TokenState};
use latchkey_service::{CreatedToken, TokenDetail};

use crate::http::etag::ETag;

/// A token at `now`, which decides whether the overlap after a rotation has ended.
pub(crate) fn token(detail: TokenDetail, now: Timestamp) -> api::Token {
    let TokenDetail { token, state, repositories, .. } = detail;
    let named = |name: String| Some(name).filter(|name| !name.is_empty());
    let (last_used_at, last_used_from) = token.last_use.map(|last| (last.at, last.address)).unzip();
    let revocation = token.revocation;
    api::Token {
        id: token.id,
        name: token.name,
        description: token.description,
        prefix: token.prefix,
        level: token.level.kind(),
        organization: named(token.organization_name),
        project: named(token.project_name),
        scopes: token.scopes,
        all_repositories: token.all_repositories,
        repositories: repositories.into_iter().map(|(id, _)| id).collect(),
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
        revoked_reason: revocation.as_ref().map(|revocation| revocation.reason.as_str().to_owned()),
        revoked_by: revocation.map(|revocation| revocation.by.name),
    }
}

/// A token with its entity tag.
pub(super) fn with_tag(detail: TokenDetail, now: Timestamp) -> Response {
    (ETag(detail.version()), Json(token(detail, now))).into_response()
}

/// A token with its secret: not cached, and not compressed (see `http/compression.rs`).
pub(super) fn with_secret(status: StatusCode, created: CreatedToken, now: Timestamp) -> Response {
    let tag = ETag(created.detail.version());
    let location = format!("/api/auth/cli-tokens/{}", created.detail.token.id);
    let secret = created.secret.reveal().into();
    let body = api::TokenWithSecret { secret, token: token(created.detail, now) };
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
