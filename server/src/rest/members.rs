//! `/api/orgs/{name}/members`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use latchkey_domain::{Role, Timestamp};
use latchkey_service::{ListMembers, Member};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::credential::Credential;
use crate::http::json::JsonBody;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

/// A membership of a person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Member)]
pub(crate) struct MemberJson {
    /// Of the membership.
    #[schema(format = "uuid")]
    id: String,
    #[schema(format = "uuid")]
    user_id: String,
    email: String,
    #[schema(value_type = schema::Role)]
    role: Role,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Member> for MemberJson {
    fn from(member: Member) -> Self {
        Self {
            id: member.id.to_string(),
            user_id: member.user.id.to_string(),
            email: member.user.email,
            role: member.role,
            created_at: member.created_at,
            updated_at: member.updated_at,
        }
    }
}

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
    /// A whole email.
    #[param(max_length = 254)]
    email: Option<String>,
    /// What the email begins with.
    #[param(max_length = 254)]
    name: Option<String>,
    /// Members with this role.
    #[param(inline, value_type = Option<schema::Role>)]
    role: Option<Role>,
    /// Id of a membership.
    id: Option<String>,
}

/// Lists members.
///
/// By email.
#[utoipa::path(
    get, path = "/api/orgs/{name}/members", operation_id = "listMembers", tag = "Members",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), List),
    responses((status = 200, description = "A page of members", body = Page<MemberJson>,
        example = json!({ "items": [schema::member()], "nextCursor": null }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    Path(organization): Path<String>,
    QueryParams(list): QueryParams<List>,
) -> Result<Json<Page<MemberJson>>, Problem> {
    let (limit, after) = (list.limit.unwrap_or(50), list.cursor.as_deref());
    let filter = ListMembers { email: list.email, name: list.name, role: list.role, id: list.id };
    let page = state.service.members(&credential.caller, &organization, &filter, after, limit).await?;
    Ok(Json(page.into()))
}

/// Shows a member.
#[utoipa::path(
    get, path = "/api/orgs/{name}/members/{id}", operation_id = "getMember", tag = "Members",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), ("id" = String, Path, description = "Id of the membership", format = "uuid")),
    responses((status = 200, description = "The member", body = MemberJson, example = json!(schema::member()))),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
) -> Result<Json<MemberJson>, Problem> {
    Ok(Json(state.service.member(&credential.caller, &organization, &id).await?.into()))
}

/// What a member may do from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MemberChanges)]
pub(crate) struct Change {
    #[schema(value_type = schema::Role)]
    role: Role,
}

/// Changes a member's role.
///
/// People only. Owners make and unmake owners, and one of them always stays.
#[utoipa::path(
    patch, path = "/api/orgs/{name}/members/{id}", operation_id = "changeMember", tag = "Members",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), ("id" = String, Path, description = "Id of the membership", format = "uuid")),
    request_body(content = Change, example = json!({ "role": "owner" })),
    responses(
        (status = 200, description = "The member as it is now", body = MemberJson, example = json!(schema::member())),
        (status = 409, description = "It is the last owner"),
    ),
)]
pub(crate) async fn change(
    State(state): State<ServerState>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
    JsonBody(change): JsonBody<Change>,
) -> Result<Json<MemberJson>, Problem> {
    let member = state.service.change_role(&credential.caller, &organization, &id, change.role).await?;
    Ok(Json(member.into()))
}

/// Removes a member.
///
/// People only; with the id of one's own membership, leaves. The tokens that the person has made stay.
#[utoipa::path(
    delete, path = "/api/orgs/{name}/members/{id}", operation_id = "removeMember", tag = "Members",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), ("id" = String, Path, description = "Id of the membership", format = "uuid")),
    responses(
        (status = 204, description = "It is removed"),
        (status = 409, description = "It is the last owner"),
    ),
)]
pub(crate) async fn remove(
    State(state): State<ServerState>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    state.service.remove_member(&credential.caller, &organization, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
