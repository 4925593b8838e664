//! Finds objects by the beginnings of their words, in a table of words: the cost is that of what is read, never of how
//! many match.

use std::collections::{BTreeSet, HashSet};

use latchkey_domain::SearchTerm;
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx,
    bind::{Ids, Texts, in_list, text},
};

/// What the words belong to, and in which list they are.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A token in the list that shows it: of its organization, or of the instance.
    Token,
    /// A repository in its organization.
    Repository,
    /// A token in its project. Whoever sees only one project's tokens searches only these: among those of the whole
    /// organization, the others could be the only ones that a bounded search picks.
    ProjectToken,
}

/// What a search has picked.
pub(crate) struct Candidates {
    pub(crate) ids: Vec<Uuid>,
    /// There may be more that were not picked.
    pub(crate) capped: bool,
}

impl Kind {
    const fn number(self) -> i16 {
        match self {
            Self::Token => 1,
            Self::Repository => 2,
            Self::ProjectToken => 3,
        }
    }
}

/// Adds the words under which an object of a list is found.
pub(crate) async fn index(
    tx: &mut Tx,
    list: Uuid,
    kind: Kind,
    object: Uuid,
    words: BTreeSet<String>,
) -> Result<(), StoreError> {
    let sql = tx.dialect(
        "INSERT INTO search_words (list_id, kind, object_id, word) SELECT $1, $2, $3, value FROM json_each($4)",
        "INSERT INTO search_words (list_id, kind, object_id, word) SELECT $1, $2, $3, word FROM unnest($4) AS word",
    );
    let words = Texts::from_iter(words);
    writing!(tx, db => {
        sqlx::query(sql).bind(list).bind(kind.number()).bind(object).bind(words).execute(db).await.map(|_| ())
    })?;
    Ok(())
}

/// Adds the words under which a token is found.
pub(crate) async fn index_token(
    tx: &mut Tx,
    list: Uuid,
    project: Option<Uuid>,
    token: Uuid,
    words: BTreeSet<String>,
) -> Result<(), StoreError> {
    if let Some(project) = project {
        index(tx, project, Kind::ProjectToken, token, words.clone()).await?;
    }
    index(tx, list, Kind::Token, token, words).await
}

/// Puts other words in the place of those under which a token was found.
pub(crate) async fn reindex_token(
    tx: &mut Tx,
    list: Uuid,
    project: Option<Uuid>,
    token: Uuid,
    words: BTreeSet<String>,
) -> Result<(), StoreError> {
    remove(tx, Kind::Token, token).await?;
    remove(tx, Kind::ProjectToken, token).await?;
    index_token(tx, list, project, token, words).await
}

/// Removes an object's words.
pub(crate) async fn remove(tx: &mut Tx, kind: Kind, object: Uuid) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM search_words WHERE kind = $1 AND object_id = $2";
    writing!(tx, db => sqlx::query(SQL).bind(kind.number()).bind(object).execute(db).await.map(|_| ()))?;
    Ok(())
}

/// Most terms of a query that may lead its search.
const LEADING_TERMS_MAX: usize = 5;

/// The words that a term asks for: from one, and before another.
type Range = (String, String);

/// The objects of a list that have a word for each term; none without terms. The longest term whose matches are few enough to be read whole
/// picks, or else the longest one, by word and then the newest first; the others are checked on what it picked. With a
/// phase, only tokens that are in it.
pub(crate) async fn candidates(
    store: &Store,
    list: Uuid,
    kind: Kind,
    terms: &[SearchTerm],
    phase: Option<i16>,
) -> Result<Candidates, StoreError> {
    let mut ranges = Vec::with_capacity(terms.len());
    for term in terms {
        ranges.push(resolve_range(store, list, kind, term).await?);
    }
    ranges.sort_by_key(|(from, _)| std::cmp::Reverse(from.chars().count()));
    let mut leaders: Vec<&Range> = ranges.iter().take(LEADING_TERMS_MAX).collect();
    // To pass over an entry costs a tenth of asking for its phase, so terms that can't be read whole lead only alone.
    if leaders.len() > 1 {
        let mut readable = Vec::new();
        for range in &leaders {
            if !is_beyond_reach(store, list, kind, range).await? {
                readable.push(*range);
            }
        }
        if readable.is_empty() {
            leaders.truncate(1);
        } else {
            leaders = readable;
        }
    }
    let alone = leaders.len() == 1;
    let mut best: Option<(&Range, Candidates)> = None;
    for range in leaders {
        let mut picked = select_leading(store, list, kind, range, phase).await?;
        if alone && phase.is_some() && !picked.capped {
            picked.capped = is_beyond_reach(store, list, kind, range).await?;
        }
        let whole = !picked.capped;
        if whole || best.is_none() {
            best = Some((range, picked));
        }
        if whole {
            break;
        }
    }
    let Some((leader, Candidates { mut ids, capped })) = best else {
        return Ok(Candidates { ids: Vec::new(), capped: false });
    };
    for range in ranges.iter().filter(|range| *range != leader) {
        if ids.is_empty() {
            break;
        }
        ids = filter_by_range(store, kind, ids, range).await?;
    }
    Ok(Candidates { ids, capped })
}

/// Whether there are more entries for a term than one look-up reads.
async fn is_beyond_reach(store: &Store, list: Uuid, kind: Kind, (from, to): &Range) -> Result<bool, StoreError> {
    const BEYOND: &str = "SELECT s.object_id FROM search_words s \
        WHERE s.list_id = $1 AND s.kind = $2 AND s.word >= $3 AND s.word < $4 \
        ORDER BY s.word, s.object_id DESC LIMIT 1 OFFSET $5";
    let read = i64::from(store.limits.read);
    let beyond: Option<Uuid> =
        store.query(BEYOND).bind(list).bind(kind.number()).bind(from).bind(to).bind(read).fetch_optional().await?;
    Ok(beyond.is_some())
}

macro_rules! pick {
    ($phase:literal) => {
        concat!(
            "SELECT w.object_id \
            FROM (SELECT s.word, s.object_id FROM search_words s \
                  WHERE s.list_id = $1 AND s.kind = $2 AND s.word >= $3 AND s.word < $4 \
                  ORDER BY s.word, s.object_id DESC LIMIT $5) w",
            $phase,
            " LIMIT $6"
        )
    };
}

const PICK: &str = pick!("");
/// On SQLite and PostgreSQL. The phase is asked of a small index, of those that are not live: as a join on SQLite, where a
/// subquery is begun anew for each row; as a subquery on PostgreSQL, whose planner might read the whole table for a join.
pub(crate) const PICK_IN_PHASE: (&str, &str) = (
    pick!(
        " LEFT JOIN api_tokens e INDEXED BY api_tokens_ended ON e.phase <> 0 AND e.id = w.object_id \
        WHERE coalesce(e.phase, 0) = $7"
    ),
    pick!(" WHERE coalesce((SELECT e.phase FROM api_tokens e WHERE e.phase <> 0 AND e.id = w.object_id), 0) = $7"),
);

/// The objects that have a word for one term, as many as one look-up takes.
async fn select_leading(
    store: &Store,
    list: Uuid,
    kind: Kind,
    (from, to): &Range,
    phase: Option<i16>,
) -> Result<Candidates, StoreError> {
    let most = i64::from(store.limits.candidates);
    // Without a phase to check, an entry that is read is an entry that is picked.
    let (sql, read) = match phase {
        None => (PICK, most),
        Some(_) => (store.dialect(PICK_IN_PHASE.0, PICK_IN_PHASE.1), i64::from(store.limits.read)),
    };
    let query = store.query(sql).bind(list).bind(kind.number()).bind(from).bind(to).bind(read).bind(most);
    let query = match phase {
        None => query,
        Some(phase) => query.bind(phase),
    };
    let picked: Vec<Uuid> = query.fetch_all().await?;
    let capped = i64::try_from(picked.len()).is_ok_and(|count| count >= most);
    // Two words of one object can begin alike.
    let mut seen = HashSet::new();
    Ok(Candidates { ids: picked.into_iter().filter(|id| seen.insert(*id)).collect(), capped })
}

/// Those of `ids` that have a word for each term; none, if there is no term. They are the whole list: what a term asks
/// for depends on no object beside them.
pub(crate) async fn matching(
    store: &Store,
    kind: Kind,
    ids: Vec<Uuid>,
    terms: &[SearchTerm],
) -> Result<Vec<Uuid>, StoreError> {
    let mut found = if terms.is_empty() { Vec::new() } else { ids.clone() };
    for term in terms {
        if found.is_empty() {
            break;
        }
        let mut having = filter_by_range(store, kind, ids.clone(), &range(&term.begins)).await?;
        if let Some(other) = term.or_begins.as_ref().filter(|_| having.is_empty()) {
            having = filter_by_range(store, kind, ids.clone(), &range(other)).await?;
        }
        found.retain(|id| having.contains(id));
    }
    Ok(found)
}

/// Those of `ids` that also have a word of a range.
async fn filter_by_range(
    store: &Store,
    kind: Kind,
    ids: Vec<Uuid>,
    (from, to): &Range,
) -> Result<Vec<Uuid>, StoreError> {
    macro_rules! sql {
        ($engine:ident) => {
            concat!(
                "SELECT DISTINCT s.object_id FROM search_words s WHERE s.kind = $1 AND s.object_id ",
                in_list!($engine "$2"),
                " AND s.word >= $3 AND s.word < $4"
            )
        };
    }
    let sql = store.dialect(sql!(sqlite), sql!(postgres));
    let ids = Ids::from_iter(ids);
    store.query(sql).bind(kind.number()).bind(&ids).bind(from).bind(to).fetch_all().await
}

/// The words that begin as a term says, or else, if there are none in the list, as it says then.
async fn resolve_range(store: &Store, list: Uuid, kind: Kind, term: &SearchTerm) -> Result<Range, StoreError> {
    const ANY: &str = "SELECT s.object_id FROM search_words s \
        WHERE s.list_id = $1 AND s.kind = $2 AND s.word >= $3 AND s.word < $4 ORDER BY s.word, s.object_id DESC LIMIT 1";
    let (from, to) = range(&term.begins);
    let Some(other) = &term.or_begins else { return Ok((from, to)) };
    let any: Option<Uuid> =
        store.query(ANY).bind(list).bind(kind.number()).bind(&from).bind(&to).fetch_optional().await?;
    Ok(if any.is_some() { (from, to) } else { range(other) })
}

/// The words that begin with `text`: from it to before it followed by the last character, which is in no word.
fn range(begins: &str) -> Range {
    let from = text(begins).into_owned();
    let to = format!("{from}{}", char::MAX);
    (from, to)
}
