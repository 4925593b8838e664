use latchkey_domain::{Timestamp, TokenId, TokenState};
use uuid::Uuid;

use super::{
    Filter, Page, Position, Sort, SortKey,
    candidates::{Conditions, bind_filters},
    mark_expired::mark_expired,
    phase,
    row::{TokenRow, tokens},
    statements::{PLAIN_MAX, statements},
};
use crate::{
    Store, StoreError,
    bind::{Ids, text},
};

/// A row of the sort's index.
struct IndexPosition {
    key: Key,
    id: Uuid,
}

enum Key {
    Name(String),
    Id(Uuid),
    Number(i64),
}

/// Binds a place, `$n` and `$n + 1`.
macro_rules! bind_position {
    ($query:expr, $place:expr) => {{
        let query = $query;
        match &$place.key {
            Key::Name(name) => query.bind(name.clone()),
            Key::Id(id) => query.bind(*id),
            Key::Number(number) => query.bind(*number),
        }
        .bind($place.id)
    }};
}

impl IndexPosition {
    fn of(position: &Position, key: SortKey) -> Self {
        let id = position.id.0;
        let key = match key {
            SortKey::Name => Key::Name(text(&position.key).into_owned()),
            SortKey::Created => Key::Id(id),
            SortKey::Expires | SortKey::LastUsed => Key::Number(position.key.parse().unwrap_or_default()),
        };
        Self { key, id }
    }

    fn first(key: SortKey) -> Self {
        let key = match key {
            SortKey::Name => Key::Name(String::new()),
            SortKey::Created => Key::Id(Uuid::nil()),
            SortKey::Expires | SortKey::LastUsed => Key::Number(i64::MIN),
        };
        Self { key, id: Uuid::nil() }
    }

    fn last(key: SortKey) -> Self {
        let key = match key {
            // No name has the last character.
            SortKey::Name => Key::Name(char::MAX.to_string().repeat(101)),
            SortKey::Created => Key::Id(Uuid::max()),
            SortKey::Expires | SortKey::LastUsed => Key::Number(i64::MAX),
        };
        Self { key, id: Uuid::max() }
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

    let candidates = conditions.candidates(store, filter.terms.as_deref()).await?;
    let end = match &candidates {
        None if !conditions.are_none() => end(store, &conditions, sort, &from).await?,
        _ => None,
    };
    let to = end.as_ref().map_or(last, |position| IndexPosition::of(position, sort.key));
    let capped = candidates.as_ref().is_some_and(|candidates| candidates.capped);
    // What passes already is sorted and cut by its ids here, and only the page is looked up.
    let cut = candidates.as_ref().is_some_and(|candidates| candidates.checked && sort.key == SortKey::Created);
    let mut ids = candidates.map(|candidates| candidates.ids);
    let mut total = None;
    if let Some(ids) = ids.as_mut().filter(|_| cut) {
        total = Some(ids.len());
        *ids = page_of_ids(std::mem::take(ids), sort.descending, after, limit + 1);
    }
    let more = cut && ids.as_ref().is_some_and(|ids| ids.len() > limit);
    let chosen = ids.is_some();
    let (rows, matches) = page(store, &conditions, sort, (&from, &to), ids, limit + 1).await?;
    let total = total.unwrap_or(usize::try_from(matches).unwrap_or(usize::MAX));
    // Only a first page has all of the candidates before it.
    let total = (chosen && after.is_none()).then(|| u32::try_from(total).unwrap_or(u32::MAX));
    let mut tokens = tokens(rows)?;

    // One that has just left the list does not end it.
    let full = more || tokens.len() > limit;
    tokens.truncate(limit);
    let next = if full { tokens.last().map(|token| Position::of(token, sort.key)) } else { end };
    let partial = !full && (next.is_some() || capped);
    Ok(Page { tokens, next, partial, total })
}

/// Those of `ids` on a page that is sorted by them.
fn page_of_ids(mut ids: Vec<Uuid>, descending: bool, after: Option<&Position>, limit: usize) -> Vec<Uuid> {
    ids.sort_unstable();
    if descending {
        ids.reverse();
    }
    let is_before =
        |id: &Uuid| after.is_some_and(|after| if descending { *id >= after.id.0 } else { *id <= after.id.0 });
    let begin = ids.partition_point(is_before);
    ids.into_iter().skip(begin).take(limit).collect()
}

/// The rows of a page; and how many candidates pass, if there are candidates.
async fn page(
    store: &Store,
    conditions: &Conditions,
    sort: Sort,
    (from, to): (&IndexPosition, &IndexPosition),
    ids: Option<Vec<Uuid>>,
    limit: usize,
) -> Result<(Vec<TokenRow>, i64), StoreError> {
    if ids.as_ref().is_some_and(Vec::is_empty) {
        return Ok((Vec::new(), 0));
    }
    let statements = statements(store, sort);
    let plain = conditions.are_none() && conditions.phase != phase::ANY && limit <= PLAIN_MAX;
    let sql = match &ids {
        None if plain => statements.plain,
        None => conditions.choose(statements.page),
        Some(_) => statements.chosen,
    };
    let query = store.query(sql).bind(conditions.list).bind(conditions.phase);
    let query = bind_position!(bind_position!(query, from), to);
    let query = bind_filters!(query, conditions).bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let Some(ids) = ids else { return Ok((query.fetch_all().await?, 0)) };
    let rows: Vec<(TokenRow, i64)> = query.bind(&Ids::from_iter(ids)).fetch_all().await?;
    let matches = rows.first().map_or(0, |(_, matches)| *matches);
    Ok((rows.into_iter().map(|(row, _)| row).collect(), matches))
}

/// Where a walk with filters ends for this time, having read as much as it may; `None` if it gets to the end before.
async fn end(
    store: &Store,
    conditions: &Conditions,
    sort: Sort,
    from: &IndexPosition,
) -> Result<Option<Position>, StoreError> {
    let sql = conditions.choose(statements(store, sort).end);
    let query = store.query(sql).bind(conditions.list).bind(conditions.phase);
    let rows: Vec<(String, Uuid)> =
        bind_position!(query, from).bind(conditions.rows_max(store) - 1).fetch_all().await?;
    // The second row says that there is more after the first.
    let more = rows.len() > 1;
    Ok(rows.into_iter().next().filter(|_| more).map(|(key, id)| Position { key, id: TokenId(id) }))
}
