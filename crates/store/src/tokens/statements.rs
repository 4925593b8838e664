//! The SQL of lists.
//!
//! A list is a walk along the index of its sort, from a position (`$3`, `$4`) to another (`$5`, `$6`), within one list
//! (`$1`) and phase (`$2`; over all phases, it is three walks that are merged). A page is the first rows of the walk
//! that pass the filters; a walk with filters is given an end that bounds what it reads. So no page grows with the
//! table, whatever the filters are.
//!
//! When a search or a selective filter has picked candidates (`$15`), there is no walk: they are filtered and sorted.

use super::{Sort, SortKey, row::columns};
use crate::bind::in_list;

/// The statements of one sort in one direction.
pub(super) struct Statements {
    /// A page of a walk in one phase, and over all.
    pub(super) page: (&'static str, &'static str),
    /// The row that `$5` others come before, and the one after it; in one phase, and over all.
    pub(super) end: (&'static str, &'static str),
    /// A page of candidates, on SQLite and PostgreSQL.
    pub(super) chosen: (&'static str, &'static str),
}

/// What a row must pass, `$7` to `$13`, each of which may be null. Nothing here can make a planner leave the index of
/// the sort: the columns that are in other indexes stand in sums, and OFFSET keeps EXISTS from becoming a join. LIKE is
/// not used because the scope that is asked for could hold wildcards; `replace` is a search both engines know.
macro_rules! filters {
    () => {
        " AND ($7 IS NULL OR t.level = $7) AND ($8 IS NULL OR t.project_id = $8) \
          AND ($9 IS NULL OR replace(' ' || t.scopes || ' ', ' ' || $9 || ' ', '') <> ' ' || t.scopes || ' ') \
          AND ($10 IS NULL OR t.all_repositories OR EXISTS (SELECT 1 FROM api_token_repositories r \
              WHERE r.token_id = t.id AND r.repository_id = $10 LIMIT 1 OFFSET 0)) \
          AND ($11 IS NULL OR t.created_by_id = $11) \
          AND ($12 IS NULL OR t.expires_key + 0 < $12) AND ($13 IS NULL OR t.idle_key + 0 < $13)"
    };
}
pub(super) use filters;

/// One walk.
macro_rules! walk {
    ($select:expr, $phase:literal, $row:literal, $after:literal, $bounds:expr, $order:literal, $limit:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM api_tokens t WHERE t.list_id = $1 AND t.phase = ",
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
    ($select:expr, $row:literal, $after:literal, $bounds:expr, $order:literal, $limit:literal) => {
        concat!(
            "SELECT * FROM (",
            walk!($select, 0, $row, $after, $bounds, $order, $limit),
            ") live UNION ALL ",
            "SELECT * FROM (",
            walk!($select, 1, $row, $after, $bounds, $order, $limit),
            ") expired UNION ALL ",
            "SELECT * FROM (",
            walk!($select, 2, $row, $after, $bounds, $order, $limit),
            ") revoked"
        )
    };
}

macro_rules! statements {
    (columns $columns:literal, row $row:literal, order $order:literal, $after:literal to $until:literal, key $key:literal) => {
        Statements {
            page: (
                concat!(
                    "SELECT ", columns!(listed), " FROM (",
                    walk!("t.*", "$2", $row, $after, statements!(bounds $row, $until), $order, "$14"),
                    ") t ORDER BY ", $order
                ),
                concat!(
                    "SELECT ", columns!(listed), " FROM (",
                    walks!("t.*", $row, $after, statements!(bounds $row, $until), $order, "$14"),
                    ") t ORDER BY ", $order, " LIMIT $14"
                ),
            ),
            end: (
                concat!(
                    "SELECT CAST(", $key, " AS TEXT), t.id FROM (",
                    walk!($columns, "$2", $row, $after, "", $order, "2 OFFSET $5"),
                    ") t ORDER BY ", $order
                ),
                concat!(
                    "SELECT CAST(", $key, " AS TEXT), t.id FROM (SELECT * FROM (",
                    walks!($columns, $row, $after, "", $order, "$5 + 2"),
                    ") t ORDER BY ", $order, " LIMIT 2 OFFSET $5) t ORDER BY ", $order
                ),
            ),
            chosen: (
                statements!(chosen sqlite, $row, $order, $after, $until),
                statements!(chosen postgres, $row, $order, $after, $until),
            ),
        }
    };
    (bounds $row:literal, $until:literal) => {
        concat!(" AND ", $row, " ", $until, " ($5, $6)", filters!())
    };
    // IS TRUE keeps planners from reading the whole list instead of the candidates.
    (chosen $engine:ident, $row:literal, $order:literal, $after:literal, $until:literal) => {
        concat!(
            "SELECT ", columns!(listed), ", t.matches FROM (SELECT t.*, count(*) OVER () AS matches \
            FROM api_tokens t WHERE t.id ", in_list!($engine "$15"),
            " AND (t.list_id = $1) IS TRUE AND ($2 = 3 OR t.phase + 0 = $2) AND ", $row, " ", $after, " ($3, $4)",
            statements!(bounds $row, $until), " ORDER BY ", $order, " LIMIT $14) t ORDER BY ", $order
        )
    };
}

/// The statements of a sort.
pub(super) const fn statements(sort: Sort) -> &'static Statements {
    const NAME: Statements = statements!(columns "t.name_key, t.id", row "(t.name_key, t.id)",
        order "t.name_key, t.id", ">" to "<=", key "t.name_key");
    const NAME_DOWN: Statements = statements!(columns "t.name_key, t.id", row "(t.name_key, t.id)",
        order "t.name_key DESC, t.id DESC", "<" to ">=", key "t.name_key");
    // The id alone is the key; it stands twice so that all sorts have the same parameters.
    const CREATED: Statements = statements!(columns "t.id", row "(t.id, t.id)",
        order "t.id", ">" to "<=", key "(SELECT c.created_at FROM api_tokens c WHERE c.id = t.id)");
    const CREATED_DOWN: Statements = statements!(columns "t.id", row "(t.id, t.id)",
        order "t.id DESC", "<" to ">=", key "(SELECT c.created_at FROM api_tokens c WHERE c.id = t.id)");
    const EXPIRES: Statements = statements!(columns "t.expires_key, t.id", row "(t.expires_key, t.id)",
        order "t.expires_key, t.id", ">" to "<=", key "t.expires_key");
    const EXPIRES_DOWN: Statements = statements!(columns "t.expires_key, t.id", row "(t.expires_key, t.id)",
        order "t.expires_key DESC, t.id DESC", "<" to ">=", key "t.expires_key");
    const USED: Statements = statements!(columns "t.used_key, t.id", row "(t.used_key, t.id)",
        order "t.used_key, t.id", ">" to "<=", key "t.used_key");
    const USED_DOWN: Statements = statements!(columns "t.used_key, t.id", row "(t.used_key, t.id)",
        order "t.used_key DESC, t.id DESC", "<" to ">=", key "t.used_key");
    match (sort.key, sort.descending) {
        (SortKey::Name, false) => &NAME,
        (SortKey::Name, true) => &NAME_DOWN,
        (SortKey::Created, false) => &CREATED,
        (SortKey::Created, true) => &CREATED_DOWN,
        (SortKey::Expires, false) => &EXPIRES,
        (SortKey::Expires, true) => &EXPIRES_DOWN,
        (SortKey::LastUsed, false) => &USED,
        (SortKey::LastUsed, true) => &USED_DOWN,
    }
}
