//! Values that the engines take in different forms: lists are arrays on PostgreSQL, and JSON for `json_each` on SQLite,
//! which has no arrays.

use std::borrow::Cow;

use latchkey_domain::to_hex;
use sqlx::{Database, Encode, Postgres, Sqlite, Type, encode::IsNull, error::BoxDynError};
use uuid::Uuid;

/// A list of ids as one parameter: `uuid[]` on PostgreSQL, hexadecimal text on SQLite.
pub(crate) struct Ids(Vec<Uuid>);

/// A list of hashes as one parameter: `bytea[]` on PostgreSQL, hexadecimal text on SQLite.
pub(crate) struct Hashes(Vec<[u8; 32]>);

/// A list of texts as one parameter: `text[]` on PostgreSQL.
pub(crate) struct Texts(Vec<String>);

/// Rows of texts as one parameter, for SQLite alone.
pub(crate) struct Rows(Vec<Vec<String>>);

impl<const N: usize> FromIterator<[String; N]> for Rows {
    fn from_iter<I: IntoIterator<Item = [String; N]>>(rows: I) -> Self {
        Self(rows.into_iter().map(Vec::from).collect())
    }
}

impl FromIterator<Uuid> for Ids {
    fn from_iter<I: IntoIterator<Item = Uuid>>(ids: I) -> Self {
        Self(ids.into_iter().collect())
    }
}

impl FromIterator<[u8; 32]> for Hashes {
    fn from_iter<I: IntoIterator<Item = [u8; 32]>>(hashes: I) -> Self {
        Self(hashes.into_iter().collect())
    }
}

impl FromIterator<String> for Texts {
    fn from_iter<I: IntoIterator<Item = String>>(texts: I) -> Self {
        Self(texts.into_iter().collect())
    }
}

/// The condition that a column is in the list of a parameter; a pair of texts, for SQLite and PostgreSQL.
macro_rules! in_list {
    (sqlite $parameter:literal) => {
        concat!("IN (SELECT unhex(value) FROM json_each(", $parameter, "))")
    };
    (postgres $parameter:literal) => {
        concat!("= ANY(", $parameter, ")")
    };
}
pub(crate) use in_list;

/// Text from outside: PostgreSQL refuses NUL in text with an error, where a look-up should find nothing.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// On SQLite: JSON, as text.
macro_rules! sqlite_json {
    ($list:ident, $items:ident => $json:expr) => {
        impl Type<Sqlite> for $list {
            fn type_info() -> <Sqlite as Database>::TypeInfo {
                <String as Type<Sqlite>>::type_info()
            }
        }

        impl Encode<'_, Sqlite> for $list {
            fn encode_by_ref(&self, buffer: &mut <Sqlite as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                Encode::<Sqlite>::encode(self.to_json(), buffer)
            }
        }

        impl $list {
            /// For `json_each` of SQLite.
            pub(crate) fn to_json(&self) -> String {
                let $items = &self.0;
                serde_json::Value::from_iter($json).to_string()
            }
        }
    };
}

/// On PostgreSQL: an array.
macro_rules! postgres_array {
    ($list:ident, $array:ty, $items:ident => $value:expr) => {
        impl Type<Postgres> for $list {
            fn type_info() -> <Postgres as Database>::TypeInfo {
                <$array as Type<Postgres>>::type_info()
            }
        }

        impl Encode<'_, Postgres> for $list {
            fn encode_by_ref(
                &self,
                buffer: &mut <Postgres as Database>::ArgumentBuffer,
            ) -> Result<IsNull, BoxDynError> {
                let $items = &self.0;
                Encode::<Postgres>::encode_by_ref($value, buffer)
            }
        }
    };
}

sqlite_json!(Ids, ids => ids.iter().map(|id| id.simple().to_string()));
sqlite_json!(Hashes, hashes => hashes.iter().map(|hash| to_hex(hash)));
sqlite_json!(Texts, texts => texts.iter().map(String::as_str));
sqlite_json!(Rows, rows => rows.iter().map(Vec::as_slice));
postgres_array!(Ids, Vec<Uuid>, ids => ids);
postgres_array!(Hashes, Vec<Vec<u8>>, hashes => &hashes.iter().map(<[u8; 32]>::as_slice).collect::<Vec<_>>());
postgres_array!(Texts, Vec<String>, texts => texts);
