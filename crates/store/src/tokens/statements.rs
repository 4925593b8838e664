//! The SQL of lists.
//!
//! A list is a walk along the index of its sort, from a position (`$3`, `$4`), within one list (`$1`) and phase (`$2`;
//! over all phases, it is three walks that are merged). A page is the first rows of the walk that pass the filters; a
//! walk with filters has an end that bounds what it reads. So no page grows with the table, whatever the filters are.
//!
//! When a search or a selective filter has picked candidates (`picks.rs`), there is no walk.

use super::{Sort, SortKey, row::columns};
use crate::{Store, engine::Engine};

/// The statements of one sort in one direction.
pub(super) struct Statements {
    /// A page of a walk to a position (`$5`, `$6`), in one phase, and over all.
    pub(super) page: (&'static str, &'static str),
    /// The places of a page with filters in one phase, `$14` at most, of `$5` that are read. If they are fewer, the last
    /// one that was read follows, and the one after it, if there are any.
    pub(super) places: &'static str,
    /// Over all phases: the row that `$5` others come before, and the one after it.
    pub(super) end: &'static str,
}

/// What a row must pass, `$7` to `$13`, each of which may be null. Nothing here can make a planner leave the index of
/// the sort: the columns that are in other indexes stand in sums, and OFFSET keeps EXISTS from becoming a join. LIKE is
/// not used because the scope that is asked for could hold wildcards. A scope is looked for as it is first, which is
/// cheap, and then as a whole word.
macro_rules! filters {
    ($engine:ident) => {
        filters!($engine, "t.idle_key + 0")
    };
    (sqlite, $idle:literal) => {
        filters!("instr", $idle)
    };
    (postgres, $idle:literal) => {
        filters!("strpos", $idle)
    };
    ($find:literal, $idle:literal) => {
        concat!(
            " AND ($7 IS NULL OR t.level = $7) AND ($8 IS NULL OR t.project_id = $8) AND ($9 IS NULL OR (",
            $find,
            "(t.scopes, $9) > 0 AND ",
            $find,
            "(' ' || t.scopes || ' ', ' ' || $9 || ' ') > 0)) \
          AND ($11 IS NULL OR t.created_by_id = $11) AND ($12 IS NULL OR t.expires_key + 0 < $12) \
          AND ($10 IS NULL OR t.all_repositories OR EXISTS (SELECT 1 FROM api_token_repositories r \
              WHERE r.token_id = t.id AND r.repository_id = $10 LIMIT 1 OFFSET 0)) \
          AND ($13 IS NULL OR ",
            $idle,
            " < $13)"
        )
    };
}
pub(super) use filters;

/// What filters ask for, as far as all indexes of SQLite hold it, but for `expires_key`.
macro_rules! filtered_columns {
    () => {
        "t.level, t.project_id, t.all_repositories, t.created_by_id, t.scopes"
    };
}
pub(super) use filtered_columns;

/// One walk.
macro_rules! walk {
    ($index:literal, $select:expr, $phase:literal, $row:literal, $after:literal, $bounds:expr, $order:literal, $limit:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM api_tokens t",
            $index,
            " WHERE t.list_id = $1 AND t.phase = ",
            $phase,
            " AND ",
            $row,
            " ",
            $after,
            " ($3, $4)",
            $bounds,
            " ORDER BY ",
            $order,
            " LIMIT ",
            $limit
        )
    };
}

/// Three walks, of which the merged rows begin.
macro_rules! walks {
    ($index:literal, $select:expr, $row:literal, $after:literal, $bounds:expr, $order:literal, $limit:literal) => {
        concat!(
            "SELECT * FROM (",
            walk!($index, $select, 0, $row, $after, $bounds, $order, $limit),
            ") live UNION ALL ",
            "SELECT * FROM (",
            walk!($index, $select, 1, $row, $after, $bounds, $order, $limit),
            ") expired UNION ALL ",
            "SELECT * FROM (",
            walk!($index, $select, 2, $row, $after, $bounds, $order, $limit),
            ") revoked"
        )
    };
}

macro_rules! statements {
    ($engine:ident, from $index:literal or $narrow:literal, columns $columns:literal, read $read:literal, name $name:literal, number $number:literal,
        row $row:literal, order $order:literal, $after:literal to $until:literal, key $key:literal) => {
        Statements {
            page: (
                concat!(
                    "SELECT ", columns!(listed), " FROM (",
                    walk!($narrow, "t.*", "$2", $row, $after, statements!(bounds $engine, $row, $until), $order, "$14"),
                    ") t ORDER BY ", $order
                ),
                concat!(
                    "SELECT ", columns!(listed), " FROM (",
                    walks!($index, "t.*", $row, $after, statements!(bounds $engine, $row, $until), $order, "$14"),
                    ") t ORDER BY ", $order, " LIMIT $14"
                ),
            ),
            // A planner reads the rows of UNION ALL one after the other, and none of the second part if the first has
            // filled the page.
            places: concat!(
                "SELECT t.id, ", $name, " AS name, ", $number, " AS number, FALSE AS at_end FROM (",
                walk!($index, concat!($read, ", ", filtered_columns!()), "$2", $row, $after, "", $order, "$5"),
                ") t WHERE TRUE",
                filters!($engine, "(SELECT i.idle_key FROM api_tokens i WHERE i.id = t.id)"),
                " UNION ALL SELECT t.id, ", $name, " AS name, ", $key, " AS number, TRUE AS at_end FROM (",
                walk!($narrow, $columns, "$2", $row, $after, "", $order, "2 OFFSET $6"),
                ") t LIMIT $14"
            ),
            end: concat!(
                "SELECT t.id, ", $name, " AS name, ", $key, " AS number, TRUE AS at_end FROM (SELECT * FROM (",
                walks!($narrow, $columns, $row, $after, "", $order, "$5 + 2"),
                ") t ORDER BY ", $order, " LIMIT 2 OFFSET $5) t ORDER BY ", $order
            ),
        }
    };
    (bounds $engine:ident, $row:literal, $until:literal) => {
        concat!(" AND ", $row, " ", $until, " ($5, $6)", filters!($engine))
    };
}

/// Both directions of a sort.
macro_rules! directions {
    ($sort:expr, $engine:ident, from $index:literal or $narrow:literal, columns $columns:literal, read $read:literal, name $name:literal,
        number $number:literal, row $row:literal, order $up:literal or $down:literal, key $key:literal) => {{
        const UP: Statements = statements!($engine, from $index or $narrow, columns $columns, read $read, name $name, number $number,
            row $row, order $up, ">" to "<=", key $key);
        const DOWN: Statements = statements!($engine, from $index or $narrow, columns $columns, read $read, name $name, number $number,
            row $row, order $down, "<" to ">=", key $key);
        if $sort.descending { &DOWN } else { &UP }
    }};
}

/// The statements of all sorts on an engine.
macro_rules! sorts {
    ($sort:expr, $engine:ident, $by_id:literal or $narrow:literal) => {
        match $sort.key {
            SortKey::Name => directions!($sort, $engine, from "" or "", columns "t.name_key, t.id", read "t.name_key, t.id, t.expires_key", name "t.name_key",
                number "CAST(0 AS BIGINT)", row "(t.name_key, t.id)", order "t.name_key, t.id" or "t.name_key DESC, t.id DESC",
                key "CAST(0 AS BIGINT)"),
            // The id alone is the key; it stands twice so that all sorts have the same parameters.
            SortKey::Created => directions!($sort, $engine, from $by_id or $narrow, columns "t.id", read "t.id, t.expires_key", name "''",
                number "CAST(0 AS BIGINT)", row "(t.id, t.id)", order "t.id" or "t.id DESC",
                key "(SELECT c.created_at FROM api_tokens c WHERE c.id = t.id)"),
            SortKey::Expires => directions!($sort, $engine, from "" or "", columns "t.expires_key, t.id", read "t.expires_key, t.id", name "''",
                number "t.expires_key", row "(t.expires_key, t.id)", order "t.expires_key, t.id" or "t.expires_key DESC, t.id DESC",
                key "t.expires_key"),
            SortKey::LastUsed => directions!($sort, $engine, from "" or "", columns "t.used_key, t.id", read "t.used_key, t.id, t.expires_key", name "''",
                number "t.used_key", row "(t.used_key, t.id)", order "t.used_key, t.id" or "t.used_key DESC, t.id DESC",
                key "t.used_key"),
        }
    };
}

/// The statements of a sort.
pub(super) fn statements(store: &Store, sort: Sort) -> &'static Statements {
    match store.engine {
        // Two indexes have this order. What filters ask for is in one of them; the other is smaller.
        Engine::Sqlite(_) => {
            sorts!(sort, sqlite, " INDEXED BY api_tokens_by_id_filtered" or " INDEXED BY api_tokens_by_id")
        }
        Engine::Postgres(_) => sorts!(sort, postgres, "" or ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::picks::Pick;

    /// What SQLite says that it will do.
    async fn plan(store: &Store, sql: &str) -> Vec<String> {
        let sql = Box::leak(format!("EXPLAIN QUERY PLAN {sql}").into_boxed_str());
        let rows: Vec<(i64, i64, i64, String)> = store.query(sql).fetch_all().await.unwrap();
        rows.into_iter().map(|(.., detail)| detail).collect()
    }

    /// In a large table, what has to be looked up for each row that is read costs more than all else together.
    #[tokio::test]
    async fn what_is_read_is_read_in_an_index_and_in_its_order() {
        let folder = std::env::temp_dir().join(format!("latchkey-plans-{}", std::process::id()));
        let store = Store::connect(&format!("sqlite://{}", folder.join("latchkey.db").display())).await.unwrap();
        store.migrate().await.unwrap();
        for key in [SortKey::Name, SortKey::Created, SortKey::Expires, SortKey::LastUsed] {
            for descending in [false, true] {
                let plan = plan(&store, statements(&store, Sort { key, descending }).places).await;
                let walks: Vec<_> = plan.iter().filter(|step| step.contains(" t ")).collect();
                assert!(walks.len() >= 2, "{plan:#?}");
                assert!(
                    walks.iter().all(|step| step.starts_with("SEARCH t USING COVERING INDEX api_tokens_by_")
                        || step.starts_with("SCAN t")),
                    "{plan:#?}"
                );
                assert!(
                    !plan.iter().any(|step| step.contains("TEMP B-TREE") || step.contains("AUTOMATIC")),
                    "{plan:#?}"
                );
            }
        }
        for pick in [Pick::WordsInPhase, Pick::WordsInPhaseAlone] {
            let plan = plan(&store, pick.statement(&store, SortKey::Created)).await;
            let found = |index: &str| plan.iter().any(|step| step.contains(index));
            assert!(
                found("USING COVERING INDEX search_words_by_word (list_id=? AND kind=? AND word>? AND word<?)"),
                "{plan:#?}"
            );
            assert!(found("(list_id=? AND phase=? AND id=?)"), "{plan:#?}");
            assert!(!found("TEMP B-TREE"), "{plan:#?}");
        }
        store.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
