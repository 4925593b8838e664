//! `/api/repos`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use latchkey_domain::Timestamp;
use latchkey_service::Repository;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::credential::Credential;
use crate::http::idempotency::IdempotentJson;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

/// A repository configuration.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Repository)]
pub(crate) struct RepositoryJson {
    #[schema(format = "uuid")]
    id: String,
    /// The full name, such as `acme/api`.
    name: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Repository> for RepositoryJson {
    fn from(repository: Repository) -> Self {
        Self { id: repository.id.to_string(), name: repository.name, created_at: repository.created_at }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct List {
    /// 1 to 100; 50 if not named.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    #[param(inline, value_type = Option<schema::Cursor>)]
    cursor: Option<String>,
    /// Beginnings of words of the name.
    #[serde(default)]
    query: String,
}

/// Lists repositories.
///
/// Those that the credential reaches, by name.
#[utoipa::path(
    get, path = "/api/repos", operation_id = "listRepositories", tag = "Repositories",
    params(List, schema::OrganizationHeader),
    responses((status = 200, description = "A page of repositories", body = Page<RepositoryJson>, example = json!({
        "items": [{ "id": schema::ID, "name": "acme/api", "createdAt": "2026-11-22T08:00:00Z" }], "nextCursor": null,
    }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<List>,
) -> Result<Json<Page<RepositoryJson>>, Problem> {
    let organization = credential.organization()?;
    let limit = list.limit.unwrap_or(50);
    let page = state
        .service
        .repositories(&credential.caller, organization, &list.query, list.cursor.as_deref(), limit)
        .await?;
    Ok(Json(Page { items: page.repositories.into_iter().map(Into::into).collect(), next_cursor: page.next }))
}

/// A repository to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRepository)]
pub(crate) struct Create {
    #[schema(value_type = schema::RepositoryName)]
    name: String,
}

/// Adds a repository.
///
/// A token that is confined to a list can't: it would not reach what it adds.
#[utoipa::path(
    post, path = "/api/repos", operation_id = "createRepository", tag = "Repositories",
    params(schema::IdempotencyKey, schema::OrganizationHeader),
    request_body(content = Create, example = json!({ "name": "acme/api" })),
    responses(
        (status = 201, description = "The repository", headers(("Location" = String, description = "Where it is from now on")), body = RepositoryJson,
            example = json!({ "id": schema::ID, "name": "acme/api", "createdAt": "2026-11-22T08:00:00Z" })),
        (status = 409, description = "The name is taken; or a request with this key is under way"),
    ),
)]
pub(crate) async fn create(
    State(state): State<ServerState>,
    credential: Credential,
    IdempotentJson { body, idempotency }: IdempotentJson<Create>,
) -> Result<impl IntoResponse, Problem> {
    let organization = credential.organization()?;
    let caller = &credential.caller;
    let repository =
        state.service.create_repository_idempotent(caller, organization, &body.name, idempotency.as_ref()).await?;
    let location = format!("/api/repos/{}", repository.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(RepositoryJson::from(repository))))
}

/// Shows a repository.
#[utoipa::path(
    get, path = "/api/repos/{id}", operation_id = "getRepository", tag = "Repositories",
    params(("id" = String, Path, description = "Id or full name, percent-encoded"), schema::OrganizationHeader),
    responses((status = 200, description = "The repository", body = RepositoryJson, example = json!({ "id": schema::ID, "name": "acme/api", "createdAt": "2026-11-22T08:00:00Z" }))),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<Json<RepositoryJson>, Problem> {
    let repository = state.service.repository(&credential.caller, credential.organization()?, &id).await?;
    Ok(Json(repository.into()))
}

/// Removes a repository.
///
/// Also from the lists of tokens: one that listed nothing else then reaches nothing.
#[utoipa::path(
    delete, path = "/api/repos/{id}", operation_id = "deleteRepository", tag = "Repositories",
    params(("id" = String, Path, description = "Id or full name, percent-encoded"), schema::OrganizationHeader),
    responses((status = 204, description = "It is removed")),
)]
pub(crate) async fn delete(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.service.delete_repository(&credential.caller, credential.organization()?, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
