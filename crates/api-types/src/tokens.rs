use latchkey_domain::{LevelKind, RepositoryId, ScopeSet, Timestamp, TokenId, TokenState};
use serde::{Deserialize, Deserializer, Serialize};

use crate::SecretString;

/// An API token. Its secret is only in the response that creates or rotates it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: TokenId,
    /// Unique, without regard to case, among the unrevoked tokens of the same organization or project.
    pub name: String,
    pub description: String,
    /// The first 8 characters of the secret.
    pub prefix: String,
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Level))]
    pub level: LevelKind,
    pub organization: Option<String>,
    pub project: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub scopes: ScopeSet,
    pub all_repositories: bool,
    /// Ids; empty if the token reaches all repositories.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub repositories: Vec<RepositoryId>,
    /// In CIDR notation; empty for any address.
    pub allowed_networks: Vec<String>,
    /// Whether unsigned requests are refused.
    pub require_signing: bool,
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::TokenState))]
    pub status: TokenState,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    pub created_by: String,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// How long the previous secret stays valid after a rotation, unless the new one is used first.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub overlap_until: Option<Timestamp>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_used_at: Option<Timestamp>,
    pub last_used_from: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub revoked_at: Option<Timestamp>,
    pub revoked_by: Option<String>,
    /// A word such as `manual` or `inactive`.
    pub revoked_reason: Option<String>,
}

/// A token with its secret. No later response has the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenWithSecret {
    /// The secret.
    #[serde(rename = "token")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub secret: SecretString,
    #[serde(flatten)]
    pub token: Token,
}

/// A token to create. Unknown fields are refused: a misspelt expiry must not create a token that never expires.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewToken {
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Name))]
    pub name: String,
    /// Up to 500 visible characters (grapheme clusters).
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 12_500))]
    pub description: String,
    /// At least one.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::Scope>, min_items = 1))]
    pub scopes: Vec<String>,
    /// Whether the token reaches all repositories, current and future ones, in place of a list.
    #[serde(default)]
    pub all_repositories: bool,
    /// Ids or full names of the repositories that the token reaches, 500 at most.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    pub repositories: Vec<String>,
    /// When the token expires, in RFC 3339; never, if neither this nor `expiresIn` is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<String>,
    /// After how long the token expires, such as `720h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Duration>))]
    pub expires_in: Option<String>,
    /// Id or name of the project that the token belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// `instance` for a token of the whole instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Level>))]
    pub level: Option<LevelKind>,
    /// Networks that the token is accepted from, 50 at most; empty for any address.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::Network>, max_items = 50))]
    pub allowed_networks: Vec<String>,
    /// Whether to refuse unsigned requests.
    #[serde(default)]
    pub require_signing: bool,
}

/// Changes to a token. A field that is missing stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Name>))]
    pub name: Option<String>,
    /// Up to 500 visible characters (grapheme clusters).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 12_500))]
    pub description: Option<String>,
    /// All scopes that the token will have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<crate::schema::Scope>>, min_items = 1))]
    pub scopes: Option<Vec<String>>,
    /// Whether the token reaches all repositories, current and future ones, in place of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_repositories: Option<bool>,
    /// All repositories that the token will reach: ids or full names, 500 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    pub repositories: Option<Vec<String>>,
    /// When the token expires, in RFC 3339; `null` for never.
    #[serde(default, deserialize_with = "null_or_value", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Option<String>>,
    /// After how long from now the token expires; `null` for never.
    #[serde(default, deserialize_with = "null_or_value", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Duration>))]
    pub expires_in: Option<Option<String>>,
    /// Networks that the token is accepted from, 50 at most; empty for any address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<crate::schema::Network>>, max_items = 50))]
    pub allowed_networks: Option<Vec<String>>,
    /// Whether to refuse unsigned requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_signing: Option<bool>,
}

/// Tells `null` from a field that is not there.
fn null_or_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// How to replace the secret of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rotation {
    /// How long the old secret stays valid, unless the new one is used first: 7 days at most. Without it, the old secret
    /// ends at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::schema::Duration>))]
    pub overlap: Option<String>,
}

/// Tokens to revoke.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokensToRevoke {
    /// 1 to 100 ids.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub ids: Vec<String>,
}

/// What a bulk revocation did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevokedTokens {
    /// Revoked by this request.
    pub revoked: Vec<RevokedToken>,
    /// How many were revoked before, or do not exist.
    pub skipped: usize,
}

/// A token that a bulk revocation has revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevokedToken {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: TokenId,
    pub name: String,
}

/// The query of the list of tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub struct TokenQuery {
    /// Size of a page, 1 to 100; 50 by default.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 100))]
    pub limit: Option<u32>,
    /// The `nextCursor` of the previous page.
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::schema::Cursor>))]
    pub cursor: Option<String>,
    /// Tokens in this state; `all` by default.
    #[cfg_attr(feature = "openapi", param(inline))]
    pub status: Option<TokenStatusFilter>,
    /// Searches names, descriptions, the start of secrets, and ids.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(max_length = 200))]
    pub query: String,
    /// Tokens that have this scope.
    pub scope: Option<String>,
    /// Id or name of a project; `organization` for tokens of the organization itself.
    pub project: Option<String>,
    /// Tokens of this level; `instance` for those of the whole instance, which instance admins and instance tokens see.
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::schema::Level>))]
    pub level: Option<LevelKind>,
    /// Tokens that reach this repository: its id or full name.
    pub repository: Option<String>,
}

/// Which tokens to list, by their state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TokenStatusFilter {
    Active,
    Expired,
    Revoked,
    All,
}
