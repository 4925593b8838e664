use latchkey_domain::{MembershipId, Role, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// A membership of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Member {
    /// Of the membership.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: MembershipId,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub user_id: UserId,
    pub email: String,
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Role))]
    pub role: Role,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub updated_at: Timestamp,
}

/// What a member may do from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberChanges {
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Role))]
    pub role: Role,
}

/// The query of the list of members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub struct MemberQuery {
    /// 1 to 100; 50 if not named.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 100))]
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::schema::Cursor>))]
    pub cursor: Option<String>,
    /// A whole email.
    #[cfg_attr(feature = "openapi", param(max_length = 254))]
    pub email: Option<String>,
    /// What the email begins with.
    #[cfg_attr(feature = "openapi", param(max_length = 254))]
    pub name: Option<String>,
    /// Members with this role.
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::schema::Role>))]
    pub role: Option<Role>,
    /// Id of a membership.
    pub id: Option<String>,
}
