use std::collections::HashMap;

use latchkey_domain::{Timestamp, TokenId, TokenState};
use uuid::Uuid;

use super::{
    Filter, Page, Position, Sort, SortKey, Token,
    candidates::{Candidates, Conditions, bind_filters},
    mark_expired::mark_expired,
    phase,
    position::{IndexPosition, Key, bind_position},
    row::{TokenRow, columns, tokens},
    statements::statements,
};
use crate::{
    Store, StoreError,
    bind::{Ids, in_list},
};

/// A row of the sort's index, as statements tell it.
row! {
    struct Place {
        id: Uuid,
        name: String,
        number: i64,
        at_end: bool,
    }
}

impl Place {
    fn position(self, key: SortKey) -> IndexPosition {
        IndexPosition { key: Key::new(key, self.id, self.name, self.number), id: self.id }
    }
}

/// A page of `limit` tokens, without `organization_name` and `repository_count`, which whoever lists them knows.
pub async fn list(
    store: &Store,
    filter: &Filter,
    sort: Sort,
    after: Option<&Position>,
    limit: u32,
    now: Timestamp,
) -> Result<Page, StoreError> {
    let conditions = Conditions::of(filter);
    if matches!(filter.state, Some(TokenState::Active | TokenState::Expired)) {
        mark_expired(store, conditions.list, now).await?;
    }
    let (first, last) = (IndexPosition::first(sort.key), IndexPosition::last(sort.key));
    let (first, last) = if sort.descending { (last, first) } else { (first, last) };
    let from = after.map_or(first, |position| IndexPosition::of(position, sort.key));
    let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);

    if let Some(candidates) = conditions.candidates(store, filter.terms.as_deref(), sort.key).await? {
        return among_candidates(store, &conditions, sort, after.is_some().then_some(&from), candidates, limit).await;
    }
    if conditions.phase != phase::ANY && !conditions.are_none() {
        return filtered(store, &conditions, sort, &from, limit).await;
    }
    let end = if conditions.are_none() { None } else { end(store, &conditions, sort, &from).await? };
    let to = end.as_ref().map_or(last, |position| IndexPosition::of(position, sort.key));
    let rows = page(store, &conditions, sort, (&from, &to), limit + 1).await?;
    let mut tokens = tokens(rows)?;

    let full = tokens.len() > limit;
    tokens.truncate(limit);
    let next = if full { tokens.last().map(|token| Position::of(token, sort.key)) } else { end };
    let partial = !full && next.is_some();
    Ok(Page { tokens, next, partial, total: None })
}

/// A page of a walk with filters in one phase.
async fn filtered(
    store: &Store,
    conditions: &Conditions,
    sort: Sort,
    from: &IndexPosition,
    limit: usize,
) -> Result<Page, StoreError> {
    let (read, most) = (conditions.rows_max(store), i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(2));
    let query = store.query(statements(store, sort).places).bind(conditions.list).bind(conditions.phase);
    let query = bind_position!(query, from).bind(read).bind(read - 1);
    let rows: Vec<Place> = bind_filters!(query, conditions).bind(most).fetch_all().await?;
    let (ends, places): (Vec<_>, Vec<_>) = rows.into_iter().partition(|place| place.at_end);
    let full = places.len() > limit;
    let places: Vec<_> = places.into_iter().take(limit).map(|place| place.position(sort.key)).collect();
    let tokens = shown_tokens(store, conditions, &places).await?;
    let next = if full { tokens.last().map(|token| Position::of(token, sort.key)) } else { next_of(ends, sort.key) };
    let partial = !full && next.is_some();
    Ok(Page { tokens, next, partial, total: None })
}

/// A page of what a search or a selective filter has picked.
async fn among_candidates(
    store: &Store,
    conditions: &Conditions,
    sort: Sort,
    after: Option<&IndexPosition>,
    candidates: Candidates,
    limit: usize,
) -> Result<Page, StoreError> {
    let Candidates { mut passing, capped } = candidates;
    let total = u32::try_from(passing.len()).ok();
    let order = |a: &IndexPosition, b: &IndexPosition| if sort.descending { b.cmp(a) } else { a.cmp(b) };
    passing.sort_unstable_by(order);
    let begin = after.map_or(0, |after| passing.partition_point(|place| order(place, after).is_le()));
    let rest = &passing[begin..];
    let shown = &rest[..rest.len().min(limit)];
    let full = rest.len() > limit;

    let tokens = shown_tokens(store, conditions, shown).await?;
    let next = if full { tokens.last().map(|token| Position::of(token, sort.key)) } else { None };
    Ok(Page { tokens, next, partial: !full && capped, total })
}

/// The tokens of some places, in their order; without those that are no longer in the list.
async fn shown_tokens(
    store: &Store,
    conditions: &Conditions,
    places: &[IndexPosition],
) -> Result<Vec<Token>, StoreError> {
    macro_rules! sql {
        ($engine:ident) => {
            concat!(
                "SELECT ",
                columns!(listed),
                " FROM api_tokens t WHERE t.id ",
                in_list!($engine "$3"),
                " AND (t.list_id = $1) IS TRUE AND ($2 = 3 OR t.phase + 0 = $2)"
            )
        };
    }
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let sql = store.dialect(sql!(sqlite), sql!(postgres));
    let ids = places.iter().map(|place| place.id).collect::<Ids>();
    let rows: Vec<TokenRow> =
        store.query(sql).bind(conditions.list).bind(conditions.phase).bind(&ids).fetch_all().await?;
    let mut found: HashMap<_, _> = tokens(rows)?.into_iter().map(|token| (token.id.0, token)).collect();
    Ok(places.iter().filter_map(|place| found.remove(&place.id)).collect())
}

async fn page(
    store: &Store,
    conditions: &Conditions,
    sort: Sort,
    (from, to): (&IndexPosition, &IndexPosition),
    limit: usize,
) -> Result<Vec<TokenRow>, StoreError> {
    let sql = conditions.choose(statements(store, sort).page);
    let query = store.query(sql).bind(conditions.list).bind(conditions.phase);
    let query = bind_position!(bind_position!(query, from), to);
    bind_filters!(query, conditions).bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all().await
}

/// Where a walk with filters over all phases ends for this time, having read as much as it may; `None` if it gets to
/// the end before.
async fn end(
    store: &Store,
    conditions: &Conditions,
    sort: Sort,
    from: &IndexPosition,
) -> Result<Option<Position>, StoreError> {
    let query = store.query(statements(store, sort).end).bind(conditions.list).bind(conditions.phase);
    let rows: Vec<Place> = bind_position!(query, from).bind(conditions.rows_max(store) - 1).fetch_all().await?;
    Ok(next_of(rows, sort.key))
}

/// Where a walk goes on, from the last row that was read and the one after it: that says that there is more.
fn next_of(rows: Vec<Place>, key: SortKey) -> Option<Position> {
    let more = rows.len() > 1;
    rows.into_iter().next().filter(|_| more).map(|last| Position {
        key: if key == SortKey::Name { last.name } else { last.number.to_string() },
        id: TokenId(last.id),
    })
}
