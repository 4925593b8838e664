//! `/api/repos`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use latchkey_app::portal::Portal;
use latchkey_domain::Timestamp;
use latchkey_service::Repository;
use serde::{Deserialize, Serialize};

use super::Page;
use super::credential::Credential;
use super::json::{Body, Parameters};
use super::problem::Problem;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RepositoryJson {
    id: String,
    name: String,
    created_at: Timestamp,
}

impl From<Repository> for RepositoryJson {
    fn from(repository: Repository) -> Self {
        Self { id: repository.id.to_string(), name: repository.name, created_at: repository.created_at }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    limit: Option<u32>,
    /// The last name of the page before.
    cursor: Option<String>,
    #[serde(default)]
    query: String,
}

/// `GET /api/repos?limit=&cursor=&query=`: what the credential reaches, by name.
pub(crate) async fn list(
    State(portal): State<Portal>,
    credential: Credential,
    Parameters(list): Parameters<List>,
) -> Result<Json<Page<RepositoryJson>>, Problem> {
    let organization = credential.organization()?;
    let limit = list.limit.unwrap_or(50);
    let page = portal
        .service
        .repositories(&credential.caller, organization, &list.query, list.cursor.as_deref(), limit)
        .await?;
    Ok(Json(Page { items: page.repositories.into_iter().map(Into::into).collect(), next_cursor: page.next }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    name: String,
}

/// `POST /api/repos`
pub(crate) async fn create(
    State(portal): State<Portal>,
    credential: Credential,
    Body(create): Body<Create>,
) -> Result<impl IntoResponse, Problem> {
    let organization = credential.organization()?;
    let repository = portal.service.create_repository(&credential.caller, organization, &create.name).await?;
    let location = format!("/api/repos/{}", repository.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(RepositoryJson::from(repository))))
}

/// `GET /api/repos/{id}`
pub(crate) async fn get(
    State(portal): State<Portal>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<Json<RepositoryJson>, Problem> {
    let repository = portal.service.repository(&credential.caller, credential.organization()?, &id).await?;
    Ok(Json(repository.into()))
}

/// `DELETE /api/repos/{id}`
pub(crate) async fn delete(
    State(portal): State<Portal>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    portal.service.delete_repository(&credential.caller, credential.organization()?, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
