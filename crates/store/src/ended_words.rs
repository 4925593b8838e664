//! The words of tokens that have expired or were revoked stand a second time in the table, each state in a list of its
//! own. Whoever searches these finds them there: among the words of all tokens of a huge organization, too few of them
//! would be met before the search has read what it may.
//!
//! They are written afterwards, a few tokens at a time, by whichever replica comes first, so that neither a revocation
//! nor a list that notes what has expired waits for them. `words_phase` tells which state's words a token has there. Where
//! it is another than the token's own, which an index knows, a search asks the token itself.

use uuid::Uuid;

use crate::{
    Store, StoreError, WritePriority,
    bind::{Ids, in_list},
};

/// Writes the words of up to `limit` tokens; returns how many there were.
pub async fn index_ended(store: &Store, limit: u32) -> Result<usize, StoreError> {
    // In the order of the index, whatever a planner guesses.
    const PENDING: &str = "SELECT t.id FROM api_tokens t WHERE t.phase <> t.words_phase \
        ORDER BY t.list_id, t.phase, t.id LIMIT $1";
    macro_rules! sql {
        ($start:literal, $engine:ident, $end:literal) => {
            concat!($start, in_list!($engine "$1"), $end)
        };
        ($start:literal, $end:literal) => {
            (sql!($start, sqlite, $end), sql!($start, postgres, $end))
        };
    }
    const LOCK: (&str, &str) =
        ("SELECT $1", sql!("SELECT t.id FROM api_tokens t WHERE t.id ", postgres, " ORDER BY t.id FOR NO KEY UPDATE"));
    const FORGET: (&str, &str) = sql!("DELETE FROM search_words WHERE kind IN (4, 5, 6, 7) AND object_id ", "");
    // Kinds are told in `search.rs`.
    const WRITE: (&str, &str) = sql!(
        "INSERT INTO search_words (kind, object_id, word, list_id) \
            SELECT CASE s.kind WHEN 1 THEN 3 ELSE 5 END + t.phase, s.object_id, s.word, s.list_id \
            FROM api_tokens t CROSS JOIN search_words s WHERE t.id ",
        " AND t.phase <> 0 AND s.kind IN (1, 3) AND s.object_id = t.id"
    );
    const NOTE: (&str, &str) = sql!("UPDATE api_tokens SET words_phase = phase WHERE id ", "");

    // Read first: when all is done, nobody has to wait for a lock.
    let pending: Vec<Uuid> = store.query(PENDING).bind(i64::from(limit)).fetch_all().await?;
    if pending.is_empty() {
        return Ok(0);
    }
    let ids = Ids::from_iter(pending.iter().copied());
    let mut tx = store.begin(WritePriority::Background).await?;
    for (sqlite, postgres) in [LOCK, FORGET, WRITE, NOTE] {
        let sql = tx.dialect(sqlite, postgres);
        writing!(tx, db => sqlx::query(sql).bind(&ids).execute(db).await.map(|_| ()))?;
    }
    tx.commit().await?;
    Ok(pending.len())
}
