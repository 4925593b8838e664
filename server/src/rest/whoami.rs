use axum::Json;
use latchkey_api_types::WhoAmI;
use latchkey_service::Principal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::credential::Credential;
use crate::http::schema;
use crate::state::ServerState;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(whoami))
}

/// Show the caller
///
/// The user or token that the credential belongs to, and what it may do.
#[utoipa::path(
    get, path = "/api/auth/whoami", operation_id = "whoAmI", tag = "Credentials",
    params(schema::OrganizationHeader),
    responses((status = 200, description = "The caller", body = WhoAmI, example = json!({
        "kind": "apiToken", "id": schema::ID, "name": "GitHub Actions CI", "level": "organization",
        "organization": "acme", "project": null, "scopes": ["repos:read", "scans:trigger"], "allRepositories": true,
        "repositories": [], "expiresAt": "2026-12-22T08:00:00Z",
    }))),
)]
pub(crate) async fn whoami(credential: Credential) -> Json<WhoAmI> {
    let organization = credential.organization().map(str::to_owned);
    Json(match credential.caller.principal {
        Principal::Session(person) | Principal::UserToken(person) => {
            WhoAmI::User { id: person.id, email: person.email, instance_admin: person.instance_admin, organization }
        }
        Principal::ApiToken(token) => WhoAmI::ApiToken {
            repositories: token.repositories.to_vec(),
            id: token.id,
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
