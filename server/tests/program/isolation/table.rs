//! The table of answers, to be read and compared.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::answer::Answer;
use super::world::{Credential, Power};

type Answers = BTreeMap<String, Vec<&'static str>>;

/// Answers to one request, each with who got it.
#[derive(Default)]
pub(crate) struct Row {
    answers: Answers,
    /// To what is no credential, or none any more.
    refused: Answers,
    accepted: Option<String>,
}

#[derive(Default)]
pub(crate) struct Table {
    /// By operation, and by what is foreign in it.
    operations: BTreeMap<String, BTreeMap<String, Row>>,
}

impl Row {
    pub(crate) fn insert(&mut self, credential: &Credential, answer: &Answer) {
        let answers = if credential.power == Power::None { &mut self.refused } else { &mut self.answers };
        answers.entry(answer.label.clone()).or_default().push(credential.name);
    }
}

impl Table {
    pub(crate) fn push(&mut self, operation: &str, variant: &str, row: Row) {
        let rows = self.operations.entry(operation.to_owned()).or_default();
        assert!(rows.insert(variant.to_owned(), row).is_none(), "{operation} [{variant}] is there twice");
    }

    /// One that is open to anybody, and was answered so.
    pub(crate) fn push_open(&mut self, operation: &str, answer: &str) {
        self.operations.insert(format!("{operation}: for anybody, {answer}"), BTreeMap::new());
    }

    pub(crate) fn insert(&mut self, operation: &str, variant: &str, credential: &Credential, answer: &Answer) {
        self.row(operation, variant).insert(credential, answer);
    }

    /// Who of the own organization is accepted, from the least on.
    pub(crate) fn accepted(&mut self, operation: &str, variant: &str, credential: &Credential, answer: &Answer) {
        self.row(operation, variant).accepted = Some(format!("{} for {}", answer.label, credential.name));
    }

    fn row(&mut self, operation: &str, variant: &str) -> &mut Row {
        self.operations.get_mut(operation).and_then(|rows| rows.get_mut(variant)).unwrap()
    }

    /// How most operations answer what is no credential.
    fn usual_refusals(&self) -> String {
        let mut counts = BTreeMap::new();
        for row in self.operations.values().flat_map(BTreeMap::values) {
            *counts.entry(lines(&row.refused)).or_insert(0_u32) += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(lines, _)| lines).unwrap_or_default()
    }
}

fn lines(answers: &Answers) -> String {
    let mut lines = String::new();
    for (answer, credentials) in answers {
        let _ = writeln!(lines, "    {answer}: {}", credentials.join(", "));
    }
    lines
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = self.usual_refusals();
        write!(f, "everywhere, where nothing else is said\n{usual}")?;
        for (operation, rows) in &self.operations {
            writeln!(f, "{operation}")?;
            for (variant, row) in rows {
                writeln!(f, "  {variant}")?;
                f.write_str(&lines(&row.answers))?;
                let refused = lines(&row.refused);
                if refused != usual {
                    f.write_str(&refused)?;
                }
                writeln!(f, "    own: {}", row.accepted.as_deref().unwrap_or("never accepted"))?;
            }
        }
        Ok(())
    }
}
