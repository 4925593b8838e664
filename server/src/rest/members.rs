//! `/api/orgs/{name}/members`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use latchkey_app::portal::Portal;
use latchkey_domain::{Role, Timestamp};
use latchkey_service::{ListMembers, Member};
use serde::{Deserialize, Serialize};

use super::Page;
use super::credential::Credential;
use super::json::{Body, Parameters};
use super::problem::Problem;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MemberJson {
    /// Of the membership.
    id: String,
    user_id: String,
    email: String,
    role: Role,
    created_at: Timestamp,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    limit: Option<u32>,
    cursor: Option<String>,
    email: Option<String>,
    name: Option<String>,
    role: Option<Role>,
    id: Option<String>,
}

/// `GET /api/orgs/{name}/members?limit=&cursor=&email=&name=&role=&id=`: by email; `email` is a whole one, `name` is
/// what it begins with.
pub(crate) async fn list(
    State(portal): State<Portal>,
    credential: Credential,
    Path(organization): Path<String>,
    Parameters(list): Parameters<List>,
) -> Result<Json<Page<MemberJson>>, Problem> {
    let (limit, after) = (list.limit.unwrap_or(50), list.cursor.as_deref());
    let filter = ListMembers { email: list.email, name: list.name, role: list.role, id: list.id };
    let page = portal.service.members(&credential.caller, &organization, &filter, after, limit).await?;
    Ok(Json(page.into()))
}

/// `GET /api/orgs/{name}/members/{id}`
pub(crate) async fn get(
    State(portal): State<Portal>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
) -> Result<Json<MemberJson>, Problem> {
    Ok(Json(portal.service.member(&credential.caller, &organization, &id).await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    role: Role,
}

/// `PATCH /api/orgs/{name}/members/{id}`: changes the role.
pub(crate) async fn change(
    State(portal): State<Portal>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
    Body(change): Body<Change>,
) -> Result<Json<MemberJson>, Problem> {
    let member = portal.service.change_role(&credential.caller, &organization, &id, change.role).await?;
    Ok(Json(member.into()))
}

/// `DELETE /api/orgs/{name}/members/{id}`: removes the member; with the own id, leaves.
pub(crate) async fn remove(
    State(portal): State<Portal>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    portal.service.remove_member(&credential.caller, &organization, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
