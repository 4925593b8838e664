use latchkey_domain::{LevelKind, RepositoryId, ScopeSet, Timestamp, TokenId, UserId};
use serde::{Deserialize, Serialize};

use crate::SecretString;

/// Email and password of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Login {
    pub email: String,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub password: SecretString,
}

/// A user token, which acts for the person who has signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserToken {
    #[serde(rename = "token")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub secret: SecretString,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub expires_at: Timestamp,
}

/// The person or token that a credential belongs to, and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WhoAmI {
    #[serde(rename_all = "camelCase")]
    User {
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        id: UserId,
        email: String,
        instance_admin: bool,
        organization: Option<String>,
    },
    #[serde(rename_all = "camelCase")]
    ApiToken {
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        id: TokenId,
        name: String,
        #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Level))]
        level: LevelKind,
        organization: Option<String>,
        project: Option<String>,
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
        scopes: ScopeSet,
        all_repositories: bool,
        /// Ids; empty if the token reaches all repositories.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
        repositories: Vec<RepositoryId>,
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
        expires_at: Option<Timestamp>,
    },
}
