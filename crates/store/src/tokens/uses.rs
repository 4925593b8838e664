use std::collections::BTreeMap;

use latchkey_domain::TokenId;
use sqlx::{PgConnection, SqliteConnection};
use uuid::Uuid;

use super::Use;
use crate::{
    StoreError, Tx,
    bind::{Rows, text},
};

/// The update that records uses `u` where they are newer than what is stored.
macro_rules! record {
    ($with:literal, $uses:literal, $where:literal) => {
        concat!(
            $with,
            "UPDATE api_tokens AS t SET \
                last_used_address = CASE WHEN t.used_key < u.at THEN u.address ELSE t.last_used_address END, \
                last_used_user_agent = CASE WHEN t.used_key < u.at THEN u.agent ELSE t.last_used_user_agent END, \
                last_used_at = CASE WHEN t.used_key < u.at THEN u.at ELSE t.last_used_at END, \
                idle_key = CASE WHEN t.used_key < u.at THEN u.at ELSE t.idle_key END, \
                used_key = CASE WHEN t.used_key < u.at THEN u.at ELSE t.used_key END \
             FROM ",
            $uses,
            " WHERE t.id = u.id AND t.revoked_at IS NULL",
            $where
        )
    };
}

/// Records uses; `last_used_at` never moves backwards. Returns the ids of those that are unrevoked.
pub async fn record_uses(tx: &mut Tx, uses: &[(TokenId, Use)]) -> Result<Vec<TokenId>, StoreError> {
    // By id, so that two batches lock the rows they share in the same order; and the newest of each.
    let mut newest = BTreeMap::<Uuid, &Use>::new();
    for (id, last) in uses {
        let kept = newest.entry(id.0).or_insert(last);
        if kept.at < last.at {
            *kept = last;
        }
    }
    // A fixed number of statements, because each is a way there and back: to the server, or to SQLite's thread.
    let unrevoked = writing!(tx, db,
        sqlite => on_sqlite(db, newest).await,
        postgres => on_postgres(db, newest).await
    )?;
    Ok(unrevoked.into_iter().map(TokenId).collect())
}

async fn on_sqlite(db: &mut SqliteConnection, uses: BTreeMap<Uuid, &Use>) -> Result<Vec<Uuid>, sqlx::Error> {
    const SQL: &str = record!(
        "WITH u AS MATERIALIZED (SELECT unhex(value ->> 0) AS id, CAST(value ->> 1 AS INTEGER) AS at, \
            nullif(value ->> 2, '') AS address, value ->> 3 AS agent FROM json_each($1)) ",
        "u",
        " RETURNING id"
    );
    let rows = uses.into_iter().map(|(id, last)| {
        let address = last.address.map(|address| address.to_string()).unwrap_or_default();
        [id.simple().to_string(), last.at.micros().to_string(), address, text(&last.user_agent).into_owned()]
    });
    sqlx::query_scalar(SQL).bind(Rows::from_iter(rows)).fetch_all(db).await
}

async fn on_postgres(db: &mut PgConnection, uses: BTreeMap<Uuid, &Use>) -> Result<Vec<Uuid>, sqlx::Error> {
    // Locked first and in order, because an UPDATE visits rows in the order that its plan happens to have.
    const LOCK: &str = "SELECT t.id FROM api_tokens t WHERE t.id = ANY($1) AND t.revoked_at IS NULL \
        ORDER BY t.id FOR NO KEY UPDATE";
    const SQL: &str = record!("", "unnest($1, $2, $3, $4) AS u (id, at, address, agent)", " AND t.id = ANY($5)");
    let ids: Vec<_> = uses.keys().copied().collect();
    let unrevoked: Vec<Uuid> = sqlx::query_scalar(LOCK).bind(&ids).fetch_all(&mut *db).await?;
    let times: Vec<_> = uses.values().map(|last| last.at.micros()).collect();
    let addresses: Vec<_> = uses.values().map(|last| last.address.map(|address| address.to_string())).collect();
    let agents: Vec<_> = uses.values().map(|last| text(&last.user_agent).into_owned()).collect();
    sqlx::query(SQL).bind(ids).bind(times).bind(addresses).bind(agents).bind(&unrevoked).execute(db).await?;
    Ok(unrevoked)
}
