//! `/api/orgs`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use latchkey_app::portal::Portal;
use latchkey_domain::{InactivityThreshold, Role, Timestamp};
use latchkey_service::{ListedOrganization, Organization, Power};
use serde::{Deserialize, Serialize};

use super::Page;
use super::credential::Credential;
use super::json::{Body, Parameters};
use super::problem::Problem;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrganizationJson {
    id: String,
    name: String,
    /// 0: auto-revoke is off.
    api_token_max_days_inactive: u16,
    /// The person's; `null` for tokens.
    role: Option<Role>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// An organization in a list.
#[derive(Serialize)]
pub(crate) struct ListedJson {
    #[serde(flatten)]
    organization: OrganizationJson,
    /// The one that counts when a request names none.
    current: bool,
}

impl OrganizationJson {
    pub(super) fn new(organization: Organization, role: Option<Role>) -> Self {
        Self {
            id: organization.id.to_string(),
            name: organization.name,
            api_token_max_days_inactive: organization.threshold.map_or(0, InactivityThreshold::days),
            role,
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        }
    }
}

impl From<ListedOrganization> for ListedJson {
    fn from(listed: ListedOrganization) -> Self {
        Self { organization: OrganizationJson::new(listed.organization, listed.role), current: listed.current }
    }
}

/// The query of a list without filters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    pub(super) limit: Option<u32>,
    pub(super) cursor: Option<String>,
}

/// `GET /api/orgs?limit=&cursor=`: the caller's organizations, by name.
pub(crate) async fn list(
    State(portal): State<Portal>,
    credential: Credential,
    Parameters(list): Parameters<List>,
) -> Result<Json<Page<ListedJson>>, Problem> {
    let limit = list.limit.unwrap_or(50);
    let page = portal.service.list_organizations(&credential.caller, list.cursor.as_deref(), limit).await?;
    Ok(Json(page.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    name: String,
}

/// `POST /api/orgs`: the person who makes it becomes its owner.
pub(crate) async fn create(
    State(portal): State<Portal>,
    credential: Credential,
    Body(create): Body<Create>,
) -> Result<impl IntoResponse, Problem> {
    let organization = portal.service.create_organization(&credential.caller, &create.name).await?;
    let role = credential.caller.principal.person().map(|_| Role::Owner);
    let location = format!("/api/orgs/{}", organization.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(OrganizationJson::new(organization, role))))
}

/// `GET /api/orgs/{name}`
pub(crate) async fn get(
    State(portal): State<Portal>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<Json<OrganizationJson>, Problem> {
    let access = portal.service.organization(&credential.caller, &name).await?;
    let role = match access.power {
        Power::Role(role) => Some(role),
        Power::Token => None,
    };
    Ok(Json(OrganizationJson::new(access.organization, role)))
}

/// `DELETE /api/orgs/{name}`: revokes its tokens; when the answer comes, none of them is accepted any more.
pub(crate) async fn delete(
    State(portal): State<Portal>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    portal.service.delete_organization(&credential.caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /api/orgs/{name}/current`: the person acts on it when a request names none.
pub(crate) async fn set_current(
    State(portal): State<Portal>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let own = portal.service.own_membership(&credential.caller, &name).await?;
    let own = own.ok_or(latchkey_service::Error::NotFound("membership"))?;
    portal.service.set_current_membership(&credential.caller, &own.member.id.to_string()).await?;
    Ok(StatusCode::NO_CONTENT)
}
