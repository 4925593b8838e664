use latchkey_domain::{TokenId, TokenName};
use latchkey_service::Position;

/// Where a page begins, as it stands in the address: `50.0198c5de-….github actions ci`.
///
/// The number of rows before it is carried along for "Showing 51–100 of 312": counting them again would read them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Rows before the first one of the page, or before the row that a page ends at.
    pub offset: u32,
    pub position: Position,
}

impl Cursor {
    /// Longest sort value, in bytes.
    const KEY_MAX: usize = TokenName::BYTES_MAX;

    pub(super) fn encode(&self) -> String {
        [&self.offset.to_string(), ".", &self.position.id.to_string(), ".", &self.position.key].concat()
    }

    /// `None` for anything else: the list then begins at its start.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let offset = parts.next()?.parse().ok()?;
        let id: TokenId = parts.next()?.parse().ok()?;
        let key = parts.next().filter(|key| key.len() <= Self::KEY_MAX)?.to_owned();
        Some(Self { offset, position: Position { key, id } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let id: TokenId = "0198c5de-0000-7000-8000-000000000001".parse().unwrap();
        for key in ["github actions ci", "v1.2.3", "", "1794000000000000", "ünï & \"cö\""] {
            let cursor = Cursor { offset: 50, position: Position { key: key.to_owned(), id } };
            assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }
    }

    #[test]
    fn anything_else_is_no_cursor() {
        let long = format!("50.0198c5de-0000-7000-8000-000000000001.{}", "a".repeat(TokenName::BYTES_MAX + 1));
        for text in ["", "50", "50.", "x.0198c5de-0000-7000-8000-000000000001.a", "50.nobody.a", "-1.a.b", &long] {
            assert_eq!(Cursor::decode(text), None, "{text}");
        }
    }
}
