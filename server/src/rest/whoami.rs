use axum::Json;
use latchkey_domain::{LevelKind, RepositoryId, ScopeSet, Timestamp};
use latchkey_service::Principal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::credential::Credential;
use crate::http::schema;

/// Who a credential is and what it may do.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum WhoAmI {
    #[serde(rename_all = "camelCase")]
    User { id: String, email: String, instance_admin: bool, organization: Option<String> },
    #[serde(rename_all = "camelCase")]
    ApiToken {
        id: String,
        name: String,
        #[schema(value_type = schema::Level)]
        level: LevelKind,
        organization: Option<String>,
        project: Option<String>,
        #[schema(value_type = Vec<String>)]
        scopes: ScopeSet,
        all_repositories: bool,
        /// Ids; empty for all.
        #[schema(value_type = Vec<String>)]
        repositories: Vec<RepositoryId>,
        #[schema(value_type = Option<String>, format = DateTime)]
        expires_at: Option<Timestamp>,
    },
}

/// Tells who this is.
///
/// The person or token that the credential stands for, and what it may do.
#[utoipa::path(
    get, path = "/api/auth/whoami", operation_id = "whoAmI", tag = "Credentials",
    params(schema::OrganizationHeader),
    responses((status = 200, description = "Who this is", body = WhoAmI, example = json!({
        "kind": "apiToken", "id": schema::ID, "name": "GitHub Actions CI", "level": "organization",
        "organization": "acme", "project": null, "scopes": ["repos:read", "scans:trigger"], "allRepositories": true,
        "repositories": [], "expiresAt": "2026-12-22T08:00:00Z",
    }))),
)]
pub(crate) async fn whoami(credential: Credential) -> Json<WhoAmI> {
    let organization = credential.organization().ok().map(str::to_owned);
    Json(match credential.caller.principal {
        Principal::Session(person) | Principal::UserToken(person) => WhoAmI::User {
            id: person.id.to_string(),
            email: person.email,
            instance_admin: person.instance_admin,
            organization,
        },
        Principal::ApiToken(token) => WhoAmI::ApiToken {
            repositories: token.repositories.to_vec(),
            id: token.id.to_string(),
            name: token.name.clone(),
            level: token.level.kind(),
            organization,
            project: Some(token.project_name.clone()).filter(|name| !name.is_empty()),
            scopes: token.scopes.clone(),
            all_repositories: token.all_repositories,
            expires_at: token.expires_at,
        },
    })
}
