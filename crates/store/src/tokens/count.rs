use latchkey_domain::{OrganizationId, Timestamp, TokenState};

use super::{
    COUNT_MAX, Filter,
    candidates::{Conditions, bind_filters},
    mark_expired::mark_expired,
    phase,
    statements::filters,
};
use crate::{
    Store, StoreError, Tx,
    bind::{Ids, in_list},
};

/// The numbers above a list, each at most [`COUNT_MAX`] + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Active tokens.
    pub live: u32,
    /// Those of them that expire before a moment.
    pub expiring: u32,
    /// Those of them that were last used, or created and never used, before a moment.
    pub idle: u32,
}

/// Counts an organization's active tokens in three ways at once. A number that has reached its limit is remembered for
/// some seconds: it is the one that costs most, and "1,000+" all the same.
pub async fn summary(
    store: &Store,
    organization: OrganizationId,
    expires_before: Timestamp,
    idle_before: Timestamp,
    now: Timestamp,
) -> Result<Summary, StoreError> {
    // The number stands in the statement: of one that is bound, PostgreSQL expects a tenth of the table, and plans anew
    // each time, which takes longer than to count.
    const _: () = assert!(COUNT_MAX == 1_000);
    macro_rules! count {
        ($wanted:literal, $range:literal, $order:literal) => {
            concat!(
                "CASE WHEN ",
                $wanted,
                " THEN (SELECT count(*) FROM (SELECT 1 FROM api_tokens t WHERE t.list_id = $1 AND t.phase = 0",
                $range,
                " ORDER BY ",
                $order,
                " LIMIT 1001) t) END"
            )
        };
    }
    const SQL: &str = concat!(
        "SELECT ",
        count!("$4", "", "t.id DESC"),
        ", ",
        count!("$5", " AND t.expires_key < $2", "t.expires_key, t.id"),
        ", ",
        count!("$6", " AND t.idle_key < $3", "t.idle_key, t.id")
    );
    let list = organization.0;
    mark_expired(store, list, now).await?;
    let known = store.list_cache.capped(list, now);
    let counted: (Option<i64>, Option<i64>, Option<i64>) = store
        .query(SQL)
        .bind(list)
        .bind(expires_before.micros())
        .bind(idle_before.micros())
        .bind(!known[0])
        .bind(!known[1])
        .bind(!known[2])
        .fetch_one()
        .await?;
    let most = i64::from(COUNT_MAX) + 1;
    let [live, expiring, idle] = [counted.0, counted.1, counted.2].map(|count| count.unwrap_or(most));
    if known == [false; 3] {
        store.list_cache.set_capped(list, now, [live, expiring, idle].map(|count| count >= most));
    }
    let number = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(Summary { live: number(live), expiring: number(expiring), idle: number(idle) })
}

/// How many tokens match, at most [`COUNT_MAX`] + 1; reads at most [`super::READ_MAX`] rows.
pub async fn count(store: &Store, filter: &Filter, now: Timestamp) -> Result<u32, StoreError> {
    let conditions = Conditions::of(filter);
    if matches!(filter.state, Some(TokenState::Active | TokenState::Expired)) {
        mark_expired(store, conditions.list, now).await?;
    }
    let most = i64::from(COUNT_MAX) + 1;
    let mut count = 0;
    if let Some(candidates) = conditions.candidates(store, filter.terms.as_deref()).await? {
        count = if candidates.checked {
            i64::try_from(candidates.ids.len()).unwrap_or(i64::MAX)
        } else {
            among_candidates(store, &conditions, Ids::from_iter(candidates.ids)).await?
        };
    } else {
        let phases = match conditions.phase {
            phase::ANY => vec![phase::LIVE, phase::EXPIRED, phase::REVOKED],
            one => vec![one],
        };
        for phase in phases {
            count += in_phase(store, &conditions, phase, most - count).await?;
            if count >= most {
                break;
            }
        }
    }
    Ok(u32::try_from(count.min(most)).unwrap_or(u32::MAX))
}

/// Counts up to `most` tokens of a phase, along the index that a filter by time can use, or else from the newest.
async fn in_phase(store: &Store, conditions: &Conditions, phase: i16, most: i64) -> Result<i64, StoreError> {
    let query = store.query(statement(store, conditions)).bind(conditions.list).bind(phase).bind(most);
    // $5 and $6 are places in the statements of lists.
    let query = query.bind(conditions.rows_max(store)).bind(0_i64).bind(0_i64);
    bind_filters!(query, conditions).fetch_one().await
}

/// The statement that counts in a phase.
pub(super) fn statement(store: &Store, conditions: &Conditions) -> &'static str {
    const ALL: &str = "SELECT count(*) FROM \
        (SELECT t.id FROM api_tokens t WHERE t.list_id = $1 AND t.phase = $2 ORDER BY t.id DESC LIMIT $3) t";
    macro_rules! sql {
        ($engine:ident, $columns:literal, $range:literal, $order:literal, $idle:literal) => {
            concat!(
                "SELECT count(*) FROM (SELECT t.id FROM (SELECT ",
                $columns,
                " FROM api_tokens t WHERE t.list_id = $1 AND t.phase = $2",
                $range,
                " ORDER BY ",
                $order,
                " LIMIT $4) t WHERE TRUE",
                filters!($engine, $idle),
                " LIMIT $3) t"
            )
        };
        // Of each row that is read, only what the index has; the row itself, if all else passes.
        (indexed $range:literal, $order:literal) => {
            sql!(
                "t.id, t.level, t.project_id, t.all_repositories, t.created_by_id, t.expires_key, t.scopes",
                $range,
                $order,
                "(SELECT i.idle_key FROM api_tokens i WHERE i.id = t.id)"
            )
        };
        ($columns:literal, $range:literal, $order:literal, $idle:literal) => {
            store
                .dialect(sql!(sqlite, $columns, $range, $order, $idle), sql!(postgres, $columns, $range, $order, $idle))
        };
    }
    if conditions.are_none() {
        ALL
    } else if conditions.expires_before.is_some() {
        sql!(indexed " AND t.expires_key < $12", "t.expires_key, t.id")
    } else if conditions.idle_before.is_some() {
        sql!("t.*", " AND t.idle_key < $13", "t.idle_key, t.id", "t.idle_key + 0")
    } else {
        sql!(indexed "", "t.id DESC")
    }
}

async fn among_candidates(store: &Store, conditions: &Conditions, ids: Ids) -> Result<i64, StoreError> {
    macro_rules! sql {
        ($engine:ident) => {
            concat!(
                "SELECT count(*) FROM api_tokens t WHERE t.id ",
                in_list!($engine "$3"),
                " AND (t.list_id = $1) IS TRUE AND ($2 = 3 OR t.phase + 0 = $2)",
                filters!($engine)
            )
        };
    }
    let sql = store.dialect(sql!(sqlite), sql!(postgres));
    let query = store.query(sql).bind(conditions.list).bind(conditions.phase).bind(&ids);
    let query = query.bind(0_i64).bind(0_i64).bind(0_i64);
    bind_filters!(query, conditions).fetch_one().await
}

/// Whether an organization has more than so many tokens that are neither revoked nor expired. Reads no more than those.
pub async fn any_beyond(
    tx: &mut Tx,
    organization: OrganizationId,
    count: u32,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT t.expires_key FROM api_tokens t WHERE t.list_id = $1 AND t.phase = 0 \
        AND t.expires_key > $2 ORDER BY t.expires_key, t.id LIMIT 1 OFFSET $3";
    let found: Option<i64> = writing!(tx, db => {
        sqlx::query_scalar(SQL)
            .bind(organization.0)
            .bind(now.micros())
            .bind(i64::from(count))
            .fetch_optional(db)
            .await
    })?;
    Ok(found.is_some())
}
