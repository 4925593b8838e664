use latchkey_domain::{RepositoryId, Timestamp};
use serde::{Deserialize, Serialize};

/// A repository configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Repository {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: RepositoryId,
    /// The full name, such as `acme/api`.
    pub name: String,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}

/// A repository to add.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewRepository {
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::RepositoryName))]
    pub name: String,
}

/// The query of the list of repositories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub struct RepositoryQuery {
    /// Size of a page, 1 to 100; 50 by default.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 100))]
    pub limit: Option<u32>,
    /// The `nextCursor` of the previous page.
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::schema::Cursor>))]
    pub cursor: Option<String>,
    /// Beginnings of words of the name.
    #[serde(default)]
    pub query: String,
}
