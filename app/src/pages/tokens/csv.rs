use std::borrow::Cow;

use csv::{Terminator, Writer, WriterBuilder};
use latchkey_domain::{Timestamp, plain};
use latchkey_service::TokenDetail;

/// The heading of the CSV, in the order of [`write_token`].
const HEADER: [&str; 18] = [
    "id",
    "name",
    "description",
    "status",
    "level",
    "project",
    "scopes",
    "all_repositories",
    "repositories",
    "prefix",
    "created_at",
    "created_by",
    "expires_at",
    "last_used_at",
    "last_used_address",
    "revoked_at",
    "revoked_by",
    "revocation_reason",
];

/// The heading as a line.
pub(super) fn header() -> csv::Result<Vec<u8>> {
    let mut csv = writer();
    csv.write_record(HEADER)?;
    finish(csv)
}

/// Tokens as lines of CSV (RFC 4180).
pub(super) fn rows(tokens: &[TokenDetail]) -> csv::Result<Vec<u8>> {
    let mut csv = writer();
    for detail in tokens {
        write_token(&mut csv, detail)?;
    }
    finish(csv)
}

/// What would begin a comment is quoted: as "comments" begin with an apostrophe here, so is all that
/// [`without_formulas`] has changed.
fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).comment(Some(b'\'')).from_writer(Vec::new())
}

fn finish(csv: Writer<Vec<u8>>) -> csv::Result<Vec<u8>> {
    csv.into_inner().map_err(|error| error.into_error().into())
}

fn write_token(csv: &mut Writer<Vec<u8>>, detail: &TokenDetail) -> csv::Result<()> {
    let token = &detail.token;
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let repositories: Vec<_> = detail.repositories.iter().map(|(_, name)| name.as_str()).collect();
    let (last_use, revocation) = (token.last_use.as_ref(), token.revocation.as_ref());
    let address = last_use.and_then(|last| last.address).map(|address| address.to_string());
    let cells: [Cow<'_, str>; HEADER.len()] = [
        token.id.to_string().into(),
        token.name.as_str().into(),
        token.description.as_str().into(),
        super::export::status(detail).into(),
        super::export::level(token).into(),
        token.project_name.as_str().into(),
        token.scopes.to_string().into(),
        token.all_repositories.to_string().into(),
        repositories.join(" ").into(),
        token.prefix.as_str().into(),
        token.created_at.to_string().into(),
        token.created_by.name.as_str().into(),
        at(token.expires_at).into(),
        at(last_use.map(|last| last.at)).into(),
        address.unwrap_or_default().into(),
        at(revocation.map(|revocation| revocation.at)).into(),
        revocation.map(|revocation| revocation.by.name.as_str()).unwrap_or_default().into(),
        revocation.map(|revocation| revocation.reason.as_str()).unwrap_or_default().into(),
    ];
    csv.write_record(cells.iter().map(|cell| without_formulas(cell)))
}

/// The text with an apostrophe in front of every sign that a spreadsheet could take for the beginning of a formula,
/// which makes it text there (OWASP, "CSV injection").
///
/// A spreadsheet may be set to split at something else than our comma, and then quotes within a line mean nothing: so a
/// cell can also begin after each separator in the text.
fn without_formulas(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len() + 8);
    // Nothing but white space since the last place where a cell could begin.
    let mut begins = true;
    for (at, c) in cell.char_indices() {
        if begins && is_sign(c) || at == 0 && (is_separator(c) || c.is_control() || "%".contains(plain(c))) {
            text.push('\'');
        }
        begins = is_separator(c) || begins && is_blank(c);
        text.push(c);
    }
    text
}

/// What a formula begins with. Spreadsheets in East Asia read the full-width forms as well.
fn is_sign(c: char) -> bool {
    matches!(plain(c), '=' | '+' | '-' | '@' | '\u{2212}')
}

/// What a spreadsheet may be told to split at: between cells, between rows, and around texts.
fn is_separator(c: char) -> bool {
    matches!(plain(c), ',' | ';' | '|' | '\t' | '"' | '\'' | '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What spreadsheets skip, or show as nothing.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A text as a cell: between two others, so that it may be empty.
    fn cell(text: &str) -> String {
        let mut csv = writer();
        csv.write_record(["a", &without_formulas(text), "b"]).unwrap();
        let line = String::from_utf8(finish(csv).unwrap()).unwrap();
        line.strip_prefix("a,").unwrap().strip_suffix(",b\r\n").unwrap().to_owned()
    }

    #[test]
    fn data_stays_as_it_is() {
        for text in ["CI", "", "a-b", "a - b", "me@example.com", "1+1=2", "x=1", "it's", "部署", "2026-11-25T14:00:00Z"]
        {
            assert_eq!(without_formulas(text), text);
        }
        for text in ["CI", "a - b", "acme/api acme/web"] {
            assert_eq!(cell(text), text, "without quotes");
        }
        assert_eq!(cell("a, \"b\"\nc"), "\"a, \"\"b\"\"\nc\"");
    }

    #[test]
    fn formulas_are_text() {
        for formula in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", ";=1", ";x", "|cmd", "%x", "＝1+1", "＋1", "－1",
            "＠x", "﹦1", "⁼1", "−1", "；x", "\u{0}x",
        ] {
            assert!(cell(formula).starts_with("\"'"), "{formula:?}: {}", cell(formula));
        }
        assert_eq!(without_formulas("a;=1"), "a;'=1");
        assert_eq!(without_formulas("a; ＝1, -1|+1\t@x"), "a; '＝1, '-1|'+1\t'@x");
        assert_eq!(without_formulas(" \u{feff}=1"), " \u{feff}'=1");
        assert_eq!(without_formulas("\"=1 '=1"), "'\"'=1 ''=1");
        assert_eq!(cell("a;=\"1\""), "\"a;'=\"\"1\"\"\"");
    }

    proptest! {
        #[test]
        fn no_cell_is_a_formula_however_the_file_is_split(
            text in "[=+@,;|\t\r\n\"' ab%＝－；\u{200b}\u{2212}-]{0,12}|\\PC{0,12}"
        ) {
            let cell = cell(&text);
            for at in [",", ";", "\t", "|", "\"", "'", "\n", "\r"] {
                // With our own quotes around it, or without.
                for cell in [cell.as_str(), cell.trim_matches('"')] {
                    for part in cell.split(at) {
                        let first = part.trim_start_matches(is_blank).chars().next();
                        // Behind an apostrophe everything is text.
                        prop_assert!(at == "'" || !first.is_some_and(is_sign), "{part:?} of {cell:?} at {at:?}");
                    }
                }
            }
            // Nothing else was added, and nothing is lost.
            prop_assert_eq!(without_formulas(&text).replace('\'', ""), text.replace('\'', ""));
        }
    }
}
