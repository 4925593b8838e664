//! `/api/orgs`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use latchkey_domain::{InactivityThreshold, Role, Timestamp};
use latchkey_service::{ListedOrganization, Organization, Power};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::credential::Credential;
use crate::http::json::JsonBody;
use crate::http::page::{Page, PageQuery};
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

/// An organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Organization)]
pub(crate) struct OrganizationJson {
    #[schema(format = "uuid")]
    id: String,
    name: String,
    /// 0: auto-revoke is off.
    #[schema(maximum = 365)]
    api_token_max_days_inactive: u16,
    /// The person's; `null` for tokens.
    #[schema(value_type = Option<schema::Role>)]
    role: Option<Role>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// An organization in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedOrganization)]
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

/// Lists organizations.
///
/// The caller's, by name; all of them for who acts on the whole instance.
#[utoipa::path(
    get, path = "/api/orgs", operation_id = "listOrganizations", tag = "Organizations",
    params(PageQuery),
    responses((status = 200, description = "A page of organizations", body = Page<ListedJson>,
        example = json!({ "items": [schema::organization(true)], "nextCursor": null }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<PageQuery>,
) -> Result<Json<Page<ListedJson>>, Problem> {
    let limit = list.limit.unwrap_or(50);
    let page = state.service.list_organizations(&credential.caller, list.cursor.as_deref(), limit).await?;
    Ok(Json(page.into()))
}

/// An organization to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrganization)]
pub(crate) struct Create {
    #[schema(value_type = schema::OrganizationName)]
    name: String,
}

/// Creates an organization.
///
/// The person who makes it becomes its owner.
#[utoipa::path(
    post, path = "/api/orgs", operation_id = "createOrganization", tag = "Organizations",
    request_body(content = Create, example = json!({ "name": "acme-2" })),
    responses(
        (status = 201, description = "The organization", headers(("Location" = String, description = "Where it is from now on")), body = OrganizationJson,
            example = json!(schema::organization(false))),
        (status = 409, description = "The name is taken"),
    ),
)]
pub(crate) async fn create(
    State(state): State<ServerState>,
    credential: Credential,
    JsonBody(create): JsonBody<Create>,
) -> Result<impl IntoResponse, Problem> {
    let organization = state.service.create_organization(&credential.caller, &create.name).await?;
    let role = credential.caller.principal.person().map(|_| Role::Owner);
    let location = format!("/api/orgs/{}", organization.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(OrganizationJson::new(organization, role))))
}

/// Shows an organization.
#[utoipa::path(
    get, path = "/api/orgs/{name}", operation_id = "getOrganization", tag = "Organizations",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    responses((status = 200, description = "The organization", body = OrganizationJson, example = json!(schema::organization(false)))),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<Json<OrganizationJson>, Problem> {
    let access = state.service.organization(&credential.caller, &name).await?;
    let role = match access.power {
        Power::Role(role) => Some(role),
        Power::Token => None,
    };
    Ok(Json(OrganizationJson::new(access.organization, role)))
}

/// Deletes an organization.
///
/// Owners only. Its tokens are revoked: when this has returned, none of them is accepted.
#[utoipa::path(
    delete, path = "/api/orgs/{name}", operation_id = "deleteOrganization", tag = "Organizations",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    responses((status = 204, description = "It is deleted")),
)]
pub(crate) async fn delete(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.service.delete_organization(&credential.caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes an organization the current one.
///
/// People only. It is the one that counts when a request of theirs names none.
#[utoipa::path(
    put, path = "/api/orgs/{name}/current", operation_id = "setCurrentOrganization", tag = "Organizations",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    responses((status = 204, description = "It is the current one")),
)]
pub(crate) async fn set_current(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let own = state.service.own_membership(&credential.caller, &name).await?;
    let own = own.ok_or(latchkey_service::Error::NotFound("membership"))?;
    state.service.set_current_membership(&credential.caller, &own.member.id.to_string()).await?;
    Ok(StatusCode::NO_CONTENT)
}
