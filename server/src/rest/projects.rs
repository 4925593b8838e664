//! `/api/projects`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use latchkey_api_types as api;
use latchkey_service::Project;
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
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, delete))
}

fn project(project: Project) -> api::Project {
    api::Project { id: project.id, name: project.name, created_at: project.created_at }
}

/// List projects
///
/// Sorted by name.
#[utoipa::path(
    get, path = "/api/projects", operation_id = "listProjects", tag = "Projects",
    params(api::PageQuery, schema::OrganizationHeader),
    responses((status = 200, description = "A page of projects", body = api::Page<api::Project>, example = json!({
        "items": [{ "id": schema::ID, "name": "backend", "createdAt": "2026-11-22T08:00:00Z" }], "nextCursor": null,
    }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<api::PageQuery>,
) -> Result<Json<api::Page<api::Project>>, Problem> {
    let limit = list.limit.unwrap_or(50);
    let access = credential.access(&state.service).await?;
    let found = state.service.projects().list(&access, list.cursor.as_deref(), limit).await?;
    Ok(page(found, project))
}

/// Create a project
#[utoipa::path(
    post, path = "/api/projects", operation_id = "createProject", tag = "Projects",
    params(schema::OrganizationHeader),
    request_body(content = api::NewProject, example = json!({ "name": "backend" })),
    responses(
        (status = 201, description = "The project", headers(("Location" = String, description = "Path of the new resource")), body = api::Project,
            example = json!({ "id": schema::ID, "name": "backend", "createdAt": "2026-11-22T08:00:00Z" })),
        (status = 409, description = "The name is taken"),
    ),
)]
pub(crate) async fn create(
    State(state): State<ServerState>,
    credential: Credential,
    JsonBody(create): JsonBody<api::NewProject>,
) -> Result<impl IntoResponse, Problem> {
    let access = credential.access(&state.service).await?;
    let created = state.service.projects().create(&access, &create.name).await?;
    let location = format!("/api/projects/{}", created.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(project(created))))
}

/// Show a project
#[utoipa::path(
    get, path = "/api/projects/{id}", operation_id = "getProject", tag = "Projects",
    params(("id" = String, Path, description = "Id or name, percent-encoded"), schema::OrganizationHeader),
    responses((status = 200, description = "The project", body = api::Project,
        example = json!({ "id": schema::ID, "name": "backend", "createdAt": "2026-11-22T08:00:00Z" }))),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<Json<api::Project>, Problem> {
    let access = credential.access(&state.service).await?;
    let found = state.service.projects().get(&access, &id).await?;
    Ok(Json(project(found)))
}

/// Delete a project
#[utoipa::path(
    delete, path = "/api/projects/{id}", operation_id = "deleteProject", tag = "Projects",
    params(("id" = String, Path, description = "Id or name, percent-encoded"), schema::OrganizationHeader),
    responses(
        (status = 204, description = "Deleted"),
        (status = 409, description = "The project has tokens that are not revoked"),
    ),
)]
pub(crate) async fn delete(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let access = credential.access(&state.service).await?;
    state.service.projects().delete(&access, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
