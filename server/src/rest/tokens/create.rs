use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use latchkey_domain::LevelKind;
use latchkey_service::{CreateToken, Error, IdempotentRequest};
use serde::Deserialize;
use utoipa::ToSchema;

use super::json::{SecretJson, told};
use super::{expires, field};
use crate::http::credential::Credential;
use crate::http::idempotency::IdempotentJson;
use crate::http::problem::Problem;
use crate::http::schema;
use crate::state::ServerState;

/// A token to be made. A field that is not known is refused: a misspelt expiry must not make a token that never expires.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewToken)]
pub(crate) struct Create {
    #[schema(value_type = schema::Name)]
    name: String,
    /// Up to 500 characters, as people count them; all can be seen.
    #[serde(default)]
    #[schema(max_length = 12_500)]
    description: String,
    /// At least one.
    #[schema(value_type = Vec<schema::Scope>, min_items = 1)]
    scopes: Vec<String>,
    /// Current and future ones; or else a list.
    #[serde(default)]
    all_repositories: bool,
    /// Ids or full names, 500 at most.
    #[serde(default)]
    #[schema(max_items = 500)]
    repositories: Vec<String>,
    /// A moment of RFC 3339.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<String>,
    /// From now.
    #[schema(value_type = Option<schema::Duration>)]
    expires_in: Option<String>,
    /// Id or name.
    project: Option<String>,
    /// `instance` for a token of the whole instance.
    #[schema(value_type = Option<schema::Level>)]
    level: Option<LevelKind>,
    /// 50 at most; empty for everywhere.
    #[serde(default)]
    #[schema(value_type = Vec<schema::Network>, max_items = 50)]
    allowed_networks: Vec<String>,
    /// Refuse unsigned requests.
    #[serde(default)]
    require_signing: bool,
}

impl Create {
    fn asked(self, idempotency: Option<IdempotentRequest>) -> Result<CreateToken, Error> {
        match (self.level, &self.project) {
            (Some(LevelKind::Project), None) => return Err(field("project", "is missing for the level project")),
            (Some(LevelKind::Organization), Some(_)) => {
                return Err(field("level", "is organization, but a project is named"));
            }
            _ => {}
        }
        Ok(CreateToken {
            name: self.name,
            description: self.description,
            scopes: self.scopes,
            all_repositories: self.all_repositories,
            repositories: self.repositories,
            expires: expires(self.expires_at, self.expires_in)?,
            project: self.project,
            instance: self.level == Some(LevelKind::Instance),
            allowed_networks: self.allowed_networks,
            require_signing: self.require_signing,
            creation_key: None,
            idempotency,
        })
    }
}

/// Creates a token.
///
/// The answer carries its secret in `token`, the only time. Nobody makes a token that can do more than they can. With
/// an `Idempotency-Key`, the same request can be sent again within 24 hours, and gets the same answer.
#[utoipa::path(
    post, path = "/api/auth/cli-tokens", operation_id = "createToken", tag = "Tokens",
    params(schema::IdempotencyKey, schema::OrganizationHeader),
    request_body(content = Create, example = json!({
        "name": "GitHub Actions CI", "description": "Scans each push to main", "scopes": ["repos:read", "scans:trigger"],
        "allRepositories": true, "expiresIn": "720h",
    })),
    responses(
        (status = 201, description = "The token, with its secret", headers(("ETag" = String, description = "For `If-Match`"), ("Location" = String, description = "Where it is from now on")), body = SecretJson, example = json!(schema::token(true))),
        (status = 409, description = "The name is taken; or a request with this key is under way, or its secret is no longer the token's"),
    ),
)]
pub(crate) async fn create(
    State(state): State<ServerState>,
    credential: Credential,
    IdempotentJson { body, idempotency }: IdempotentJson<Create>,
) -> Result<Response, Problem> {
    let organization = credential.organization_if_any();
    let created = state.service.create_token(&credential.caller, organization, body.asked(idempotency)?).await?;
    Ok(told(StatusCode::CREATED, created, state.service.now()))
}
