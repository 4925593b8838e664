//! `/api/orgs/{name}/members`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use latchkey_api_types as api;
use latchkey_service::{ListMembers, Member};
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
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, change, remove))
}

fn member(member: Member) -> api::Member {
    api::Member {
        id: member.id,
        user_id: member.user.id,
        email: member.user.email,
        role: member.role,
        created_at: member.created_at,
        updated_at: member.updated_at,
    }
}

/// List members
///
/// Sorted by email address.
#[utoipa::path(
    get, path = "/api/orgs/{name}/members", operation_id = "listMembers", tag = "Members",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), api::MemberQuery),
    responses((status = 200, description = "A page of members", body = api::Page<api::Member>,
        example = json!({ "items": [schema::member()], "nextCursor": null }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    Path(organization): Path<String>,
    QueryParams(list): QueryParams<api::MemberQuery>,
) -> Result<Json<api::Page<api::Member>>, Problem> {
    let (limit, after) = (list.limit.unwrap_or(50), list.cursor.as_deref());
    let filter = ListMembers { email: list.email, name: list.name, role: list.role, id: list.id };
    let access = state.service.organizations().access(&credential.caller, &organization).await?;
    Ok(page(state.service.members().list(&access, &filter, after, limit).await?, member))
}

/// Show a member
#[utoipa::path(
    get, path = "/api/orgs/{name}/members/{id}", operation_id = "getMember", tag = "Members",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), ("id" = String, Path, description = "Id of the membership", format = "uuid")),
    responses((status = 200, description = "The member", body = api::Member, example = json!(schema::member()))),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
) -> Result<Json<api::Member>, Problem> {
    let access = state.service.organizations().access(&credential.caller, &organization).await?;
    Ok(Json(member(state.service.members().get(&access, &id).await?)))
}

/// Change the role of a member
///
/// Users only. Only owners give and take the role of owner. An organization keeps at least one owner.
#[utoipa::path(
    patch, path = "/api/orgs/{name}/members/{id}", operation_id = "changeMember", tag = "Members",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), ("id" = String, Path, description = "Id of the membership", format = "uuid")),
    request_body(content = api::MemberChanges, example = json!({ "role": "owner" })),
    responses(
        (status = 200, description = "The changed member", body = api::Member, example = json!(schema::member())),
        (status = 409, description = "The member is the last owner"),
    ),
)]
pub(crate) async fn change(
    State(state): State<ServerState>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
    JsonBody(change): JsonBody<api::MemberChanges>,
) -> Result<Json<api::Member>, Problem> {
    let access = state.service.organizations().access(&credential.caller, &organization).await?;
    let changed = state.service.members().set_role(&access, &id, change.role).await?;
    Ok(Json(member(changed)))
}

/// Remove a member
///
/// Users only. With the id of the caller's own membership, the caller leaves. Tokens that the member created stay.
#[utoipa::path(
    delete, path = "/api/orgs/{name}/members/{id}", operation_id = "removeMember", tag = "Members",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), ("id" = String, Path, description = "Id of the membership", format = "uuid")),
    responses(
        (status = 204, description = "Removed"),
        (status = 409, description = "The member is the last owner"),
    ),
)]
pub(crate) async fn remove(
    State(state): State<ServerState>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let access = state.service.organizations().access(&credential.caller, &organization).await?;
    state.service.members().remove(&access, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
