//! Places in a sorted list.

use uuid::Uuid;

use super::{Position, SortKey};
use crate::bind::text;

/// A row of the sort's index, in the order of the index.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IndexPosition {
    pub(super) key: Key,
    pub(super) id: Uuid,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Name(String),
    Id(Uuid),
    Number(i64),
}

impl Key {
    /// What a row has for a sort: its id, its name or a number.
    pub(super) fn new(key: SortKey, id: Uuid, name: String, number: i64) -> Self {
        match key {
            SortKey::Name => Self::Name(name),
            SortKey::Created => Self::Id(id),
            SortKey::Expires | SortKey::LastUsed => Self::Number(number),
        }
    }
}

/// Binds a place, `$n` and `$n + 1`.
macro_rules! bind_position {
    ($query:expr, $place:expr) => {{
        let query = $query;
        match &$place.key {
            Key::Name(name) => query.bind(name.clone()),
            Key::Id(id) => query.bind(*id),
            Key::Number(number) => query.bind(*number),
        }
        .bind($place.id)
    }};
}
pub(super) use bind_position;

impl IndexPosition {
    pub(super) fn of(position: &Position, key: SortKey) -> Self {
        let id = position.id.0;
        let key = match key {
            SortKey::Name => Key::Name(text(&position.key).into_owned()),
            SortKey::Created => Key::Id(id),
            SortKey::Expires | SortKey::LastUsed => Key::Number(position.key.parse().unwrap_or_default()),
        };
        Self { key, id }
    }

    pub(super) fn first(key: SortKey) -> Self {
        let key = match key {
            SortKey::Name => Key::Name(String::new()),
            SortKey::Created => Key::Id(Uuid::nil()),
            SortKey::Expires | SortKey::LastUsed => Key::Number(i64::MIN),
        };
        Self { key, id: Uuid::nil() }
    }

    pub(super) fn last(key: SortKey) -> Self {
        let key = match key {
            // No name has the last character.
            SortKey::Name => Key::Name(char::MAX.to_string().repeat(101)),
            SortKey::Created => Key::Id(Uuid::max()),
            SortKey::Expires | SortKey::LastUsed => Key::Number(i64::MAX),
        };
        Self { key, id: Uuid::max() }
    }
}
