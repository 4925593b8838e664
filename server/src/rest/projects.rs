//! `/api/projects`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use latchkey_app::portal::Portal;
use latchkey_domain::Timestamp;
use latchkey_service::Project;
use serde::{Deserialize, Serialize};

use super::Page;
use super::credential::Credential;
use super::json::{Body, Parameters};
use super::orgs::List;
use super::problem::Problem;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectJson {
    id: String,
    name: String,
    created_at: Timestamp,
}

impl From<Project> for ProjectJson {
    fn from(project: Project) -> Self {
        Self { id: project.id.to_string(), name: project.name, created_at: project.created_at }
    }
}

/// `GET /api/projects?limit=&cursor=`: by name.
pub(crate) async fn list(
    State(portal): State<Portal>,
    credential: Credential,
    Parameters(list): Parameters<List>,
) -> Result<Json<Page<ProjectJson>>, Problem> {
    let (organization, limit) = (credential.organization()?, list.limit.unwrap_or(50));
    let page = portal.service.list_projects(&credential.caller, organization, list.cursor.as_deref(), limit).await?;
    Ok(Json(page.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    name: String,
}

/// `POST /api/projects`
pub(crate) async fn create(
    State(portal): State<Portal>,
    credential: Credential,
    Body(create): Body<Create>,
) -> Result<impl IntoResponse, Problem> {
    let organization = credential.organization()?;
    let project = portal.service.create_project(&credential.caller, organization, &create.name).await?;
    let location = format!("/api/projects/{}", project.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(ProjectJson::from(project))))
}

/// `GET /api/projects/{id}`: by id or name.
pub(crate) async fn get(
    State(portal): State<Portal>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<Json<ProjectJson>, Problem> {
    let project = portal.service.project(&credential.caller, credential.organization()?, &id).await?;
    Ok(Json(project.into()))
}

/// `DELETE /api/projects/{id}`: `409` while it has tokens that are not revoked.
pub(crate) async fn delete(
    State(portal): State<Portal>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    portal.service.delete_project(&credential.caller, credential.organization()?, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
