use latchkey_domain::{LevelKind, OrganizationId, Pin, ProjectId, RepositoryId, ScopeSet, Timestamp, TokenId};
use serde::{Deserialize, Serialize};

use crate::{FieldProblem, SecretString};

/// A request to decide about: `scope`, or `method` and `path` together; all that is named must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestToDecide {
    /// What came in `Authorization: Bearer`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, max_length = 4096))]
    pub token: SecretString,
    /// With `path`: what the route file says of them must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 4096, pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"))]
    pub method: Option<String>,
    /// Path with query, as it was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 4096, pattern = "^/"))]
    pub path: Option<String>,
    /// What the token must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Scope>))]
    pub scope: Option<String>,
    /// Id or full name of what the token must reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4096))]
    pub repository: Option<String>,
    /// What the request itself names, in `latchkey-organization`: needed of instance tokens. It decides nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4096))]
    pub organization: Option<String>,
    /// Which organizations it may be about. An instance token that asks must say so, unless there is but one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Organizations>))]
    pub organizations: Option<Pin>,
    /// Where the request came from, for allowed networks and the last use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Address>))]
    pub address: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 4096))]
    pub user_agent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureHeaders>,
    /// SHA-256 of the body in hexadecimal. With a signature of a POST, PUT or PATCH it must be there; of others, none means
    /// that there is no body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9a-fA-F]{64}$"))]
    pub body_hash: Option<String>,
}

/// The three headers of a signed request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignatureHeaders {
    pub signature: String,
    pub timestamp: String,
    pub nonce: String,
    /// What was signed, when the question is not about it; else that of the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 4096))]
    pub method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 4096))]
    pub path: Option<String>,
}

/// Requests to decide about.
///
/// The server reads them one by one, as another `R`: what is wrong with one is no matter of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(description = "Requests to decide about."))]
pub struct RequestsToDecide<R = RequestToDecide> {
    /// For those that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Organizations>))]
    pub organizations: Option<Pin>,
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub requests: Vec<R>,
}

/// The decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decision {
    pub allowed: bool,
    /// 200, 401 or 403: what to answer. In a batch also 422 for a request that can't be read, and 503 for a signed one
    /// while nonces can't be checked, and 429 for one of a token that has too many of them under way.
    pub status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<DecidedToken>,
    /// Id of the repository that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub repository: Option<RepositoryId>,
    /// A word that never changes, such as `token-revoked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_repository: Option<String>,
    /// Each field of the request that is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// The token that was presented.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DecidedToken {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: TokenId,
    pub name: String,
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Level))]
    pub level: LevelKind,
    /// The organization that it acts on.
    pub organization: String,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub organization_id: OrganizationId,
    /// The project that it is confined to.
    pub project: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub project_id: Option<ProjectId>,
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub scopes: ScopeSet,
    pub all_repositories: bool,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
}

/// The decisions, in the order of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decisions {
    pub results: Vec<Decision>,
}
