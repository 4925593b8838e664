//! Cursors: opaque to clients, the position of the last row to us.

use std::fmt::Write;
use std::str::FromStr;

use latchkey_domain::{AuditEventId, Timestamp, TokenName};
use latchkey_store::audit;
use latchkey_store::tokens::Position;

use crate::{Error, FieldError};

/// Longest cursor, in characters: an id and the longest name, in hexadecimal.
const MAX: usize = 32 + 2 * TokenName::BYTES_MAX;

/// The cursor for what comes after a position: id and sort value, in hexadecimal.
pub fn encode(position: &Position) -> String {
    position.id.0.simple().to_string() + &encode_text(&position.key)
}

/// The cursor for what comes after a text: a name, or an email, which a URL should not show.
pub(crate) fn encode_text(text: &str) -> String {
    let mut cursor = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        // Writing to a string can't fail.
        let _ = write!(cursor, "{byte:02x}");
    }
    cursor
}

/// Reads [`encode`]. Anything else is refused; a made-up cursor shows nothing that the filter would not.
pub fn decode(cursor: &str) -> Result<Position, Error> {
    read(cursor).ok_or_else(refused)
}

/// Reads [`encode_text`]; without a cursor, the beginning.
pub(crate) fn decode_text(cursor: Option<&str>) -> Result<String, Error> {
    read_text(cursor.unwrap_or_default()).ok_or_else(refused)
}

/// The cursor for what comes before an audit event.
pub(crate) fn encode_event(position: audit::Position) -> String {
    position.id.0.simple().to_string() + &encode_text(&position.at.micros().to_string())
}

/// Reads [`encode_event`].
pub(crate) fn decode_event(cursor: &str) -> Result<audit::Position, Error> {
    let Position { key, id } = decode(cursor)?;
    let at = key.parse().map_err(|_| refused())?;
    Ok(audit::Position { at: Timestamp::from_micros(at), id: AuditEventId(id.0) })
}

/// Reads the id that a list in the order of ids went on after; without a cursor, none.
pub(crate) fn decode_id<T: FromStr>(cursor: Option<&str>) -> Result<Option<T>, Error> {
    cursor.map(|cursor| cursor.parse().map_err(|_| refused())).transpose()
}

fn refused() -> Error {
    FieldError::new("cursor", "must be the nextCursor of an earlier page").into()
}

fn read(cursor: &str) -> Option<Position> {
    let (id, key) = cursor.split_at_checked(32)?;
    Some(Position { key: read_text(key)?, id: id.parse().ok()? })
}

fn read_text(cursor: &str) -> Option<String> {
    // A sign before a digit would be read as a number, too.
    let written = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !cursor.bytes().all(written) || cursor.len() > MAX || !cursor.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..cursor.len()).step_by(2).map(|at| u8::from_str_radix(&cursor[at..at + 2], 16).ok()).collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_writes_it_reads() {
        for key in ["", "1800000000000000", "déploiement: prod", &"日".repeat(800)] {
            let position = Position { key: key.to_owned(), id: "0193b9a0000070008000000000000001".parse().unwrap() };
            assert_eq!(decode(&encode(&position)).unwrap(), position);
        }
        for bad in [
            "",
            "0193",
            "0193b9a00000700080000000000000zz",
            "0193b9a0000070008000000000000001+1",
            "0193b9a0000070008000000000000001ff",
            "é",
        ] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }
}
