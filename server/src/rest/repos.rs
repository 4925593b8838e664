//! `/api/repos`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use latchkey_api_types as api;
use latchkey_service::Repository;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::credential::Credential;
use crate::http::idempotency::IdempotentJson;
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, delete))
}

fn repository(repository: Repository) -> api::Repository {
    api::Repository { id: repository.id, name: repository.name, created_at: repository.created_at }
}

/// List repositories
///
/// The repositories that the credential can access, sorted by name.
#[utoipa::path(
    get, path = "/api/repos", operation_id = "listRepositories", tag = "Repositories",
    params(api::RepositoryQuery, schema::OrganizationHeader),
    responses((status = 200, description = "A page of repositories", body = api::Page<api::Repository>, example = json!({
        "items": [{ "id": schema::ID, "name": "acme/api", "createdAt": "2026-11-22T08:00:00Z" }], "nextCursor": null,
    }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<api::RepositoryQuery>,
) -> Result<Json<api::Page<api::Repository>>, Problem> {
    let limit = list.limit.unwrap_or(50);
    let access = credential.access(&state.service).await?;
    let page = state.service.repositories().list(&access, &list.query, list.cursor.as_deref(), limit).await?;
    Ok(Json(api::Page { items: page.repositories.into_iter().map(repository).collect(), next_cursor: page.next }))
}

/// Add a repository
///
/// Not for tokens that are restricted to a list of repositories: they could not access the new one.
#[utoipa::path(
    post, path = "/api/repos", operation_id = "createRepository", tag = "Repositories",
    params(schema::IdempotencyKey, schema::OrganizationHeader),
    request_body(content = api::NewRepository, example = json!({ "name": "acme/api" })),
    responses(
        (status = 201, description = "The repository", headers(("Location" = String, description = "Path of the new resource")), body = api::Repository,
            example = json!({ "id": schema::ID, "name": "acme/api", "createdAt": "2026-11-22T08:00:00Z" })),
        (status = 409, description = "The name is taken, or a request with this key is in progress"),
    ),
)]
pub(crate) async fn create(
    State(state): State<ServerState>,
    credential: Credential,
    IdempotentJson { body, idempotency }: IdempotentJson<api::NewRepository>,
) -> Result<impl IntoResponse, Problem> {
    let access = credential.access(&state.service).await?;
    let created = state.service.repositories().create_idempotent(&access, &body.name, idempotency.as_ref()).await?;
    let location = format!("/api/repos/{}", created.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(repository(created))))
}

/// Show a repository
#[utoipa::path(
    get, path = "/api/repos/{id}", operation_id = "getRepository", tag = "Repositories",
    params(("id" = String, Path, description = "Id or full name, percent-encoded"), schema::OrganizationHeader),
    responses((status = 200, description = "The repository", body = api::Repository, example = json!({ "id": schema::ID, "name": "acme/api", "createdAt": "2026-11-22T08:00:00Z" }))),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<Json<api::Repository>, Problem> {
    let access = credential.access(&state.service).await?;
    let found = state.service.repositories().get(&access, &id).await?;
    Ok(Json(repository(found)))
}

/// Remove a repository
///
/// It is also removed from the lists of tokens. A token that listed only this repository can then access none.
#[utoipa::path(
    delete, path = "/api/repos/{id}", operation_id = "deleteRepository", tag = "Repositories",
    params(("id" = String, Path, description = "Id or full name, percent-encoded"), schema::OrganizationHeader),
    responses((status = 204, description = "Removed")),
)]
pub(crate) async fn delete(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let access = credential.access(&state.service).await?;
    state.service.repositories().delete(&access, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
