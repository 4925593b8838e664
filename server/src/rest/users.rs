//! `/api/users`: accounts, and what they are signed in with.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use latchkey_domain::Timestamp;
use latchkey_service::{CredentialKind, SignedInWith, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::credential::Credential;
use crate::http::json::JsonBody;
use crate::http::page::{Page, PageQuery};
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

/// A person's account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub(crate) struct UserJson {
    #[schema(format = "uuid")]
    id: String,
    email: String,
    instance_admin: bool,
    /// Nobody can sign in with it.
    locked: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<User> for UserJson {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email,
            instance_admin: user.instance_admin,
            locked: user.locked_at.is_some(),
            created_at: user.created_at,
        }
    }
}

/// What a person is signed in with.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Credential)]
pub(crate) struct CredentialJson {
    #[schema(format = "uuid")]
    id: String,
    kind: Kind,
    /// The one that asks.
    current: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Of a session.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen_at: Option<Timestamp>,
    /// Of a user token.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// From where the person signed in.
    #[schema(value_type = Option<schema::Address>)]
    address: Option<String>,
    user_agent: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = CredentialKind)]
enum Kind {
    Session,
    UserToken,
}

impl From<SignedInWith> for CredentialJson {
    fn from(SignedInWith { credential, current }: SignedInWith) -> Self {
        Self {
            id: credential.id.to_string(),
            kind: match credential.kind {
                CredentialKind::Session => Kind::Session,
                CredentialKind::UserToken => Kind::UserToken,
            },
            current,
            created_at: credential.created_at,
            last_seen_at: credential.last_seen_at,
            expires_at: credential.expires_at,
            address: credential.address.map(|address| address.to_string()),
            user_agent: credential.user_agent,
        }
    }
}

/// Lists users.
///
/// Instance admins only. By email.
#[utoipa::path(
    get, path = "/api/users", operation_id = "listUsers", tag = "Users",
    params(PageQuery),
    responses((status = 200, description = "A page of users", body = Page<UserJson>,
        example = json!({ "items": [schema::user()], "nextCursor": null }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<PageQuery>,
) -> Result<Json<Page<UserJson>>, Problem> {
    let limit = list.limit.unwrap_or(50);
    Ok(Json(state.service.users(&credential.caller, list.cursor.as_deref(), limit).await?.into()))
}

/// Shows a user.
///
/// The caller's own account as `me`; any for instance admins.
#[utoipa::path(
    get, path = "/api/users/{id}", operation_id = "getUser", tag = "Users",
    params(("id" = String, Path, description = "Id of the user, or `me`")),
    responses((status = 200, description = "The user", body = UserJson, example = json!(schema::user()))),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<Json<UserJson>, Problem> {
    Ok(Json(state.service.user(&credential.caller, &id).await?.into()))
}

/// What a user is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChanges)]
pub(crate) struct Change {
    /// Nobody can sign in with the account; all that it is signed in with ends.
    locked: bool,
}

/// Locks a user.
///
/// Or opens the account again. Instance admins only, and not for their own account. API tokens that the person has made
/// stay: they belong to the organization.
#[utoipa::path(
    patch, path = "/api/users/{id}", operation_id = "changeUser", tag = "Users",
    params(("id" = String, Path, description = "Id of the user", format = "uuid")),
    request_body(content = Change, example = json!({ "locked": true })),
    responses(
        (status = 200, description = "The user as it is now", body = UserJson, example = json!(schema::user())),
        (status = 409, description = "It is your own account"),
    ),
)]
pub(crate) async fn change(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    JsonBody(change): JsonBody<Change>,
) -> Result<Json<UserJson>, Problem> {
    Ok(Json(state.service.set_user_locked(&credential.caller, &id, change.locked).await?.into()))
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewPassword)]
pub(crate) struct SetPassword {
    /// Needed for one's own account.
    #[schema(max_length = 256)]
    current_password: Option<String>,
    #[schema(min_length = 12, max_length = 256)]
    new_password: String,
}

/// Sets a password.
///
/// Ends all that the account is signed in with, but for what this request is sent with. One's own needs the current
/// password; instance admins set anybody's.
#[utoipa::path(
    put, path = "/api/users/{id}/password", operation_id = "setPassword", tag = "Users",
    params(("id" = String, Path, description = "Id of the user, or `me`")),
    request_body(content = SetPassword, example = json!({
        "currentPassword": "correct horse battery", "newPassword": "staple battery horse",
    })),
    responses((status = 204, description = "It is set")),
)]
pub(crate) async fn set_password(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    JsonBody(set): JsonBody<SetPassword>,
) -> Result<StatusCode, Problem> {
    let current = set.current_password.as_deref();
    state.service.set_password(&credential.caller, &id, current, &set.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists what a user is signed in with.
///
/// Sessions of browsers and user tokens that work, newest first.
#[utoipa::path(
    get, path = "/api/users/{id}/credentials", operation_id = "listCredentials", tag = "Users",
    params(("id" = String, Path, description = "Id of the user, or `me`"), PageQuery),
    responses((status = 200, description = "A page of them", body = Page<CredentialJson>,
        example = json!({ "items": [schema::credential()], "nextCursor": null }))),
)]
pub(crate) async fn credentials(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    QueryParams(list): QueryParams<PageQuery>,
) -> Result<Json<Page<CredentialJson>>, Problem> {
    let (before, limit) = (list.cursor.as_deref(), list.limit.unwrap_or(50));
    Ok(Json(state.service.credentials(&credential.caller, &id, before, limit).await?.into()))
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
