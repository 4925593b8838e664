//! Cursors: opaque to clients, the position of the last row to us.

use std::fmt::Write;

use latchkey_store::tokens::Position;

use crate::{Error, FieldError};

/// Longest cursor, in characters.
const MAX: usize = 1_000;

/// The cursor for what comes after a position: id and sort value, in hexadecimal.
pub fn encode(position: &Position) -> String {
    let mut cursor = position.id.0.simple().to_string();
    for byte in position.key.bytes() {
        // Writing to a string can't fail.
        let _ = write!(cursor, "{byte:02x}");
    }
    cursor
}

/// Reads [`encode`]. Anything else is refused; a made-up cursor shows nothing that the filter would not.
pub fn decode(cursor: &str) -> Result<Position, Error> {
    read(cursor).ok_or_else(|| FieldError::new("cursor", "must be the nextCursor of an earlier page").into())
}

fn read(cursor: &str) -> Option<Position> {
    if !cursor.is_ascii() || cursor.len() > MAX || cursor.len() < 32 || !cursor.len().is_multiple_of(2) {
        return None;
    }
    let (id, key) = cursor.split_at(32);
    let bytes: Option<Vec<u8>> =
        (0..key.len()).step_by(2).map(|at| u8::from_str_radix(&key[at..at + 2], 16).ok()).collect();
    Some(Position { key: String::from_utf8(bytes?).ok()?, id: id.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_writes_it_reads() {
        for key in ["", "1800000000000000", "déploiement: prod"] {
            let position = Position { key: key.to_owned(), id: "0193b9a0000070008000000000000001".parse().unwrap() };
            assert_eq!(decode(&encode(&position)).unwrap(), position);
        }
        for bad in ["", "0193", "0193b9a00000700080000000000000zz", "0193b9a0000070008000000000000001ff", "é"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }
}
