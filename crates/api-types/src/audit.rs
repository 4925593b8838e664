use latchkey_domain::{AuditEventId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// An audit event: an action that was done, or attempted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: AuditEventId,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub occurred_at: Timestamp,
    pub actor: EventObject,
    /// The action, such as `token.created`.
    pub action: String,
    pub target: EventObject,
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Outcome))]
    pub outcome: String,
    pub address: Option<String>,
    pub user_agent: String,
    pub request_id: String,
    /// Further facts, which depend on the action.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub details: Value,
}

/// The actor or the target of an event, with its name at that time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Thing))]
pub struct EventObject {
    /// The kind of object, such as `user` or `token`.
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
    /// Size of a page, 1 to 100; 50 by default.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 100))]
    pub limit: Option<u32>,
    /// The `nextCursor` of the previous page.
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::schema::Cursor>))]
    pub cursor: Option<String>,
    /// `instance` for events that belong to no organization; `organization` by default.
    #[cfg_attr(feature = "openapi", param(inline))]
    pub level: Option<EventLevel>,
    /// Events of this action, such as `token.created`.
    #[cfg_attr(feature = "openapi", param(max_length = 100))]
    pub action: Option<String>,
    /// Events by the actor with this id.
    #[cfg_attr(feature = "openapi", param(format = "uuid"))]
    pub actor: Option<String>,
    /// Events on the target with this id.
    #[cfg_attr(feature = "openapi", param(format = "uuid"))]
    pub target: Option<String>,
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::schema::Outcome>))]
    pub outcome: Option<String>,
    /// Events at this time (RFC 3339) or later.
    #[cfg_attr(feature = "openapi", param(format = "date-time"))]
    pub from: Option<String>,
    /// Events before this time (RFC 3339).
    #[cfg_attr(feature = "openapi", param(format = "date-time"))]
    pub to: Option<String>,
}

/// Which level's events to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EventLevel {
    Organization,
    Instance,
}
