//! `/api/users`: accounts and their credentials.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use latchkey_api_types as api;
use latchkey_service::{CredentialKind, SignedInWith, User};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::credential::Credential;
use crate::http::json::JsonBody;
use crate::http::page::page;
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, change))
        .routes(routes!(set_password))
        .routes(routes!(credentials, end_all))
        .routes(routes!(end))
}

fn user(user: User) -> api::User {
    api::User {
        id: user.id,
        email: user.email,
        instance_admin: user.instance_admin,
        locked: user.locked_at.is_some(),
        created_at: user.created_at,
    }
}

fn signed_in_with(SignedInWith { credential, current }: SignedInWith) -> api::Credential {
    api::Credential {
        id: credential.id,
        kind: match credential.kind {
            CredentialKind::Session => api::CredentialKind::Session,
            CredentialKind::UserToken => api::CredentialKind::UserToken,
        },
        current,
        created_at: credential.created_at,
        last_seen_at: credential.last_seen_at,
        expires_at: credential.expires_at,
        address: credential.address.map(|address| address.to_string()),
        user_agent: credential.user_agent,
    }
}

/// List users
///
/// Instance admins only. Sorted by email address.
#[utoipa::path(
    get, path = "/api/users", operation_id = "listUsers", tag = "Users",
    params(api::PageQuery),
    responses((status = 200, description = "A page of users", body = api::Page<api::User>,
        example = json!({ "items": [schema::user()], "nextCursor": null }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<api::PageQuery>,
) -> Result<Json<api::Page<api::User>>, Problem> {
    let limit = list.limit.unwrap_or(50);
    Ok(page(state.service.users().list(&credential.caller, list.cursor.as_deref(), limit).await?, user))
}

/// Show a user
///
/// The caller's own account as `me`. Instance admins can read every account.
#[utoipa::path(
    get, path = "/api/users/{id}", operation_id = "getUser", tag = "Users",
    params(("id" = String, Path, description = "Id of the user, or `me`")),
    responses((status = 200, description = "The user", body = api::User, example = json!(schema::user()))),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<Json<api::User>, Problem> {
    Ok(Json(user(state.service.users().get(&credential.caller, &id).await?)))
}

/// Lock or unlock a user
///
/// Instance admins only, and not for their own account. API tokens that the user created stay: they belong to the
/// organization.
#[utoipa::path(
    patch, path = "/api/users/{id}", operation_id = "changeUser", tag = "Users",
    params(("id" = String, Path, description = "Id of the user", format = "uuid")),
    request_body(content = api::UserChanges, example = json!({ "locked": true })),
    responses(
        (status = 200, description = "The changed user", body = api::User, example = json!(schema::user())),
        (status = 409, description = "The user is the caller"),
    ),
)]
pub(crate) async fn change(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    JsonBody(change): JsonBody<api::UserChanges>,
) -> Result<Json<api::User>, Problem> {
    Ok(Json(user(state.service.users().set_locked(&credential.caller, &id, change.locked).await?)))
}

/// Set a password
///
/// Ends all sessions and user tokens of the account except the one of this request. Users give their current password to
/// change their own. Instance admins can set the password of every account.
#[utoipa::path(
    put, path = "/api/users/{id}/password", operation_id = "setPassword", tag = "Users",
    params(("id" = String, Path, description = "Id of the user, or `me`")),
    request_body(content = api::NewPassword, example = json!({
        "currentPassword": "correct horse battery", "newPassword": "staple battery horse",
    })),
    responses((status = 204, description = "Set")),
)]
pub(crate) async fn set_password(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    JsonBody(set): JsonBody<api::NewPassword>,
) -> Result<StatusCode, Problem> {
    let current = set.current_password.as_ref().map(api::SecretString::reveal);
    state.service.users().set_password(&credential.caller, &id, current, set.new_password.reveal()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the credentials of a user
///
/// Valid browser sessions and user tokens, the newest first.
#[utoipa::path(
    get, path = "/api/users/{id}/credentials", operation_id = "listCredentials", tag = "Users",
    params(("id" = String, Path, description = "Id of the user, or `me`"), api::PageQuery),
    responses((status = 200, description = "A page of credentials", body = api::Page<api::Credential>,
        example = json!({ "items": [schema::credential()], "nextCursor": null }))),
)]
pub(crate) async fn credentials(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    QueryParams(list): QueryParams<api::PageQuery>,
) -> Result<Json<api::Page<api::Credential>>, Problem> {
    let (before, limit) = (list.cursor.as_deref(), list.limit.unwrap_or(50));
    Ok(page(state.service.credentials().list(&credential.caller, &id, before, limit).await?, signed_in_with))
}

/// End all other credentials of a user
///
/// Ends all sessions and user tokens except the one of this request.
#[utoipa::path(
    delete, path = "/api/users/{id}/credentials", operation_id = "endCredentials", tag = "Users",
    params(("id" = String, Path, description = "Id of the user, or `me`")),
    responses((status = 204, description = "All other credentials are ended")),
)]
pub(crate) async fn end_all(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.service.credentials().end_all(&credential.caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a session or user token
#[utoipa::path(
    delete, path = "/api/users/{id}/credentials/{credential}", operation_id = "endCredential", tag = "Users",
    params(
        ("id" = String, Path, description = "Id of the user, or `me`"),
        ("credential" = String, Path, description = "Id of the session or user token, or `current`"),
    ),
    responses((status = 204, description = "Ended")),
)]
pub(crate) async fn end(
    State(state): State<ServerState>,
    credential: Credential,
    Path((id, ended)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    state.service.credentials().end(&credential.caller, &id, &ended).await?;
    Ok(StatusCode::NO_CONTENT)
}
