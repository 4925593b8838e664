use axum::Json;
use axum::extract::State;
use latchkey_app::portal::Portal;
use latchkey_domain::{LevelKind, RepositoryId, ScopeSet, Timestamp};
use latchkey_service::Principal;
use serde::Serialize;

use super::credential::Credential;
use super::problem::Problem;

/// Who a credential is and what it may do.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum WhoAmI {
    User {
        id: String,
        email: String,
        instance_admin: bool,
        organization: Option<String>,
    },
    ApiToken {
        id: String,
        name: String,
        level: LevelKind,
        organization: Option<String>,
        project: Option<String>,
        scopes: ScopeSet,
        all_repositories: bool,
        repositories: Vec<RepositoryId>,
        expires_at: Option<Timestamp>,
    },
}

/// `GET /api/auth/whoami`
pub(crate) async fn whoami(State(portal): State<Portal>, credential: Credential) -> Result<Json<WhoAmI>, Problem> {
    let organization = credential.organization().ok().map(str::to_owned);
    Ok(Json(match credential.caller.principal {
        Principal::Session(person) | Principal::UserToken(person) => WhoAmI::User {
            id: person.id.to_string(),
            email: person.email,
            instance_admin: person.instance_admin,
            organization,
        },
        Principal::ApiToken(token) => WhoAmI::ApiToken {
            repositories: portal.service.repositories_of_token(&token).await?.into_iter().map(|(id, _)| id).collect(),
            id: token.id.to_string(),
            name: token.name,
            level: token.level.kind(),
            organization,
            project: Some(token.project_name).filter(|name| !name.is_empty()),
            scopes: token.scopes,
            all_repositories: token.all_repositories,
            expires_at: token.expires_at,
        },
    }))
}
