use std::net::IpAddr;

use latchkey_domain::{AuditEventId, OrganizationId, Timestamp};
use uuid::Uuid;

use super::list_of;
use crate::{Store, StoreError, bind::text};

/// An audit event as it was written; what each field says is told at [`super::AuditEvent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
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
    /// At this moment or later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub events: Vec<RecordedEvent>,
    /// Where the next page begins, if there is more, or more to look through: before this event.
    pub next: Option<Position>,
}

/// Where an event stands in every list: by its time and then its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub at: Timestamp,
    pub id: AuditEventId,
}

row! {
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
}

impl From<Row> for RecordedEvent {
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

/// A page and the place where its walk ends: a walk of one index, newest first, that reads at most $8 events. What the
/// index doesn't tell is looked for among those, so that a rare combination costs no more than a common one.
///
/// The column that a walk is of is bounded from both sides instead of compared: to a planner that takes it for a range,
/// no other index has the order.
macro_rules! statements {
    () => {
        statements!(range "(e.occurred_at, e.id) < ($2, $3) AND e.occurred_at >= $4", "e.occurred_at DESC, e.id DESC")
    };
    ($column:literal, $parameter:literal) => {
        statements!(
            range
            concat!(
                "(",
                $column,
                ", e.occurred_at, e.id) < (",
                $parameter,
                ", $2, $3) AND (",
                $column,
                ", e.occurred_at) >= (",
                $parameter,
                ", $4)"
            ),
            concat!($column, " DESC, e.occurred_at DESC, e.id DESC")
        )
    };
    (range $range:expr, $order:expr) => {
        (
            concat!(
                "SELECT e.id, e.occurred_at, e.actor_kind, e.actor_id, e.actor_name, e.action, e.target_kind, \
                 e.target_id, e.target_name, e.outcome, e.address, e.user_agent, e.request_id, e.details \
                 FROM (SELECT * FROM audit_events e WHERE e.list_id = $1 AND ",
                $range,
                " ORDER BY ",
                $order,
                " LIMIT $8) e WHERE ($5 IS NULL OR e.action = $5) AND ($6 IS NULL OR e.actor_id = $6) \
                 AND ($7 IS NULL OR e.target_id = $7) AND ($9 IS NULL OR e.outcome = $9) ORDER BY ",
                $order,
                " LIMIT $10"
            ),
            concat!(
                "SELECT e.occurred_at, e.id FROM audit_events e WHERE e.list_id = $1 AND ",
                $range,
                " ORDER BY ",
                $order,
                " LIMIT 1 OFFSET $8 - 1"
            ),
        )
    };
}

impl Filter {
    /// The statements that read the least, and whether they look for something that their index doesn't tell.
    fn statements(&self) -> ((&'static str, &'static str), bool) {
        const BY_TARGET: (&str, &str) = statements!("e.target_id", "$7");
        const BY_ACTOR: (&str, &str) = statements!("e.actor_id", "$6");
        const BY_ACTION: (&str, &str) = statements!("e.action", "$5");
        const ALL: (&str, &str) = statements!();
        let (chosen, walked) = match self {
            Self { target: Some(_), .. } => (BY_TARGET, 1),
            Self { actor: Some(_), .. } => (BY_ACTOR, 1),
            Self { action: Some(_), .. } => (BY_ACTION, 1),
            _ => (ALL, 0),
        };
        let looked_for = [self.target.is_some(), self.actor.is_some(), self.action.is_some(), self.outcome.is_some()];
        (chosen, looked_for.into_iter().filter(|filter| *filter).count() > walked)
    }
}

/// Up to `limit` events, newest first, before a position.
pub async fn list(store: &Store, filter: &Filter, before: Option<Position>, limit: u32) -> Result<Page, StoreError> {
    let ((page, end), filtered) = filter.statements();
    let last = |at, id| Position { at, id: AuditEventId(id) };
    let until = filter.to.map_or(last(Timestamp::MAX, Uuid::max()), |to| last(to, Uuid::nil()));
    let before = before.map_or(until, |before| before.min(until));
    let read = if filtered { store.limits.read } else { limit + 1 };
    macro_rules! bound {
        ($query:expr) => {
            $query
                .bind(list_of(filter.organization))
                .bind(before.at.micros())
                .bind(before.id.0)
                .bind(filter.from.map_or(i64::MIN, Timestamp::micros))
                .bind(filter.action.as_deref().map(|action| text(action).into_owned()))
                .bind(filter.actor)
                .bind(filter.target)
                .bind(i64::from(read))
        };
    }
    let rows: Vec<Row> = bound!(store.query(page)).bind(filter.outcome).bind(i64::from(limit) + 1).fetch_all().await?;
    let mut events: Vec<_> = rows.into_iter().map(RecordedEvent::from).collect();
    if events.len() > limit as usize {
        events.truncate(limit as usize);
        let next = events.last().map(|event| Position { at: event.occurred_at, id: event.id });
        return Ok(Page { events, next });
    }
    if !filtered {
        return Ok(Page { events, next: None });
    }
    let end: Option<(i64, Uuid)> = bound!(store.query(end)).fetch_optional().await?;
    Ok(Page { events, next: end.map(|(at, id)| last(Timestamp::from_micros(at), id)) })
}
