//! Finds objects by the beginnings of their words, in a table of words: the cost is that of what is read, never of how
//! many match.

use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use crate::{
    Store, StoreError, Tx,
    bind::{Ids, Texts, among, text},
};

/// What the words belong to.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Token,
    Repository,
}

/// What a search or a selective filter has picked, to be filtered and sorted.
pub(crate) struct Candidates {
    pub(crate) ids: Vec<Uuid>,
    /// There are more that were not picked.
    pub(crate) capped: bool,
}

impl Kind {
    const fn number(self) -> i16 {
        match self {
            Self::Token => 1,
            Self::Repository => 2,
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

/// Removes an object's words.
pub(crate) async fn forget(tx: &mut Tx, kind: Kind, object: Uuid) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM search_words WHERE kind = $1 AND object_id = $2";
    writing!(tx, db => sqlx::query(SQL).bind(kind.number()).bind(object).execute(db).await.map(|_| ()))?;
    Ok(())
}

/// The objects of a list that have a word for each term. The longest term whose matches are few enough to be read whole
/// picks, or else the longest one, by word and then the newest first; the others are checked on what it picked. With a
/// phase, only tokens that are in it.
pub(crate) async fn candidates(
    store: &Store,
    list: Uuid,
    kind: Kind,
    terms: &[String],
    phase: Option<i16>,
) -> Result<Candidates, StoreError> {
    let mut terms: Vec<_> = terms.iter().collect();
    terms.sort_by_key(|term| std::cmp::Reverse(term.chars().count()));
    let mut best: Option<(&String, Candidates)> = None;
    for term in &terms {
        let picked = pick(store, list, kind, term, phase).await?;
        let whole = !picked.capped;
        if whole || best.is_none() {
            best = Some((*term, picked));
        }
        if whole {
            break;
        }
    }
    let Some((leader, Candidates { mut ids, capped })) = best else {
        return Ok(Candidates { ids: Vec::new(), capped: false });
    };
    for term in terms.into_iter().filter(|term| *term != leader) {
        if ids.is_empty() {
            break;
        }
        ids = with_word(store, kind, ids, term).await?;
    }
    Ok(Candidates { ids, capped })
}

/// The objects that have a word for one term, as many as one look-up takes.
async fn pick(store: &Store, list: Uuid, kind: Kind, term: &str, phase: Option<i16>) -> Result<Candidates, StoreError> {
    // The subquery for the phase can't be turned into a join, for which the planner might read the whole table.
    const PICK: &str = "SELECT w.object_id \
        FROM (SELECT s.word, s.object_id FROM search_words s \
              WHERE s.list_id = $1 AND s.kind = $2 AND s.word >= $3 AND s.word < $4 \
              ORDER BY s.word, s.object_id DESC LIMIT $5) w \
        WHERE $6 < 0 OR (SELECT t.phase FROM api_tokens t WHERE t.id = w.object_id) = $6 \
        LIMIT $7";

    let most = i64::from(store.limits.candidates);
    let (from, to) = range(term);
    // Without a phase to check, an entry that is read is an entry that is picked.
    let read = if phase.is_some() { i64::from(store.limits.read) } else { most };
    let picked: Vec<Uuid> = reading!(store, db => {
        sqlx::query_scalar(PICK)
            .bind(list)
            .bind(kind.number())
            .bind(from)
            .bind(to)
            .bind(read)
            .bind(phase.unwrap_or(-1))
            .bind(most)
            .fetch_all(db)
            .await
    })?;
    let capped = i64::try_from(picked.len()).is_ok_and(|count| count >= most);
    // Two words of one object can begin alike.
    let mut seen = HashSet::new();
    Ok(Candidates { ids: picked.into_iter().filter(|id| seen.insert(*id)).collect(), capped })
}

/// Those of `ids` that also have a word that begins with `term`.
async fn with_word(store: &Store, kind: Kind, ids: Vec<Uuid>, term: &str) -> Result<Vec<Uuid>, StoreError> {
    macro_rules! sql {
        ($engine:ident) => {
            concat!(
                "SELECT DISTINCT s.object_id FROM search_words s WHERE s.kind = $1 AND s.object_id ",
                among!($engine "$2"),
                " AND s.word >= $3 AND s.word < $4"
            )
        };
    }
    let sql = store.dialect(sql!(sqlite), sql!(postgres));
    let (from, to) = range(term);
    let ids = Ids::from_iter(ids);
    Ok(reading!(store, db => {
        sqlx::query_scalar(sql).bind(kind.number()).bind(ids).bind(from).bind(to).fetch_all(db).await
    })?)
}

/// The words that begin with `term`: from it to before it followed by the last character, which is in no word.
fn range(term: &str) -> (String, String) {
    let from = text(term).into_owned();
    let to = format!("{from}{}", char::MAX);
    (from, to)
}
