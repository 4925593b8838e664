use latchkey_domain::Timestamp;
use latchkey_service::TokenDetail;

/// The heading of the CSV, in the order of [`push_row`].
pub(super) const HEADER: &str = "id,name,description,status,level,project,scopes,all_repositories,repositories,prefix,\
created_at,created_by,expires_at,last_used_at,last_used_address,revoked_at,revoked_by,revocation_reason\r\n";

/// One token as a line of CSV (RFC 4180).
pub(super) fn push_row(csv: &mut String, detail: &TokenDetail) {
    let token = &detail.token;
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let repositories: Vec<_> = detail.repositories.iter().map(|(_, name)| name.as_str()).collect();
    let revocation = token.revocation.as_ref();
    let cells = [
        token.id.to_string(),
        token.name.clone(),
        token.description.clone(),
        super::export::status(detail).to_owned(),
        super::export::level(token).to_owned(),
        token.project_name.clone(),
        token.scopes.to_string(),
        token.all_repositories.to_string(),
        repositories.join(" "),
        token.prefix.clone(),
        token.created_at.to_string(),
        token.created_by.name.clone(),
        at(token.expires_at),
        at(token.last_use.as_ref().map(|last| last.at)),
        token.last_use.as_ref().and_then(|last| last.address).map(|address| address.to_string()).unwrap_or_default(),
        at(revocation.map(|revocation| revocation.at)),
        revocation.map(|revocation| revocation.by.name.clone()).unwrap_or_default(),
        revocation.map(|revocation| revocation.reason.as_str().to_owned()).unwrap_or_default(),
    ];
    for (position, cell) in cells.iter().enumerate() {
        if position > 0 {
            csv.push(',');
        }
        push_cell(csv, cell);
    }
    csv.push_str("\r\n");
}

/// A cell, quoted where it must be. One that a spreadsheet would take for a formula gets an apostrophe in front, which
/// makes it text (OWASP, "CSV injection").
fn push_cell(csv: &mut String, cell: &str) {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quoted = formula || cell.contains([',', '"', '\n', '\r']);
    if !quoted {
        return csv.push_str(cell);
    }
    csv.push('"');
    if formula {
        csv.push('\'');
    }
    for c in cell.chars() {
        if c == '"' {
            csv.push('"');
        }
        csv.push(c);
    }
    csv.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_are_text() {
        let cell = |text: &str| {
            let mut csv = String::new();
            push_cell(&mut csv, text);
            csv
        };
        assert_eq!(cell("CI"), "CI");
        assert_eq!(cell(""), "");
        assert_eq!(cell("a, \"b\"\nc"), "\"a, \"\"b\"\"\nc\"");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(cell(formula), format!("\"'{formula}\""));
        }
    }
}
