//! The SQL that picks candidates: by the words of a search, or by a filter that few tokens may pass.
//!
//! Each row tells what a list is sorted by and whether the token passes the filters (`$7` to `$13`), so that only what
//! a page shows has to be looked up afterwards. What is asked about a token stands in the index that finds it, as far
//! as SQLite is concerned: in a large table, each other page that is read is one that nobody has read lately.

use super::{SortKey, statements::filters};
use crate::{Store, bind::in_list};

/// What picks.
#[derive(Clone, Copy)]
pub(super) enum Pick {
    /// The words of a list (`$3`, `$4`) from `$5` to before `$6`: `$14` of them are read, `$15` are picked.
    Words,
    /// The same, of tokens in the phase.
    WordsInPhase,
    /// The same, where no filter asks for more.
    WordsInPhaseAlone,
    /// Those of a list of ids (`$3`) that are in the phase.
    Named,
    /// What expires before `$3`, `$4` at most.
    Expiring,
    /// What is idle since before `$3`, `$4` at most.
    Idle,
}

macro_rules! selected {
    ($id:literal, $name:literal, $number:literal, $filters:expr) => {
        concat!(
            "SELECT ",
            $id,
            " AS id, ",
            $name,
            " AS name, ",
            $number,
            " AS number, (TRUE",
            $filters,
            ") IS TRUE AS passes FROM "
        )
    };
}

/// Entries by word and then the newest first, each with its token; in this order, whatever a planner knows or guesses.
macro_rules! by_words {
    ($name:literal, $number:literal, $filters:expr, $token:literal) => {
        concat!(
            selected!("w.object_id", $name, $number, $filters),
            "(SELECT s.word, s.object_id FROM search_words s \
                WHERE s.list_id = $3 AND s.kind = $4 AND s.word >= $5 AND s.word < $6 \
                ORDER BY s.word, s.object_id DESC LIMIT $14) w CROSS JOIN ",
            $token,
            " LIMIT $15"
        )
    };
}

macro_rules! by_time {
    ($engine:ident, $name:literal, $number:literal, $time:literal) => {
        concat!(
            selected!("t.id", $name, $number, filters!($engine)),
            "api_tokens t WHERE t.list_id = $1 AND t.phase = $2 AND t.",
            $time,
            " < $3 ORDER BY t.",
            $time,
            ", t.id LIMIT $4"
        )
    };
}

macro_rules! named {
    ($engine:ident, $name:literal, $number:literal) => {
        concat!(
            selected!("t.id", $name, $number, filters!($engine)),
            "api_tokens t WHERE t.id ",
            in_list!($engine "$3"),
            " AND (t.list_id = $1) IS TRUE AND t.phase + 0 = $2"
        )
    };
}

/// The statement of each way to pick, for SQLite and PostgreSQL.
macro_rules! picks {
    ($pick:expr, $name:literal, $number:literal) => {
        match $pick {
            Pick::Words => (
                by_words!(
                    $name,
                    $number,
                    filters!(sqlite),
                    "api_tokens t WHERE t.id = w.object_id AND (t.list_id = $1) IS TRUE"
                ),
                by_words!(
                    $name,
                    $number,
                    filters!(postgres),
                    "LATERAL (SELECT t.* FROM api_tokens t \
                        WHERE t.id = w.object_id AND (t.list_id = $1) IS TRUE OFFSET 0) t"
                ),
            ),
            Pick::WordsInPhase => (
                by_words!(
                    $name,
                    $number,
                    filters!(sqlite),
                    "api_tokens t INDEXED BY api_tokens_by_id_filtered \
                        WHERE t.list_id = $1 AND t.phase = $2 AND t.id = w.object_id"
                ),
                by_words!(
                    $name,
                    $number,
                    filters!(postgres),
                    "LATERAL (SELECT t.* FROM api_tokens t \
                        WHERE t.id = w.object_id AND t.list_id = $1 AND t.phase = $2 OFFSET 0) t"
                ),
            ),
            Pick::WordsInPhaseAlone => (
                by_words!(
                    $name,
                    $number,
                    "",
                    "api_tokens t INDEXED BY api_tokens_by_id \
                        WHERE t.list_id = $1 AND t.phase = $2 AND t.id = w.object_id"
                ),
                by_words!(
                    $name,
                    $number,
                    "",
                    "LATERAL (SELECT t.* FROM api_tokens t \
                        WHERE t.id = w.object_id AND t.list_id = $1 AND t.phase = $2 OFFSET 0) t"
                ),
            ),
            Pick::Named => (named!(sqlite, $name, $number), named!(postgres, $name, $number)),
            Pick::Expiring => {
                (by_time!(sqlite, $name, $number, "expires_key"), by_time!(postgres, $name, $number, "expires_key"))
            }
            Pick::Idle => {
                (by_time!(sqlite, $name, $number, "idle_key"), by_time!(postgres, $name, $number, "idle_key"))
            }
        }
    };
}

impl Pick {
    /// The statement for a list with that sort.
    pub(super) fn statement(self, store: &Store, key: SortKey) -> &'static str {
        let (sqlite, postgres) = match key {
            SortKey::Name => picks!(self, "t.name_key", "CAST(0 AS BIGINT)"),
            SortKey::Created => picks!(self, "''", "CAST(0 AS BIGINT)"),
            SortKey::Expires => picks!(self, "''", "t.expires_key"),
            SortKey::LastUsed => picks!(self, "''", "t.used_key"),
        };
        store.dialect(sqlite, postgres)
    }
}
