//! Values that the engines take in different forms.

use std::borrow::Cow;

use latchkey_domain::to_hex;
use sqlx::{Database, Encode, Postgres, Sqlite, Type, encode::IsNull, error::BoxDynError};
use uuid::Uuid;

/// A list of ids as one parameter: `uuid[]` on PostgreSQL; on SQLite, which has no arrays, a JSON array of hexadecimal
/// text for `json_each`.
pub(crate) struct Ids(Vec<Uuid>);

/// A list of hashes as one parameter: `bytea[]` on PostgreSQL, a JSON array of hexadecimal text on SQLite.
pub(crate) struct Hashes(Vec<[u8; 32]>);

/// A list of texts as one parameter: `text[]` on PostgreSQL, a JSON array on SQLite.
pub(crate) struct Texts(Vec<String>);

/// Rows of texts as one parameter, for SQLite alone: a JSON array of arrays.
pub(crate) struct Rows(String);

impl<const N: usize> FromIterator<[String; N]> for Rows {
    fn from_iter<I: IntoIterator<Item = [String; N]>>(rows: I) -> Self {
        Self(array(rows.into_iter().map(|row| json(row.into_iter()))))
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

/// The condition that a column is among the ids of a parameter; a pair of texts, for SQLite and PostgreSQL.
macro_rules! among {
    (sqlite $parameter:literal) => {
        concat!("IN (SELECT unhex(value) FROM json_each(", $parameter, "))")
    };
    (postgres $parameter:literal) => {
        concat!("= ANY(", $parameter, ")")
    };
}
pub(crate) use among;

/// Text from outside: PostgreSQL refuses NUL in text with an error, where a look-up should find nothing.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A JSON array of strings (RFC 8259, section 7).
fn json(texts: impl Iterator<Item = String>) -> String {
    array(texts.map(|text| {
        let mut json = String::with_capacity(text.len() + 2);
        json.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => json.extend(['\\', c]),
                c if c < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => json.push(c),
            }
        }
        json.push('"');
        json
    }))
}

fn array(items: impl Iterator<Item = String>) -> String {
    let mut json = String::from("[");
    for item in items {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&item);
    }
    json.push(']');
    json
}

impl Type<Sqlite> for Rows {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Rows {
    fn encode_by_ref(&self, buffer: &mut <Sqlite as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode_by_ref(&self.0, buffer)
    }
}

impl Type<Sqlite> for Ids {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Ids {
    fn encode_by_ref(&self, buffer: &mut <Sqlite as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(json(self.0.iter().map(|id| id.simple().to_string())), buffer)
    }
}

impl Type<Postgres> for Ids {
    fn type_info() -> <Postgres as Database>::TypeInfo {
        <Vec<Uuid> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Ids {
    fn encode_by_ref(&self, buffer: &mut <Postgres as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode_by_ref(&self.0, buffer)
    }
}

impl Type<Sqlite> for Hashes {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Hashes {
    fn encode_by_ref(&self, buffer: &mut <Sqlite as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(json(self.0.iter().map(|hash| to_hex(hash))), buffer)
    }
}

impl Type<Postgres> for Hashes {
    fn type_info() -> <Postgres as Database>::TypeInfo {
        <Vec<Vec<u8>> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Hashes {
    fn encode_by_ref(&self, buffer: &mut <Postgres as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let hashes: Vec<&[u8]> = self.0.iter().map(<[u8; 32]>::as_slice).collect();
        Encode::<Postgres>::encode(hashes, buffer)
    }
}

impl Type<Sqlite> for Texts {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Texts {
    fn encode_by_ref(&self, buffer: &mut <Sqlite as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(json(self.0.iter().cloned()), buffer)
    }
}

impl Type<Postgres> for Texts {
    fn type_info() -> <Postgres as Database>::TypeInfo {
        <Vec<String> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Texts {
    fn encode_by_ref(&self, buffer: &mut <Postgres as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode_by_ref(&self.0, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_escaped() {
        let texts = ["a\"b", "c\\d", "e\nf", "é"].map(str::to_owned);
        assert_eq!(json(texts.into_iter()), r#"["a\"b","c\\d","e\u000af","é"]"#);
        assert_eq!(json(std::iter::empty()), "[]");
    }
}
