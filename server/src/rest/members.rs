//! `/api/orgs/{name}/members`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use latchkey_api_types as api;
use latchkey_app::portal::Portal;
use latchkey_service::{ListMembers, Member};

use super::credential::Credential;
use super::json::{Body, Parameters};
use super::openapi;
use super::page;
use super::problem::Problem;

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

/// Lists members.
///
/// By email.
#[utoipa::path(
    get, path = "/api/orgs/{name}/members", operation_id = "listMembers", tag = "Members",
    params(("name" = openapi::OrganizationName, Path, description = "Name of the organization"), api::MemberQuery),
    responses((status = 200, description = "A page of members", body = api::Page<api::Member>,
        example = json!({ "items": [openapi::member()], "nextCursor": null }))),
)]
pub(crate) async fn list(
    State(portal): State<Portal>,
    credential: Credential,
    Path(organization): Path<String>,
    Parameters(list): Parameters<api::MemberQuery>,
) -> Result<Json<api::Page<api::Member>>, Problem> {
    let (limit, after) = (list.limit.unwrap_or(50), list.cursor.as_deref());
    let filter = ListMembers { email: list.email, name: list.name, role: list.role, id: list.id };
    Ok(page(portal.service.members(&credential.caller, &organization, &filter, after, limit).await?, member))
}

/// Shows a member.
#[utoipa::path(
    get, path = "/api/orgs/{name}/members/{id}", operation_id = "getMember", tag = "Members",
    params(("name" = openapi::OrganizationName, Path, description = "Name of the organization"), ("id" = String, Path, description = "Id of the membership", format = "uuid")),
    responses((status = 200, description = "The member", body = api::Member, example = json!(openapi::member()))),
)]
pub(crate) async fn get(
    State(portal): State<Portal>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
) -> Result<Json<api::Member>, Problem> {
    Ok(Json(member(portal.service.member(&credential.caller, &organization, &id).await?)))
}

/// Changes a member's role.
///
/// People only. Owners make and unmake owners, and one of them always stays.
#[utoipa::path(
    patch, path = "/api/orgs/{name}/members/{id}", operation_id = "changeMember", tag = "Members",
    params(("name" = openapi::OrganizationName, Path, description = "Name of the organization"), ("id" = String, Path, description = "Id of the membership", format = "uuid")),
    request_body(content = api::MemberChanges, example = json!({ "role": "owner" })),
    responses(
        (status = 200, description = "The member as it is now", body = api::Member, example = json!(openapi::member())),
        (status = 409, description = "It is the last owner"),
    ),
)]
pub(crate) async fn change(
    State(portal): State<Portal>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
    Body(change): Body<api::MemberChanges>,
) -> Result<Json<api::Member>, Problem> {
    let changed = portal.service.change_role(&credential.caller, &organization, &id, change.role).await?;
    Ok(Json(member(changed)))
}

/// Removes a member.
///
/// People only; with the id of one's own membership, leaves. The tokens that the person has made stay.
#[utoipa::path(
    delete, path = "/api/orgs/{name}/members/{id}", operation_id = "removeMember", tag = "Members",
    params(("name" = openapi::OrganizationName, Path, description = "Name of the organization"), ("id" = String, Path, description = "Id of the membership", format = "uuid")),
    responses(
        (status = 204, description = "It is removed"),
        (status = 409, description = "It is the last owner"),
    ),
)]
pub(crate) async fn remove(
    State(portal): State<Portal>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    portal.service.remove_member(&credential.caller, &organization, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
