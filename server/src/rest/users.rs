//! `/api/users`: accounts, and what they are signed in with.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use latchkey_api_types as api;
use latchkey_service::{CredentialKind, SignedInWith, User};

use crate::http::credential::Credential;
use crate::http::json::JsonBody;
use crate::http::page::page;
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

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

/// Lists users.
///
/// Instance admins only. By email.
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
    Ok(page(state.service.users(&credential.caller, list.cursor.as_deref(), limit).await?, user))
}

/// Shows a user.
///
/// The caller's own account as `me`; any for instance admins.
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
    Ok(Json(user(state.service.user(&credential.caller, &id).await?)))
}

/// Locks a user.
///
/// Or opens the account again. Instance admins only, and not for their own account. API tokens that the person has made
/// stay: they belong to the organization.
#[utoipa::path(
    patch, path = "/api/users/{id}", operation_id = "changeUser", tag = "Users",
    params(("id" = String, Path, description = "Id of the user", format = "uuid")),
    request_body(content = api::UserChanges, example = json!({ "locked": true })),
    responses(
        (status = 200, description = "The user as it is now", body = api::User, example = json!(schema::user())),
        (status = 409, description = "It is your own account"),
    ),
)]
pub(crate) async fn change(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    JsonBody(change): JsonBody<api::UserChanges>,
) -> Result<Json<api::User>, Problem> {
    Ok(Json(user(state.service.set_user_locked(&credential.caller, &id, change.locked).await?)))
}

/// Sets a password.
///
/// Ends all that the account is signed in with, but for what this request is sent with. One's own needs the current
/// password; instance admins set anybody's.
#[utoipa::path(
    put, path = "/api/users/{id}/password", operation_id = "setPassword", tag = "Users",
    params(("id" = String, Path, description = "Id of the user, or `me`")),
    request_body(content = api::NewPassword, example = json!({
        "currentPassword": "correct horse battery", "newPassword": "staple battery horse",
    })),
    responses((status = 204, description = "It is set")),
)]
pub(crate) async fn set_password(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    JsonBody(set): JsonBody<api::NewPassword>,
) -> Result<StatusCode, Problem> {
    let current = set.current_password.as_ref().map(api::SecretString::reveal);
    state.service.set_password(&credential.caller, &id, current, set.new_password.reveal()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists what a user is signed in with.
///
/// Sessions of browsers and user tokens that work, newest first.
#[utoipa::path(
    get, path = "/api/users/{id}/credentials", operation_id = "listCredentials", tag = "Users",
    params(("id" = String, Path, description = "Id of the user, or `me`"), api::PageQuery),
    responses((status = 200, description = "A page of them", body = api::Page<api::Credential>,
        example = json!({ "items": [schema::credential()], "nextCursor": null }))),
)]
pub(crate) async fn credentials(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    QueryParams(list): QueryParams<api::PageQuery>,
) -> Result<Json<api::Page<api::Credential>>, Problem> {
    let (before, limit) = (list.cursor.as_deref(), list.limit.unwrap_or(50));
    Ok(page(state.service.credentials(&credential.caller, &id, before, limit).await?, signed_in_with))
}

/// Signs a user out.
///
/// Everywhere, but for what this request is sent with.
#[utoipa::path(
    delete, path = "/api/users/{id}/credentials", operation_id = "endCredentials", tag = "Users",
    params(("id" = String, Path, description = "Id of the user, or `me`")),
    responses((status = 204, description = "None of the others is accepted any more")),
)]
pub(crate) async fn end_all(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.service.end_credentials(&credential.caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a session or user token.
#[utoipa::path(
    delete, path = "/api/users/{id}/credentials/{credential}", operation_id = "endCredential", tag = "Users",
    params(
        ("id" = String, Path, description = "Id of the user, or `me`"),
        ("credential" = String, Path, description = "Id of the session or user token, or `current`"),
    ),
    responses((status = 204, description = "It is not accepted any more")),
)]
pub(crate) async fn end(
    State(state): State<ServerState>,
    credential: Credential,
    Path((id, ended)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    state.service.end_credential(&credential.caller, &id, &ended).await?;
    Ok(StatusCode::NO_CONTENT)
}
