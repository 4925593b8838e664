use latchkey_domain::{Timestamp, TokenState};

use super::{
    COUNT_MAX, Filter,
    candidates::{Conditions, bind_filters},
    phase,
    settle::settle,
    statements::filters,
};
use crate::{
    Store, StoreError,
    bind::{Ids, among},
};

/// How many tokens match, at most [`COUNT_MAX`] + 1; reads at most [`super::READ_MAX`] rows.
pub async fn count(store: &Store, filter: &Filter, now: Timestamp) -> Result<u32, StoreError> {
    let conditions = Conditions::of(filter);
    if matches!(filter.state, Some(TokenState::Active | TokenState::Expired)) {
        settle(store, conditions.list, now).await?;
    }
    let most = i64::from(COUNT_MAX) + 1;
    let mut count = 0;
    if let Some(candidates) = conditions.candidates(store, &filter.terms).await? {
        count = among_candidates(store, &conditions, Ids::from_iter(candidates.ids)).await?;
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
    const ALL: &str = "SELECT count(*) FROM \
        (SELECT t.id FROM api_tokens t WHERE t.list_id = $1 AND t.phase = $2 ORDER BY t.id DESC LIMIT $3) t";
    macro_rules! sql {
        ($range:literal, $order:literal) => {
            concat!(
                "SELECT count(*) FROM (SELECT t.id FROM (SELECT t.* FROM api_tokens t \
                    WHERE t.list_id = $1 AND t.phase = $2",
                $range,
                " ORDER BY ",
                $order,
                " LIMIT $4) t WHERE TRUE",
                filters!(),
                " LIMIT $3) t"
            )
        };
    }
    let sql = if conditions.are_none() {
        ALL
    } else if conditions.expires_before.is_some() {
        sql!(" AND t.expires_key < $12", "t.expires_key, t.id")
    } else if conditions.idle_before.is_some() {
        sql!(" AND t.idle_key < $13", "t.idle_key, t.id")
    } else {
        sql!("", "t.id DESC")
    };
    Ok(reading!(store, db => {
        let query = sqlx::query_scalar(sql).bind(conditions.list).bind(phase).bind(most);
        // $5 and $6 are places in the statements of lists.
        let query = query.bind(conditions.reach(store)).bind(0_i64).bind(0_i64);
        bind_filters!(query, conditions).fetch_one(db).await
    })?)
}

async fn among_candidates(store: &Store, conditions: &Conditions, ids: Ids) -> Result<i64, StoreError> {
    macro_rules! sql {
        ($engine:ident) => {
            concat!(
                "SELECT count(*) FROM api_tokens t WHERE t.id ",
                among!($engine "$3"),
                " AND (t.list_id = $1) IS TRUE AND ($2 = 3 OR t.phase + 0 = $2)",
                filters!()
            )
        };
    }
    let sql = store.dialect(sql!(sqlite), sql!(postgres));
    Ok(reading!(store, db => {
        let query = sqlx::query_scalar(sql).bind(conditions.list).bind(conditions.phase).bind(ids);
        let query = query.bind(0_i64).bind(0_i64).bind(0_i64);
        bind_filters!(query, conditions).fetch_one(db).await
    })?)
}
