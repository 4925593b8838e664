//! Brings what is derived from names (what they are compared by, the words that they are found by) into the form that
//! this release writes. Everything that is written is in that form; what was written before is walked through once, a
//! few objects at a time, by whichever replica comes first. Until then, old objects are found and compared as before.
//!
//! A replica of the release before may still change an object that the walk has passed: that one keeps the old form until
//! it is edited.

use latchkey_domain::{ProjectName, TokenId, TokenName, search_words};
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx, WritePriority,
    search::{self, Kind},
    tokens,
};

/// The form that this release writes: raise it when `TokenName::key`, `search_words` or the words of an object change.
const NAME_FORM: i32 = 2;

const KINDS: [i16; 3] = [1, 2, 3];

/// What one batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReindexBatch {
    /// Objects that were looked at; with none, all are in today's form.
    pub read: usize,
    /// Tokens and projects whose names are now the same as that of another, and that go on beside it.
    pub duplicates: Vec<Uuid>,
}

row! {
    struct Row {
        id: Uuid,
        list_id: Uuid,
        project_id: Option<Uuid>,
        name: String,
        name_key: Option<String>,
        description: String,
        prefix: String,
    }
}

/// Renews up to `limit` objects. Others may go on meanwhile; whoever edits one of these waits.
pub async fn reindex(store: &Store, limit: u32) -> Result<ReindexBatch, StoreError> {
    const PROGRESS: &str = "SELECT f.form, f.next, f.after_id FROM name_forms f WHERE f.kind = $1";
    const SET_PROGRESS: &str = "UPDATE name_forms SET form = $2, next = $3, after_id = $4 WHERE kind = $1";

    for kind in KINDS {
        // Read first: when all is done, nobody has to wait for a lock.
        let (form, ..): (i32, i32, Uuid) = store.query(PROGRESS).bind(kind).fetch_one().await?;
        if form >= NAME_FORM {
            continue;
        }
        let mut tx = store.begin(WritePriority::Background).await?;
        let sql =
            tx.dialect(PROGRESS, "SELECT f.form, f.next, f.after_id FROM name_forms f WHERE f.kind = $1 FOR UPDATE");
        let (form, next, after): (i32, i32, Uuid) =
            writing!(tx, db => sqlx::query_as(sql).bind(kind).fetch_one(db).await)?;
        // Another replica has ended it, or a newer one goes on.
        if form >= NAME_FORM || next > NAME_FORM {
            continue;
        }
        let after = if next == NAME_FORM { after } else { Uuid::nil() };
        let rows = read(&mut tx, kind, after, limit).await?;
        let mut batch = ReindexBatch { read: rows.len(), duplicates: Vec::new() };
        for row in &rows {
            if !write(&mut tx, kind, row).await? {
                batch.duplicates.push(row.id);
            }
        }
        let (form, after) = rows.last().map_or((NAME_FORM, Uuid::nil()), |last| (form, last.id));
        writing!(tx, db => {
            sqlx::query(SET_PROGRESS).bind(kind).bind(form).bind(NAME_FORM).bind(after).execute(db).await.map(|_| ())
        })?;
        tx.commit().await?;
        if batch.read > 0 {
            return Ok(batch);
        }
    }
    Ok(ReindexBatch::default())
}

/// The next objects of a kind, kept as they are until the transaction ends.
async fn read(tx: &mut Tx, kind: i16, after: Uuid, limit: u32) -> Result<Vec<Row>, StoreError> {
    macro_rules! sql {
        ($locking:literal) => {
            [
                concat!(
                    "SELECT t.id, t.list_id, t.project_id, t.name, t.name_key, t.description, t.prefix \
                     FROM api_tokens t WHERE t.id > $1 ORDER BY t.id LIMIT $2",
                    $locking
                ),
                concat!(
                    "SELECT r.id, r.organization_id AS list_id, NULL AS project_id, r.name, NULL AS name_key, '' AS description, \
                     '' AS prefix FROM repositories r WHERE r.id > $1 ORDER BY r.id LIMIT $2",
                    $locking
                ),
                concat!(
                    "SELECT p.id, p.organization_id AS list_id, NULL AS project_id, p.name, p.name_key, '' AS description, \
                     '' AS prefix FROM projects p WHERE p.id > $1 ORDER BY p.id LIMIT $2",
                    $locking
                ),
            ]
        };
    }
    let (sqlite, postgres) = (sql!(""), sql!(" FOR NO KEY UPDATE"));
    let at = KINDS.iter().position(|known| *known == kind).unwrap_or_default();
    let sql = tx.dialect(sqlite[at], postgres[at]);
    Ok(writing!(tx, db => sqlx::query_as(sql).bind(after).bind(i64::from(limit)).fetch_all(db).await)?)
}

/// Writes what is derived from a name; false if another name is the same: this one then keeps the key that it has.
async fn write(tx: &mut Tx, kind: i16, row: &Row) -> Result<bool, StoreError> {
    const TOKEN: &str = "UPDATE api_tokens SET name_key = $2 WHERE id = $1 AND (revoked_at IS NOT NULL OR NOT EXISTS \
        (SELECT 1 FROM api_tokens o WHERE o.owner_id = api_tokens.owner_id AND o.name_key = $2 \
            AND o.revoked_at IS NULL AND o.id <> api_tokens.id))";
    const PROJECT: &str = "UPDATE projects SET name_key = $2 WHERE id = $1 AND (deleted_at IS NOT NULL OR NOT EXISTS \
        (SELECT 1 FROM projects o WHERE o.organization_id = projects.organization_id AND o.name_key = $2 \
            AND o.deleted_at IS NULL AND o.id <> projects.id))";

    let (sql, key) = match kind {
        1 => {
            let words = tokens::words(&row.name, &row.description, &row.prefix, TokenId(row.id));
            search::reindex_token(tx, row.list_id, row.project_id, row.id, words).await?;
            (TOKEN, Some(TokenName::stored(&row.name).key()))
        }
        2 => {
            search::remove(tx, Kind::Repository, row.id).await?;
            search::index(tx, row.list_id, Kind::Repository, row.id, search_words([row.name.as_str()])).await?;
            ("", None)
        }
        _ => (PROJECT, Some(ProjectName::stored(&row.name).key())),
    };
    // A name of an earlier release may be longer than a key can be.
    let key = key.filter(|key| key.len() <= TokenName::BYTES_MAX && Some(key) != row.name_key.as_ref());
    let Some(key) = key else { return Ok(true) };
    let written = writing!(tx, db => {
        sqlx::query(sql).bind(row.id).bind(key).execute(db).await.map(|done| done.rows_affected())
    })?;
    Ok(written > 0)
}
