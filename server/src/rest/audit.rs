//! `/api/audit`

use axum::Json;
use axum::extract::State;
use latchkey_api_types as api;
use latchkey_service::{ListEvents, RecordedEvent};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::credential::Credential;
use crate::http::page::page;
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(list))
}

fn event(event: RecordedEvent) -> api::Event {
    api::Event {
        id: event.id,
        occurred_at: event.occurred_at,
        actor: api::EventObject { kind: event.actor_kind, id: event.actor_id, name: event.actor_name },
        action: event.action,
        target: api::EventObject { kind: event.target_kind, id: event.target_id, name: event.target_name },
        outcome: event.outcome,
        address: event.address.map(|address| address.to_string()),
        user_agent: event.user_agent,
        request_id: event.request_id,
        details: serde_json::from_str(&event.details).unwrap_or_default(),
    }
}

/// List audit events
///
/// The newest first.
#[utoipa::path(
    get, path = "/api/audit", operation_id = "listEvents", tag = "Audit",
    params(api::EventQuery, schema::OrganizationHeader),
    responses((status = 200, description = "A page of events", body = api::Page<api::Event>, example = json!({
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
    QueryParams(list): QueryParams<api::EventQuery>,
) -> Result<Json<api::Page<api::Event>>, Problem> {
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
    let found = match list.level {
        Some(api::EventLevel::Instance) => state.service.audit().list_of_instance(&credential.caller, &asked).await?,
        None | Some(api::EventLevel::Organization) => {
            let access = credential.access(&state.service).await?;
            state.service.audit().list(&access, &asked).await?
        }
    };
    Ok(page(found, event))
}
