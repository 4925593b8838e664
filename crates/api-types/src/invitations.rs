use latchkey_domain::{InvitationId, Role, Timestamp};
use serde::{Deserialize, Serialize};

use crate::SecretString;

/// An invitation of a person to be a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invitation {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: InvitationId,
    pub organization: String,
    pub email: String,
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Role))]
    pub role: Role,
    #[cfg_attr(feature = "openapi", schema(inline))]
    pub status: InvitationStatus,
    pub sender: String,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub accepted_at: Option<Timestamp>,
}

/// Where an invitation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum InvitationStatus {
    Pending,
    Accepted,
}

/// The answer to an invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvitationWithLink {
    /// For somebody without an account, to be passed on to them: makes the account. Shown once, and only to those who
    /// act on the whole instance.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub link: Option<SecretString>,
    #[serde(flatten)]
    pub invitation: Invitation,
}

/// Whom to invite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewInvitation {
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Email))]
    pub email: String,
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Role))]
    pub role: Role,
}
