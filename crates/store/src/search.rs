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
    /// An expired or a revoked token in the list that shows it (`ended_words.rs`).
    Expired,
    Revoked,
    /// One in its project.
    ExpiredOfProject,
    RevokedOfProject,
}

impl Kind {
    pub(crate) const fn number(self) -> i16 {
        match self {
            Self::Token => 1,
            Self::Repository => 2,
            Self::ProjectToken => 3,
            Self::Expired => 4,
            Self::Revoked => 5,
            Self::ExpiredOfProject => 6,
            Self::RevokedOfProject => 7,
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
    const FORGET: &str = "DELETE FROM search_words WHERE kind IN (1, 3, 4, 5, 6, 7) AND object_id = $1";
    const NOTE: &str = "UPDATE api_tokens SET words_phase = 0 WHERE id = $1 AND words_phase <> 0";
    for sql in [FORGET, NOTE] {
        writing!(tx, db => sqlx::query(sql).bind(token).execute(db).await.map(|_| ()))?;
    }
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
pub(crate) struct Range {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// What a query asks of one list: all its terms.
pub(crate) struct Query {
    kind: Kind,
    ranges: Vec<Range>,
    /// Which of the ranges may lead, in the order in which to try.
    leaders: Vec<usize>,
}

impl Query {
    /// Looks for what each term means in a list, and how many entries there are for it. The search is led by the term
    /// with the fewest entries of the kind that leads, so that what it picks is likely to be all that there is; among terms that all have more
    /// than can be read, by the longest.
    pub(crate) async fn resolve(
        store: &Store,
        list: Uuid,
        kind: Kind,
        led_by: Kind,
        terms: &[SearchTerm],
    ) -> Result<Self, StoreError> {
        let mut ranges = Vec::with_capacity(terms.len());
        for term in terms {
            ranges.push(resolve_range(store, list, kind, term).await?);
        }
        let mut leaders: Vec<usize> = (0..ranges.len()).collect();
        leaders.sort_by_key(|at| std::cmp::Reverse(ranges[*at].from.chars().count()));
        leaders.truncate(LEADING_TERMS_MAX);
        if leaders.len() > 1 {
            let most = i64::from(store.limits.read);
            let counts = count_entries(store, list, led_by, leaders.iter().map(|at| &ranges[*at]), most + 1).await?;
            let mut readable: Vec<_> = counts.into_iter().zip(&leaders).filter(|(count, _)| *count <= most).collect();
            readable.sort_by_key(|(count, _)| *count);
            leaders = match readable.as_slice() {
                [] => vec![leaders[0]],
                some => some.iter().map(|(_, at)| **at).collect(),
            };
        }
        Ok(Self { kind, ranges, leaders })
    }

    /// The terms that may lead: what is picked by one is all that there is, or the next is tried.
    pub(crate) fn leaders(&self) -> impl Iterator<Item = &Range> {
        self.leaders.iter().map(|at| &self.ranges[*at])
    }

    /// Those of what `leader` has picked that have a word for each other term, too.
    pub(crate) async fn filter(
        &self,
        store: &Store,
        leader: &Range,
        mut ids: Vec<Uuid>,
    ) -> Result<Vec<Uuid>, StoreError> {
        for range in self.ranges.iter().filter(|range| !std::ptr::eq(*range, leader)) {
            if ids.is_empty() {
                break;
            }
            ids = filter_by_range(store, self.kind, ids, range).await?;
        }
        Ok(ids)
    }
}

/// The objects of a list that have a word for each term, as many as a search picks; none without terms.
pub(crate) async fn objects(
    store: &Store,
    list: Uuid,
    kind: Kind,
    terms: &[SearchTerm],
) -> Result<Vec<Uuid>, StoreError> {
    const PICK: &str = "SELECT s.object_id FROM search_words s \
        WHERE s.list_id = $1 AND s.kind = $2 AND s.word >= $3 AND s.word < $4 \
        ORDER BY s.word, s.object_id DESC LIMIT $5";

    let query = Query::resolve(store, list, kind, kind, terms).await?;
    let Some(leader) = query.leaders().next() else { return Ok(Vec::new()) };
    let picked: Vec<Uuid> = store
        .query(PICK)
        .bind(list)
        .bind(kind.number())
        .bind(&leader.from)
        .bind(&leader.to)
        .bind(i64::from(store.limits.candidates))
        .fetch_all()
        .await?;
    // Two words of one object can begin alike.
    let mut seen = HashSet::new();
    query.filter(store, leader, picked.into_iter().filter(|id| seen.insert(*id)).collect()).await
}

/// How many entries there are for each range, at most `most`.
async fn count_entries(
    store: &Store,
    list: Uuid,
    kind: Kind,
    ranges: impl Iterator<Item = &Range>,
    most: i64,
) -> Result<Vec<i64>, StoreError> {
    macro_rules! sql {
        ($ranges:literal, $from:literal, $to:literal) => {
            concat!(
                "SELECT (SELECT count(*) FROM (SELECT 1 FROM search_words s \
                    WHERE s.list_id = $1 AND s.kind = $2 AND s.word >= ",
                $from,
                " AND s.word < ",
                $to,
                " ORDER BY s.word, s.object_id DESC LIMIT $3) s) FROM ",
                $ranges
            )
        };
    }
    let sql = store.dialect(
        sql!("json_each($4) r ORDER BY r.key", "r.value", "(r.value || $5)"),
        sql!("unnest($4) WITH ORDINALITY AS r (value, key) ORDER BY r.key", "r.value", "r.value || $5"),
    );
    let ranges = Texts::from_iter(ranges.map(|range| range.from.clone()));
    store
        .query(sql)
        .bind(list)
        .bind(kind.number())
        .bind(most)
        .bind(&ranges)
        .bind(char::MAX.to_string())
        .fetch_all()
        .await
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
pub(crate) async fn filter_by_range(
    store: &Store,
    kind: Kind,
    ids: Vec<Uuid>,
    range: &Range,
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
    store.query(sql).bind(kind.number()).bind(&ids).bind(&range.from).bind(&range.to).fetch_all().await
}

/// The words that begin as a term says, or else, if there are none in the list, as it says then.
async fn resolve_range(store: &Store, list: Uuid, kind: Kind, term: &SearchTerm) -> Result<Range, StoreError> {
    const ANY: &str = "SELECT s.object_id FROM search_words s \
        WHERE s.list_id = $1 AND s.kind = $2 AND s.word >= $3 AND s.word < $4 ORDER BY s.word, s.object_id DESC LIMIT 1";
    let first = range(&term.begins);
    let Some(other) = &term.or_begins else { return Ok(first) };
    let any: Option<Uuid> =
        store.query(ANY).bind(list).bind(kind.number()).bind(&first.from).bind(&first.to).fetch_optional().await?;
    Ok(if any.is_some() { first } else { range(other) })
}

/// The words that begin with `text`: from it to before it followed by the last character, which is in no word.
fn range(begins: &str) -> Range {
    let from = text(begins).into_owned();
    let to = format!("{from}{}", char::MAX);
    Range { from, to }
}
