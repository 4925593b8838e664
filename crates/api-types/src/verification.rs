use latchkey_domain::{LevelKind, OrganizationId, Pin, ProjectId, RepositoryId, ScopeSet, Timestamp, TokenId};
use serde::{Deserialize, Serialize};

use crate::{FieldProblem, SecretString};

/// A request to decide about, by `scope`, or by `method` and `path` together. All conditions that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestToDecide {
    /// The token from the request's `Authorization: Bearer`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, max_length = 4096))]
    pub token: SecretString,
    /// Method of the request, checked with `path` against the route file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 4096, pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"))]
    pub method: Option<String>,
    /// Path and query of the request, as received.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 4096, pattern = "^/"))]
    pub path: Option<String>,
    /// Scope that the token must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Scope>))]
    pub scope: Option<String>,
    /// Id or full name of the repository that the token must reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4096))]
    pub repository: Option<String>,
    /// The organization that the request names in `latchkey-organization`, which an instance token must. It grants nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4096))]
    pub organization: Option<String>,
    /// The organizations that the request may act on. A calling instance token must give them, unless there is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Organizations>))]
    pub organizations: Option<Pin>,
    /// Address of the client, for allowed networks and the last use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Address>))]
    pub address: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 4096))]
    pub user_agent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureHeaders>,
    /// SHA-256 of the body in hexadecimal. Required with the signature of a POST, PUT or PATCH; for other methods, a
    /// missing one means that there is no body.
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
    /// The signed method and `path`, if they differ from those to decide about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 4096))]
    pub method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 4096))]
    pub path: Option<String>,
}

/// Requests to decide about.
///
/// The server parses each request by itself, with another `R`, so that a wrong one does not affect the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(description = "Requests to decide about."))]
pub struct RequestsToDecide<R = RequestToDecide> {
    /// For requests that give no `organizations`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Organizations>))]
    pub organizations: Option<Pin>,
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub requests: Vec<R>,
}

/// A decision about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decision {
    pub allowed: bool,
    /// The status to respond with: 200, 401 or 403. In a batch also 422 for a request that is invalid, 503 for a signed
    /// request while nonces can't be checked, and 429 for a token that has too many requests at once.
    pub status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<DecidedToken>,
    /// Id of the repository that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub repository: Option<RepositoryId>,
    /// A stable code, such as `token-revoked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_repository: Option<String>,
    /// The invalid fields of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// The token of the request.
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
    /// The project that it is limited to.
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
