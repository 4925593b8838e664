use axum::Json;
use latchkey_domain::{LevelKind, RepositoryId, ScopeSet, Timestamp};
use latchkey_service::Principal;
use serde::Serialize;

use super::credential::Credential;

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
            repositories: token.repositories.iter().map(|(id, _)| *id).collect(),
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
