use serde::{Deserialize, Serialize};

/// A problem document (RFC 9457): an error for people (`detail`) and for programs (`type`, `status` and the other members).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:latchkey:problem:` and a stable code.
    pub r#type: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_repository: Option<String>,
    /// The invalid fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

impl Problem {
    /// What every `type` begins with.
    pub const TYPE_PREFIX: &str = "urn:latchkey:problem:";

    /// The stable code after `urn:latchkey:problem:`, such as `token-revoked`.
    pub fn code(&self) -> &str {
        self.r#type.strip_prefix(Self::TYPE_PREFIX).unwrap_or(&self.r#type)
    }
}

/// An invalid field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldProblem {
    pub field: String,
    pub message: String,
}
