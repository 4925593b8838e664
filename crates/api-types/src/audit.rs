use latchkey_domain::{AuditEventId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Something that was done, or tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: AuditEventId,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub occurred_at: Timestamp,
    pub actor: EventObject,
    /// Such as `token.created`.
    pub action: String,
    pub target: EventObject,
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Outcome))]
    pub outcome: String,
    pub address: Option<String>,
    pub user_agent: String,
    pub request_id: String,
    /// What else there is to know, different for each action.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub details: Value,
}

/// Who did it, or what it was done to; the name is the one of that time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Thing))]
pub struct EventObject {
    /// Such as `user` or `token`.
    pub kind: String,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub id: Option<Uuid>,
    pub name: String,
}

/// The query of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub struct EventQuery {
    /// 1 to 100; 50 if not named.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 100))]
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::schema::Cursor>))]
    pub cursor: Option<String>,
    /// `instance` for what concerns no organization.
    #[cfg_attr(feature = "openapi", param(inline))]
    pub level: Option<EventLevel>,
    /// Such as `token.created`.
    #[cfg_attr(feature = "openapi", param(max_length = 100))]
    pub action: Option<String>,
    /// Id of who did it.
    #[cfg_attr(feature = "openapi", param(format = "uuid"))]
    pub actor: Option<String>,
    /// Id of what it was done to.
    #[cfg_attr(feature = "openapi", param(format = "uuid"))]
    pub target: Option<String>,
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::schema::Outcome>))]
    pub outcome: Option<String>,
    /// A moment of RFC 3339, itself included.
    #[cfg_attr(feature = "openapi", param(format = "date-time"))]
    pub from: Option<String>,
    /// A moment of RFC 3339, itself not included.
    #[cfg_attr(feature = "openapi", param(format = "date-time"))]
    pub to: Option<String>,
}

/// Whose events to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EventLevel {
    Organization,
    Instance,
}
