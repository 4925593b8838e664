use latchkey_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Token;
use crate::number::whole_number;

/// The auto-revoke setting of an organization, and its last sweeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AutoRevoke {
    /// Inactivity threshold in days; 0 if auto-revoke is off.
    #[cfg_attr(feature = "openapi", schema(maximum = 365))]
    pub days: u16,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub next_sweep_at: Timestamp,
    /// Newest first, 10 at most.
    pub sweeps: Vec<Sweep>,
}

/// A finished run of auto-revoke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sweep {
    pub days: u16,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub started_at: Timestamp,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub finished_at: Timestamp,
    pub revoked: u32,
}

/// The inactivity threshold: tokens that were not used for so many days are revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema, utoipa::IntoParams),
    into_params(parameter_in = Query)
)]
pub struct Days {
    /// 1 to 365; 0 turns auto-revoke off.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 365), param(minimum = 0, maximum = 365))]
    #[serde(deserialize_with = "whole_number")]
    pub days: i64,
}

/// What the next sweep would revoke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AutoRevokePreview {
    pub days: u16,
    /// Number of tokens that would be revoked; 1,001 stands for more than 1,000, in `active` too.
    pub would_revoke: u32,
    pub active: u32,
    /// The first 50 of them, longest inactive first.
    pub tokens: Vec<Token>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub next_sweep_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_a_whole_number() {
        let read = |text: &str| serde_json::from_str::<Days>(text).map(|days| days.days).ok();
        assert_eq!(read(r#"{"days":13.0}"#), Some(13));
        assert_eq!(read(r#"{"days":-1}"#), Some(-1));
        for text in [r#"{"days":13.5}"#, r#"{"days":"13"}"#, r#"{"days":1,"day":1}"#, "{}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
