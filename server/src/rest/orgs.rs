//! `/api/orgs`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use latchkey_api_types as api;
use latchkey_domain::{InactivityThreshold, Role};
use latchkey_service::{ListedOrganization, Organization};
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
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, delete)).routes(routes!(set_current))
}

/// An organization, with the role that a person has in it.
pub(super) fn organization(organization: Organization, role: Option<Role>) -> api::Organization {
    api::Organization {
        id: organization.id,
        name: organization.name,
        api_token_max_days_inactive: organization.threshold.map_or(0, InactivityThreshold::days),
        role,
        created_at: organization.created_at,
        updated_at: organization.updated_at,
    }
}

fn listed(listed: ListedOrganization) -> api::ListedOrganization {
    api::ListedOrganization { organization: organization(listed.organization, listed.role), current: listed.current }
}

/// List organizations
///
/// The organizations of the caller, sorted by name. Callers that act on the whole instance see all of them.
#[utoipa::path(
    get, path = "/api/orgs", operation_id = "listOrganizations", tag = "Organizations",
    params(api::PageQuery),
    responses((status = 200, description = "A page of organizations", body = api::Page<api::ListedOrganization>,
        example = json!({ "items": [schema::organization(true)], "nextCursor": null }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<api::PageQuery>,
) -> Result<Json<api::Page<api::ListedOrganization>>, Problem> {
    let limit = list.limit.unwrap_or(50);
    Ok(page(state.service.organizations().list(&credential.caller, list.cursor.as_deref(), limit).await?, listed))
}

/// Create an organization
///
/// The caller becomes its owner.
#[utoipa::path(
    post, path = "/api/orgs", operation_id = "createOrganization", tag = "Organizations",
    request_body(content = api::NewOrganization, example = json!({ "name": "acme-2" })),
    responses(
        (status = 201, description = "The organization", headers(("Location" = String, description = "Path of the new resource")), body = api::Organization,
            example = json!(schema::organization(false))),
        (status = 409, description = "The name is taken"),
    ),
)]
pub(crate) async fn create(
    State(state): State<ServerState>,
    credential: Credential,
    JsonBody(create): JsonBody<api::NewOrganization>,
) -> Result<impl IntoResponse, Problem> {
    let created = state.service.organizations().create(&credential.caller, &create.name).await?;
    let role = credential.caller.principal.person().map(|_| Role::Owner);
    let location = format!("/api/orgs/{}", created.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(organization(created, role))))
}

/// Show an organization
#[utoipa::path(
    get, path = "/api/orgs/{name}", operation_id = "getOrganization", tag = "Organizations",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    responses((status = 200, description = "The organization", body = api::Organization, example = json!(schema::organization(false)))),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<Json<api::Organization>, Problem> {
    let access = state.service.organizations().access(&credential.caller, &name).await?;
    let found = state.service.organizations().get(&access)?.clone();
    Ok(Json(organization(found, access.role())))
}

/// Delete an organization
///
/// Owners only. Its tokens are revoked: after the answer, none of them is accepted.
#[utoipa::path(
    delete, path = "/api/orgs/{name}", operation_id = "deleteOrganization", tag = "Organizations",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    responses((status = 204, description = "Deleted")),
)]
pub(crate) async fn delete(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let access = state.service.organizations().access(&credential.caller, &name).await?;
    state.service.organizations().delete(&access).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set the current organization
///
/// Users only. Requests of the caller that name no organization act on this one.
#[utoipa::path(
    put, path = "/api/orgs/{name}/current", operation_id = "setCurrentOrganization", tag = "Organizations",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    responses((status = 204, description = "Set")),
)]
pub(crate) async fn set_current(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let access = state.service.organizations().access(&credential.caller, &name).await?;
    let own = state.service.memberships().get(&access).await?;
    let own = own.ok_or(latchkey_service::Error::NotFound("membership"))?;
    state.service.memberships().set_current(&credential.caller, &own.member.id.to_string()).await?;
    Ok(StatusCode::NO_CONTENT)
}
