use axum::extract::{Path, State};
use axum::response::Response;
use latchkey_service::{ChosenRepositories, EditToken, Error};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::expires;
use super::json::{TokenJson, shown};
use crate::http::credential::Credential;
use crate::http::etag::IfMatch;
use crate::http::json::JsonBody;
use crate::http::problem::Problem;
use crate::http::schema;
use crate::state::ServerState;

/// What is to be another; what is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = TokenChanges)]
pub(crate) struct Change {
    #[schema(value_type = Option<schema::Name>)]
    name: Option<String>,
    /// Up to 500 characters, as people count them; all can be seen.
    #[schema(max_length = 12_500)]
    description: Option<String>,
    /// All that the token is to have.
    #[schema(value_type = Option<Vec<schema::Scope>>, min_items = 1)]
    scopes: Option<Vec<String>>,
    /// Current and future ones; or else a list.
    all_repositories: Option<bool>,
    /// All that the token is to reach: ids or full names, 500 at most.
    #[schema(max_items = 500)]
    repositories: Option<Vec<String>>,
    /// A moment of RFC 3339; `null` for never.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
    /// From now; `null` for never.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<schema::Duration>)]
    expires_in: Option<Option<String>>,
    /// 50 at most; empty for everywhere.
    #[schema(value_type = Option<Vec<schema::Network>>, max_items = 50)]
    allowed_networks: Option<Vec<String>>,
    /// Refuse unsigned requests.
    require_signing: Option<bool>,
}

/// Tells `null` from a field that is not there.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Change {
    fn asked(self, expected: Option<Vec<String>>) -> Result<EditToken, Error> {
        let repositories = match (self.all_repositories, self.repositories) {
            (None, None) => None,
            (all, only) => Some(ChosenRepositories { all: all.unwrap_or_default(), only: only.unwrap_or_default() }),
        };
        let expires = match (self.expires_at, self.expires_in) {
            (None, None) => None,
            (at, after) => Some(expires(at.flatten(), after.flatten())?),
        };
        Ok(EditToken {
            name: self.name,
            description: self.description,
            scopes: self.scopes,
            repositories,
            expires,
            allowed_networks: self.allowed_networks,
            require_signing: self.require_signing,
            expected,
        })
    }
}

/// Changes a token.
///
/// It takes effect at once, on every replica. What can do less than before is narrowed; widening is refused to who could
/// not create the token as it then is.
#[utoipa::path(
    patch, path = "/api/auth/cli-tokens/{id}", operation_id = "changeToken", tag = "Tokens",
    params(("id" = String, Path, description = "Id of the token", format = "uuid"), schema::IfMatchHeader, schema::OrganizationHeader),
    request_body(content = Change, example = json!({ "scopes": ["repos:read"], "expiresAt": null })),
    responses(
        (status = 200, description = "The token as it is now", headers(("ETag" = String, description = "For `If-Match`")), body = TokenJson, example = json!(schema::token(false))),
        (status = 409, description = "The name is taken; or the token is revoked or expired"),
        (status = 412, description = "The token was changed since `If-Match` was read"),
    ),
)]
pub(crate) async fn change(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    JsonBody(change): JsonBody<Change>,
) -> Result<Response, Problem> {
    let organization = credential.organization_if_any();
    let detail = state.service.edit_token(&credential.caller, organization, &id, change.asked(expected)?).await?;
    Ok(shown(detail, state.service.now()))
}
