//! Audit events: written once, never changed.

mod list;

use std::net::IpAddr;

use latchkey_domain::{AuditEventId, OrganizationId, Timestamp};
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx,
    bind::{Ids, Rows, Texts, text},
};

pub use list::{Filter, Page, Position, RecordedEvent, list};

/// An append-only record of who did what to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Version 7, so events sort by time.
    pub id: AuditEventId,
    /// Whose it is; `None` for what concerns the instance.
    pub organization_id: Option<OrganizationId>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// `user`, `api_token` or `system`.
    pub actor_kind: &'static str,
    /// The user or token; `None` for the system and for who is not known.
    pub actor_id: Option<Uuid>,
    /// Email or token name at the time.
    pub actor_name: String,
    /// Such as `token.created`.
    pub action: &'static str,
    /// Such as `token`.
    pub target_kind: &'static str,
    /// What was acted on, if it has an id.
    pub target_id: Option<Uuid>,
    /// Its name at the time.
    pub target_name: String,
    /// `success` or `failure`.
    pub outcome: &'static str,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: String,
    /// Finds the request in the log.
    pub request_id: String,
    /// A JSON object with what else matters, such as the reason of a revocation.
    pub details: String,
}

/// Writes an event down, for good.
pub async fn insert(tx: &mut Tx, event: &AuditEvent) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO audit_events (id, organization_id, list_id, occurred_at, actor_kind, actor_id, actor_name, \
            action, target_kind, target_id, target_name, outcome, address, user_agent, request_id, details) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(event.id.0)
            .bind(event.organization_id.map(|id| id.0))
            .bind(list_of(event.organization_id))
            .bind(event.occurred_at.micros())
            .bind(event.actor_kind)
            .bind(event.actor_id)
            .bind(text(&event.actor_name))
            .bind(event.action)
            .bind(event.target_kind)
            .bind(event.target_id)
            .bind(text(&event.target_name))
            .bind(event.outcome)
            .bind(event.address.map(|address| address.to_string()))
            .bind(text(&event.user_agent))
            .bind(text(&event.request_id))
            .bind(text(&event.details))
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// Writes one event for each target (the id of the event, the target's id and name), in one statement: the same as
/// `event` in everything else.
pub async fn insert_each(
    tx: &mut Tx,
    event: &AuditEvent,
    targets: &[(AuditEventId, Uuid, String)],
) -> Result<(), StoreError> {
    macro_rules! sql {
        ($id:literal, $target_id:literal, $target_name:literal, $targets:literal) => {
            concat!(
                "INSERT INTO audit_events (id, organization_id, list_id, occurred_at, actor_kind, actor_id, actor_name, \
                    action, target_kind, target_id, target_name, outcome, address, user_agent, request_id, details) \
                 SELECT ",
                $id,
                ", $1, $2, $3, $4, $5, $6, $7, $8, ",
                $target_id,
                ", ",
                $target_name,
                ", $9, $10, $11, $12, $13 FROM ",
                $targets
            )
        };
    }
    const SQLITE: &str = sql!("unhex(value ->> 0)", "unhex(value ->> 1)", "value ->> 2", "json_each($14)");
    const POSTGRES: &str =
        sql!("t.id", "t.target_id", "t.target_name", "unnest($14, $15, $16) AS t (id, target_id, target_name)");
    let names = || targets.iter().map(|(.., name)| text(name).into_owned());
    macro_rules! query {
        ($sql:expr) => {
            sqlx::query($sql)
                .bind(event.organization_id.map(|id| id.0))
                .bind(list_of(event.organization_id))
                .bind(event.occurred_at.micros())
                .bind(event.actor_kind)
                .bind(event.actor_id)
                .bind(text(&event.actor_name))
                .bind(event.action)
                .bind(event.target_kind)
                .bind(event.outcome)
                .bind(event.address.map(|address| address.to_string()))
                .bind(text(&event.user_agent))
                .bind(text(&event.request_id))
                .bind(text(&event.details))
        };
    }
    writing!(tx, db,
        sqlite => {
            let hex = |id: Uuid| id.simple().to_string();
            let rows = targets.iter().zip(names()).map(|((id, target, _), name)| [hex(id.0), hex(*target), name]);
            query!(SQLITE).bind(Rows::from_iter(rows)).execute(db).await.map(|_| ())
        },
        postgres => {
            let ids: Ids = targets.iter().map(|(id, ..)| id.0).collect();
            let target_ids: Ids = targets.iter().map(|(_, target, _)| *target).collect();
            query!(POSTGRES).bind(ids).bind(target_ids).bind(Texts::from_iter(names())).execute(db).await.map(|_| ())
        }
    )?;
    Ok(())
}

/// How many events of an action an organization has; for tests and the sweep's own check.
pub async fn count(store: &Store, organization: Option<OrganizationId>, action: &str) -> Result<u64, StoreError> {
    const SQL: &str = "SELECT count(*) FROM audit_events WHERE list_id = $1 AND action = $2";
    let count: i64 = store.query(SQL).bind(list_of(organization)).bind(text(action)).fetch_one().await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Whose list shows an event: the organization's, or that of the instance.
fn list_of(organization: Option<OrganizationId>) -> Uuid {
    organization.map_or(Uuid::nil(), |id| id.0)
}
