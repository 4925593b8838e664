//! `/api/audit`

use axum::Json;
use axum::extract::State;
use latchkey_app::portal::Portal;
use latchkey_domain::Timestamp;
use latchkey_service::{ListEvents, Recorded};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Page;
use super::credential::Credential;
use super::json::Parameters;
use super::problem::Problem;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventJson {
    id: String,
    occurred_at: Timestamp,
    actor: ThingJson,
    action: String,
    target: ThingJson,
    outcome: String,
    address: Option<String>,
    user_agent: String,
    request_id: String,
    details: Value,
}

/// Who did it, or what it was done to; the name is the one of that time.
#[derive(Serialize)]
struct ThingJson {
    kind: String,
    id: Option<String>,
    name: String,
}

impl From<Recorded> for EventJson {
    fn from(event: Recorded) -> Self {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    limit: Option<u32>,
    cursor: Option<String>,
    level: Option<EventLevel>,
    action: Option<String>,
    actor: Option<String>,
    target: Option<String>,
    outcome: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EventLevel {
    Organization,
    Instance,
}

/// `GET /api/audit?limit=&cursor=&level=&action=&actor=&target=&outcome=&from=&to=`: newest first; with
/// `level=instance`, what concerns no organization.
pub(crate) async fn list(
    State(portal): State<Portal>,
    credential: Credential,
    Parameters(list): Parameters<List>,
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
        Some(EventLevel::Instance) => portal.service.instance_events(&credential.caller, &asked).await?,
        None | Some(EventLevel::Organization) => {
            portal.service.events(&credential.caller, credential.organization()?, &asked).await?
        }
    };
    Ok(Json(page.into()))
}
