//! `/api/audit`

use axum::Json;
use axum::extract::State;
use latchkey_domain::Timestamp;
use latchkey_service::{ListEvents, RecordedEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::credential::Credential;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

/// Something that was done, or tried.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub(crate) struct EventJson {
    #[schema(format = "uuid")]
    id: String,
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Timestamp,
    actor: ThingJson,
    /// Such as `token.created`.
    action: String,
    target: ThingJson,
    #[schema(value_type = schema::Outcome)]
    outcome: String,
    address: Option<String>,
    user_agent: String,
    request_id: String,
    /// What else there is to know, different for each action.
    #[schema(value_type = Object)]
    details: Value,
}

/// Who did it, or what it was done to; the name is the one of that time.
#[derive(Serialize, ToSchema)]
#[schema(as = Thing)]
struct ThingJson {
    /// Such as `user` or `token`.
    kind: String,
    id: Option<String>,
    name: String,
}

impl From<RecordedEvent> for EventJson {
    fn from(event: RecordedEvent) -> Self {
        Self {
            id: event.id.to_string(),
            occurred_at: event.occurred_at,
            actor: ThingJson {
                kind: event.actor_kind,
                id: event.actor_id.map(|id| id.to_string()),
                name: event.actor_name,
            },
            action: event.action,
            target: ThingJson {
                kind: event.target_kind,
                id: event.target_id.map(|id| id.to_string()),
                name: event.target_name,
            },
            outcome: event.outcome,
            address: event.address.map(|address| address.to_string()),
            user_agent: event.user_agent,
            request_id: event.request_id,
            details: serde_json::from_str(&event.details).unwrap_or_default(),
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct List {
    /// 1 to 100; 50 if not named.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    #[param(inline, value_type = Option<schema::Cursor>)]
    cursor: Option<String>,
    /// `instance` for what concerns no organization.
    #[param(inline)]
    level: Option<EventLevel>,
    /// Such as `token.created`.
    #[param(max_length = 100)]
    action: Option<String>,
    /// Id of who did it.
    #[param(format = "uuid")]
    actor: Option<String>,
    /// Id of what it was done to.
    #[param(format = "uuid")]
    target: Option<String>,
    #[param(inline, value_type = Option<schema::Outcome>)]
    outcome: Option<String>,
    /// A moment of RFC 3339, itself included.
    #[param(format = "date-time")]
    from: Option<String>,
    /// A moment of RFC 3339, itself not included.
    #[param(format = "date-time")]
    to: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum EventLevel {
    Organization,
    Instance,
}

/// Lists what was done.
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/audit", operation_id = "listEvents", tag = "Audit",
    params(List, schema::OrganizationHeader),
    responses((status = 200, description = "A page of events", body = Page<EventJson>, example = json!({
        "items": [{
            "id": schema::ID, "occurredAt": "2026-11-22T08:00:00Z",
            "actor": { "kind": "user", "id": schema::ID, "name": "ada@example.com" }, "action": "token.created",
            "target": { "kind": "token", "id": schema::ID, "name": "GitHub Actions CI" }, "outcome": "success",
            "address": "192.0.2.7", "userAgent": "curl/8.5.0", "requestId": schema::ID, "details": { "level": "organization" },
        }],
        "nextCursor": null,
    }))),
)]
pub(crate) async fn list(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<List>,
) -> Result<Json<Page<EventJson>>, Problem> {
    let asked = ListEvents {
        action: list.action,
        actor: list.actor,
        target: list.target,
        outcome: list.outcome,
        from: list.from,
        to: list.to,
        cursor: list.cursor,
        limit: list.limit.unwrap_or(50),
    };
    let page = match list.level {
        Some(EventLevel::Instance) => state.service.instance_events(&credential.caller, &asked).await?,
        None | Some(EventLevel::Organization) => {
            state.service.events(&credential.caller, credential.organization()?, &asked).await?
        }
    };
    Ok(Json(page.into()))
}
