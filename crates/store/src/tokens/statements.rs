//! The SQL of lists.
//!
//! A list is a walk along the index of its sort, from a position (`$3`, `$4`) to another (`$5`, `$6`), within one list
//! (`$1`) and phase (`$2`; over all phases, it is three walks that are merged). A page is the first rows of the walk
//! that pass the filters; a walk with filters is given an end that bounds what it reads. So no page grows with the
//! table, whatever the filters are.
//!
//! When a search or a selective filter has picked candidates (`$15`), there is no walk: they are filtered and sorted.
//!
//! On SQLite, the indexes of sorts also hold what filters ask for, so that a walk looks up only the rows that pass: a
//! look-up costs some ten times as much as an entry of the index.

use super::{Sort, SortKey, row::columns};
use crate::{Store, bind::in_list, engine::Engine};

/// The statements of one sort in one direction.
pub(super) struct Statements {
    /// A page of a walk in one phase, and over all.
    pub(super) page: (&'static str, &'static str),
    /// The row that `$5` others come before, and the one after it; in one phase, and over all.
    pub(super) end: (&'static str, &'static str),
    /// A page of a walk in one phase without filters: [`PLAIN_MAX`] rows at most, and no `$5` to `$13`.
    pub(super) plain: &'static str,
    /// A page of candidates.
    pub(super) chosen: &'static str,
}

/// The most that a page of the API or the portal reads: one row more than it shows.
pub(super) const PLAIN_MAX: usize = 101;
// It stands in the statement, too.
const _: () = assert!(PLAIN_MAX == 101);

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
          AND ($10 IS NULL OR t.all_repositories OR EXISTS (SELECT 1 FROM api_token_repositories r \
              WHERE r.token_id = t.id AND r.repository_id = $10 LIMIT 1 OFFSET 0)) \
          AND ($11 IS NULL OR t.created_by_id = $11) \
          AND ($12 IS NULL OR t.expires_key + 0 < $12) AND ($13 IS NULL OR ",
            $idle,
            " < $13)"
        )
    };
}
pub(super) use filters;

/// One walk.
macro_rules! walk {
    ($select:expr, $phase:literal, $after:expr, $bounds:expr, $order:literal, $limit:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM api_tokens t WHERE t.list_id = $1 AND t.phase = ",
            $phase,
            " AND ",
            $after,
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
    ($select:expr, $after:expr, $bounds:expr, $order:literal, $limit:literal) => {
        concat!(
            "SELECT * FROM (",
            walk!($select, 0, $after, $bounds, $order, $limit),
            ") live UNION ALL ",
            "SELECT * FROM (",
            walk!($select, 1, $after, $bounds, $order, $limit),
            ") expired UNION ALL ",
            "SELECT * FROM (",
            walk!($select, 2, $after, $bounds, $order, $limit),
            ") revoked"
        )
    };
}

/// Of a LIMIT that is bound, PostgreSQL expects a tenth of the table, and plans anew each time, which takes longer than
/// to read a page. With a number inside, the plan that it keeps looks as good as one for the value.
macro_rules! plain {
    (sqlite, $after:expr, $order:literal) => {
        concat!("SELECT ", columns!(listed), " FROM ", plain!(walk $after, $order, "$14"), " ORDER BY ", $order)
    };
    (postgres, $after:expr, $order:literal) => {
        concat!("SELECT ", columns!(listed), " FROM ", plain!(walk $after, $order, "101"), " ORDER BY ", $order, " LIMIT $14")
    };
    (walk $after:expr, $order:literal, $limit:literal) => {
        concat!("(", walk!("t.*", "$2", $after, "", $order, $limit), ") t")
    };
}

macro_rules! statements {
    ($engine:ident, columns $columns:literal, order $order:literal, after $after:expr, until $until:expr, key $key:literal) => {
        Statements {
            page: (
                concat!(
                    "SELECT ", columns!(listed), " FROM (",
                    walk!("t.*", "$2", $after, concat!(" AND ", $until, filters!($engine)), $order, "$14"),
                    ") t ORDER BY ", $order
                ),
                concat!(
                    "SELECT ", columns!(listed), " FROM (",
                    walks!("t.*", $after, concat!(" AND ", $until, filters!($engine)), $order, "$14"),
                    ") t ORDER BY ", $order, " LIMIT $14"
                ),
            ),
            plain: plain!($engine, $after, $order),
            end: (
                concat!(
                    "SELECT CAST(", $key, " AS TEXT), t.id FROM (",
                    walk!($columns, "$2", $after, "", $order, "2 OFFSET $5"),
                    ") t ORDER BY ", $order
                ),
                concat!(
                    "SELECT CAST(", $key, " AS TEXT), t.id FROM (SELECT * FROM (",
                    walks!($columns, $after, "", $order, "$5 + 2"),
                    ") t ORDER BY ", $order, " LIMIT 2 OFFSET $5) t ORDER BY ", $order
                ),
            ),
            // IS TRUE keeps planners from reading the whole list instead of the candidates; whole rows are not sorted.
            chosen: concat!(
                "SELECT ", columns!(listed), ", c.matches FROM (SELECT t.id, count(*) OVER () AS matches \
                FROM api_tokens t WHERE t.id ", in_list!($engine "$15"),
                " AND (t.list_id = $1) IS TRUE AND ($2 = 3 OR t.phase + 0 = $2) AND ", $after, " AND ", $until,
                filters!($engine), " ORDER BY ", $order, " LIMIT $14) c \
                CROSS JOIN api_tokens t WHERE t.id = c.id ORDER BY ", $order
            ),
        }
    };
}

/// Both directions of a sort.
macro_rules! directions {
    ($sort:expr, $engine:ident, columns $columns:literal, order $up:literal or $down:literal,
        row $row:literal from $from:literal to $to:literal, key $key:literal) => {{
    const UP: Statements = statements!($engine, columns $columns, order $up,
            after concat!($row, " > ", $from), until concat!($row, " <= ", $to), key $key);
    const DOWN: Statements = statements!($engine, columns $columns, order $down,
            after concat!($row, " < ", $from), until concat!($row, " >= ", $to), key $key);
        if $sort.descending { &DOWN } else { &UP }
    }};
}

/// The statements of all sorts on an engine.
macro_rules! sorts {
    ($sort:expr, $engine:ident) => {
        match $sort.key {
            SortKey::Name => directions!($sort, $engine, columns "t.name_key, t.id",
                order "t.name_key, t.id" or "t.name_key DESC, t.id DESC",
                row "(t.name_key, t.id)" from "($3, $4)" to "($5, $6)", key "t.name_key"),
            // The id alone is the key, and is compared alone: that is a third of what a walk with filters costs.
            SortKey::Created => directions!($sort, $engine, columns "t.id", order "t.id" or "t.id DESC",
                row "t.id" from "$3" to "$5", key "(SELECT c.created_at FROM api_tokens c WHERE c.id = t.id)"),
            SortKey::Expires => directions!($sort, $engine, columns "t.expires_key, t.id",
                order "t.expires_key, t.id" or "t.expires_key DESC, t.id DESC",
                row "(t.expires_key, t.id)" from "($3, $4)" to "($5, $6)", key "t.expires_key"),
            SortKey::LastUsed => directions!($sort, $engine, columns "t.used_key, t.id",
                order "t.used_key, t.id" or "t.used_key DESC, t.id DESC",
                row "(t.used_key, t.id)" from "($3, $4)" to "($5, $6)", key "t.used_key"),
        }
    };
}

/// The statements of a sort.
pub(super) fn statements(store: &Store, sort: Sort) -> &'static Statements {
    match store.engine {
        Engine::Sqlite(_) => sorts!(sort, sqlite),
        Engine::Postgres(_) => sorts!(sort, postgres),
    }
}
