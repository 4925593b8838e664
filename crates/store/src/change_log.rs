//! Writes the changes that `changes` reads.

use uuid::Uuid;

use crate::{
    StoreError,
    bind::Ids,
    transaction_connection::{TransactionConnection, run_statement},
};

/// Numbers what a transaction has changed; the last thing before its commit. From here to there no other transaction
/// gets a number, so numbers follow commits, without gaps.
pub(crate) async fn append(transaction: &mut TransactionConnection, objects: Vec<Uuid>) -> Result<(), StoreError> {
    const COUNT: &str = "UPDATE change_count SET count = count + $1";
    const SQLITE: &str = "INSERT INTO changes (number, object_id) \
        SELECT n.count - $1 + key + 1, unhex(value) FROM change_count n, json_each($2)";
    // At once: whoever else numbers something waits until the commit.
    const POSTGRES: &str = "WITH counted AS (UPDATE change_count SET count = count + $1 RETURNING count) \
        INSERT INTO changes (number, object_id) \
        SELECT n.count - $1 + place, id FROM counted n, unnest($2) WITH ORDINALITY AS of (id, place)";
    if objects.is_empty() {
        return Ok(());
    }
    let added = i64::try_from(objects.len()).unwrap_or(i64::MAX);
    let ids = &Ids::from_iter(objects);
    let appended = run_statement!(transaction, db,
        sqlite => match sqlx::query(COUNT).bind(added).execute(&mut *db).await {
            Ok(_) => sqlx::query(SQLITE).bind(added).bind(ids).execute(db).await.map(|_| ()),
            Err(error) => Err(error),
        },
        postgres => sqlx::query(POSTGRES).bind(added).bind(ids).execute(db).await.map(|_| ())
    );
    Ok(appended?)
}
