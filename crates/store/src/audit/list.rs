use std::net::IpAddr;

use latchkey_domain::{AuditEventId, OrganizationId, Timestamp};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{Store, StoreError, bind::text};

/// An audit event as it was written; what each field says is told at [`super::AuditEvent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub id: AuditEventId,
    pub occurred_at: Timestamp,
    pub actor_kind: String,
    pub actor_id: Option<Uuid>,
    pub actor_name: String,
    pub action: String,
    pub target_kind: String,
    pub target_id: Option<Uuid>,
    pub target_name: String,
    pub outcome: String,
    pub address: Option<IpAddr>,
    pub user_agent: String,
    pub request_id: String,
    /// A JSON object.
    pub details: String,
}

/// Which events a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `None`: those of the instance.
    pub organization: Option<OrganizationId>,
    pub action: Option<String>,
    /// A user or token.
    pub actor: Option<Uuid>,
    pub target: Option<Uuid>,
    pub outcome: Option<&'static str>,
    /// At this moment or later, to the millisecond, as ids tell it.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub events: Vec<Recorded>,
    /// Where the next page begins, if there is more, or more to look through: before this id.
    pub next: Option<AuditEventId>,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    occurred_at: i64,
    actor_kind: String,
    actor_id: Option<Uuid>,
    actor_name: String,
    action: String,
    target_kind: String,
    target_id: Option<Uuid>,
    target_name: String,
    outcome: String,
    address: Option<String>,
    user_agent: String,
    request_id: String,
    details: String,
}

impl From<Row> for Recorded {
    fn from(row: Row) -> Self {
        Self {
            id: AuditEventId(row.id),
            occurred_at: Timestamp::from_micros(row.occurred_at),
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            action: row.action,
            target_kind: row.target_kind,
            target_id: row.target_id,
            target_name: row.target_name,
            outcome: row.outcome,
            address: row.address.and_then(|address| address.parse().ok()),
            user_agent: row.user_agent,
            request_id: row.request_id,
            details: row.details,
        }
    }
}

/// A page and the place where its walk ends: a walk of one index, newest first, that reads at most $7 events. What the
/// index doesn't tell is looked for among those, so that a rare combination costs no more than a common one. All have
/// the same parameters, so that they are bound in one place.
macro_rules! statements {
    ($condition:literal) => {
        [
            // PostgreSQL doesn't use an index for IS NOT DISTINCT FROM.
            statements!("e.organization_id IS NULL AND $1 IS NULL", $condition),
            statements!("e.organization_id = $1", $condition),
        ]
    };
    ($organization:literal, $condition:literal) => {
        (
            concat!(
                "SELECT e.id, e.occurred_at, e.actor_kind, e.actor_id, e.actor_name, e.action, e.target_kind, \
                 e.target_id, e.target_name, e.outcome, e.address, e.user_agent, e.request_id, e.details \
                 FROM (SELECT * FROM audit_events e WHERE ",
                $organization,
                $condition,
                " AND e.id < $2 AND e.id >= $3 ORDER BY e.id DESC LIMIT $7) e \
                 WHERE ($4 IS NULL OR e.action = $4) AND ($5 IS NULL OR e.actor_id = $5) \
                 AND ($6 IS NULL OR e.target_id = $6) AND ($8 IS NULL OR e.outcome = $8) \
                 ORDER BY e.id DESC LIMIT $9"
            ),
            concat!(
                "SELECT e.id FROM audit_events e WHERE ",
                $organization,
                $condition,
                " AND e.id < $2 AND e.id >= $3 ORDER BY e.id DESC LIMIT 1 OFFSET $7 - 1"
            ),
        )
    };
}

impl Filter {
    /// The statements that read the least, and whether they look for something that their index doesn't tell.
    fn statements(&self) -> ((&'static str, &'static str), bool) {
        const BY_TARGET: [(&str, &str); 2] = statements!(" AND e.target_id = $6");
        const BY_ACTOR: [(&str, &str); 2] = statements!(" AND e.actor_id = $5");
        const BY_ACTION: [(&str, &str); 2] = statements!(" AND e.action = $4");
        const ALL: [(&str, &str); 2] = statements!("");
        let (of, walked) = match self {
            Self { target: Some(_), .. } => (BY_TARGET, 1),
            Self { actor: Some(_), .. } => (BY_ACTOR, 1),
            Self { action: Some(_), .. } => (BY_ACTION, 1),
            _ => (ALL, 0),
        };
        let [instance, organization] = of;
        let chosen = if self.organization.is_some() { organization } else { instance };
        let looked_for = [self.target.is_some(), self.actor.is_some(), self.action.is_some(), self.outcome.is_some()];
        (chosen, looked_for.into_iter().filter(|filter| *filter).count() > walked)
    }
}

/// Up to `limit` events, newest first, before an id.
pub async fn list(
    store: &Store,
    filter: &Filter,
    before: Option<AuditEventId>,
    limit: u32,
) -> Result<Page, StoreError> {
    let ((page, end), filtered) = filter.statements();
    let before = before.map_or(Uuid::max(), |id| id.0).min(filter.to.map_or(Uuid::max(), first_id));
    let since = filter.from.map_or(Uuid::nil(), first_id);
    let read = if filtered { store.limits.read } else { limit + 1 };
    macro_rules! bound {
        ($query:expr) => {
            $query
                .bind(filter.organization.map(|id| id.0))
                .bind(before)
                .bind(since)
                .bind(filter.action.as_deref().map(text))
                .bind(filter.actor)
                .bind(filter.target)
                .bind(i64::from(read))
        };
    }
    let rows: Vec<Row> = reading!(store, db => {
        bound!(sqlx::query_as(page))
            .bind(filter.outcome)
            .bind(i64::from(limit) + 1)
            .fetch_all(db)
            .await
    })?;
    let mut events: Vec<_> = rows.into_iter().map(Recorded::from).collect();
    if events.len() > limit as usize {
        events.truncate(limit as usize);
        let next = events.last().map(|event| event.id);
        return Ok(Page { events, next });
    }
    if !filtered {
        return Ok(Page { events, next: None });
    }
    let end: Option<Uuid> = reading!(store, db => bound!(sqlx::query_scalar(end)).fetch_optional(db).await)?;
    Ok(Page { events, next: end.map(AuditEventId) })
}

/// The smallest id of version 7 that an event of this millisecond can have.
fn first_id(at: Timestamp) -> Uuid {
    Uuid::from_u128(u128::from(at.millis().unsigned_abs()) << 80)
}
