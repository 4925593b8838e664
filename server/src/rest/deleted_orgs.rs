//! `/api/deleted-orgs`: names of deleted organizations, which stay reserved.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use latchkey_api_types as api;
use latchkey_service::Organization;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::credential::Credential;
use crate::http::page::page;
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(free))
}

fn deleted(organization: Organization) -> api::DeletedOrganization {
    api::DeletedOrganization {
        id: organization.id,
        name: organization.name,
        created_at: organization.created_at,
        deleted_at: organization.updated_at,
    }
}

/// List deleted organizations
///
/// Instance admins only. The list has the deleted organizations whose names are still reserved, sorted by name.
#[utoipa::path(
    get, path = "/api/deleted-orgs", operation_id = "listDeletedOrganizations", tag = "Organizations",
    params(api::PageQuery),
    responses((status = 200, description = "A page of organizations", body = api::Page<api::DeletedOrganization>, example = json!({
        "items": [{
            "id": schema::ID, "name": "hooli", "createdAt": "2026-11-22T08:00:00Z", "deletedAt": "2026-11-23T08:00:00Z",
        }],
        "nextCursor": null,
    }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<api::PageQuery>,
) -> Result<Json<api::Page<api::DeletedOrganization>>, Problem> {
    let limit = list.limit.unwrap_or(50);
    let found = state.service.organizations().list_deleted(&credential.caller, list.cursor.as_deref(), limit).await?;
    Ok(page(found, deleted))
}

/// Release the name of a deleted organization
///
/// Instance admins only. A new organization with this name is taken for the old one by every system that identifies
/// organizations by name.
#[utoipa::path(
    delete, path = "/api/deleted-orgs/{name}", operation_id = "freeOrganizationName", tag = "Organizations",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    responses((status = 204, description = "Released")),
)]
pub(crate) async fn free(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.service.organizations().free_name(&credential.caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
