//! How text becomes entries that an index can find by their beginning.

use std::collections::BTreeSet;

use icu_properties::{
    CodePointMapData,
    props::{LineBreak, Script},
};

use crate::{
    Secret, SecretKind,
    text::{fold, general, is_mark, script, usual},
};

/// Longest entry, in characters; what is longer is found by its first ones.
const ENTRY_MAX: usize = 40;
/// Most entries of one object, and of one text of it, so that a long description can't make the index large.
const ENTRIES_MAX: usize = 160;
/// Characters of a secret that are stored, and looked for.
const PREFIX: usize = 8;

/// One term of a query: an entry must begin with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchTerm {
    /// What an entry begins with.
    pub begins: String,
    /// What an entry begins with, where none in the list begins like that.
    pub or_begins: Option<String>,
}

impl From<&str> for SearchTerm {
    fn from(text: &str) -> Self {
        Self { begins: text.to_owned(), or_begins: None }
    }
}

/// The entries under which texts are found. In each run of characters between white space, one from each place where a
/// word or a part of it begins, to the end of the run: after punctuation, at digits and after them, at a change of case;
/// at each symbol and punctuation mark; and at each letter of scripts that put no space between words.
pub fn search_words<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut entries = BTreeSet::new();
    for text in texts {
        for run in usual(text).split_whitespace() {
            let mut before = None;
            for (at, c) in run.char_indices().filter(|(_, c)| !is_mark(general(*c))) {
                if begins(before, c, run[at + c.len_utf8()..].chars().next()) {
                    if entries.len() >= ENTRIES_MAX {
                        return entries;
                    }
                    // Folding makes a text longer, if anything.
                    entries.insert(cut(fold(&run[at..].chars().take(2 * ENTRY_MAX).collect::<String>())));
                }
                before = Some(c);
            }
        }
    }
    entries.remove("");
    entries
}

/// The entry under which a token is found by the first characters of its secret. It is none of a word: all secrets begin
/// alike, and `ci` finds what is called so.
pub fn prefix_entry(prefix: &str) -> String {
    format!("\u{1}{}", prefix.to_lowercase())
}

/// What a query asks for: all terms must match. `None`: there is no query, and everything matches; nothing matches a
/// query in which there is nothing to look for.
///
/// A presented secret is cut to the 8 characters that are stored, so that pasting one finds its token and keeps the rest
/// private. What may be part of a secret, or a name that begins like one, is first looked for as it is.
pub fn search_terms(query: &str) -> Option<Vec<SearchTerm>> {
    let query = query.trim();
    if query.is_empty() {
        return None;
    }
    let mut terms: Vec<SearchTerm> = Vec::new();
    for run in usual(query).split(|c: char| c.is_whitespace() || c.is_control()) {
        let term = term(run.trim_start_matches(|c| is_mark(general(c))));
        if !term.begins.is_empty() && !terms.contains(&term) {
            terms.push(term);
        }
    }
    // The longest beginning is the rarest: it leads the search.
    terms.sort_by_key(|term| std::cmp::Reverse(term.begins.chars().count()));
    Some(terms)
}

fn term(run: &str) -> SearchTerm {
    let begins = cut(fold(run));
    let scheme = SecretKind::ApiToken.prefix();
    if let Some(at) = run.find(scheme) {
        let prefix: String = run[at..].chars().take(PREFIX).collect();
        let body = run[at..].chars().skip(scheme.len());
        let whole = body.take_while(char::is_ascii_alphanumeric).count() >= Secret::BODY;
        let part = at == 0 && prefix.len() > scheme.len();
        return SearchTerm {
            begins: if whole { prefix.to_lowercase() } else { begins },
            or_begins: (whole || part).then(|| prefix_entry(&prefix)),
        };
    }
    let id = uuid::Uuid::try_parse(run).ok();
    SearchTerm { begins, or_begins: id.map(|id| id.hyphenated().to_string()) }
}

/// Whether something that people look for begins with `c`.
fn begins(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else { return true };
    let last = Kind::of(before);
    match Kind::of(c) {
        Kind::Symbol | Kind::Unspaced => true,
        Kind::Digit => last != Kind::Digit,
        Kind::Letter if last == Kind::Letter => {
            c.is_uppercase() && (before.is_lowercase() || after.is_some_and(char::is_lowercase))
        }
        Kind::Letter => true,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Letter,
    Digit,
    /// Punctuation, symbols, emoji, and whatever else can be seen.
    Symbol,
    /// A letter of a script without spaces between words.
    Unspaced,
}

impl Kind {
    fn of(c: char) -> Self {
        if matches!(script(c), Script::Han | Script::Hiragana | Script::Katakana | Script::Bopomofo | Script::Yi)
            || CodePointMapData::<LineBreak>::new().get(c) == LineBreak::ComplexContext
        {
            Self::Unspaced
        } else if c.is_numeric() {
            Self::Digit
        } else if c.is_alphabetic() {
            Self::Letter
        } else {
            Self::Symbol
        }
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(ENTRY_MAX) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(text: &str, query: &str) -> bool {
        let entries = search_words([text]);
        let found = |term: &SearchTerm| entries.iter().any(|entry| entry.starts_with(&term.begins));
        search_terms(query).is_none_or(|terms| !terms.is_empty() && terms.iter().all(found))
    }

    #[test]
    fn beginnings_of_words_and_of_their_parts() {
        for (text, query) in [
            ("ci_deploy", "ci_deploy"),
            ("ci_deploy", "ci_dep"),
            ("ci_deploy", "deploy"),
            ("ci_deploy", "_dep"),
            ("CI_Deploy", "ci_deploy"),
            ("[prod] deploy", "[prod"),
            ("[prod] deploy", "prod"),
            ("GitHub Actions: deploy-prod", "hub act deploy-p"),
            ("HTTPServer2Go", "server"),
            ("HTTPServer2Go", "2go"),
            ("HTTPServer2Go", "go"),
            ("release2026", "2026"),
            ("v2.10", "10"),
            ("acme/Shop.Backend", "back"),
            ("生产部署", "部署"),
            ("自动部署到生产", "部署 生产"),
            ("データベース", "ベース"),
            ("nightlyデプロイjob", "プロイ"),
            ("nightlyデプロイjob", "job"),
            ("ระบบทดสอบ", "ทดสอบ"),
            ("ຄວາມປອດໄພ", "ປອດໄພ"),
            ("ការដាក់ពង្រាយ", "ពង្រាយ"),
            ("ဖြန့်ကျက်မှု", "ကျက်"),
            ("gold ★★★", "★★★"),
            ("gold★★★", "★★"),
            ("ship 🚀🔥", "🚀🔥"),
            ("ship 🚀🔥", "🔥"),
            ("👩\u{200d}💻 work", "💻"),
            ("100% done", "%"),
            ("100% done", "100%"),
            ("a_b", "_"),
            ("Café", "cafe\u{301}"),
            ("Cafe\u{301}", "CAFÉ"),
            ("Ｄｅｐｌｏｙ", "deploy"),
            ("Straße", "STRASS"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("anything", " \t "),
        ] {
            assert!(finds(text, query), "{text:?} {query:?}");
        }
    }

    #[test]
    fn nothing_else() {
        for (text, query) in [
            ("deploy", "eploy"),
            ("ci_deploy", "ci_x"),
            ("ciXdeploy", "ci_deploy"),
            ("deploy", "%"),
            ("deploy", "d%"),
            ("deploy", "dep_oy"),
            ("deploy", "★★★"),
            ("ship 🔥🚀", "🚀🔥"),
            ("500 done", "50%"),
            ("生产部署", "署部"),
            ("deploy", "\u{200b}"),
            ("deploy", "\u{ad}\u{3164}"),
            ("deploy", "\0"),
            ("one two three four five", "one two three four five six"),
        ] {
            assert!(!finds(text, query), "{text:?} {query:?}");
        }
        assert_eq!(search_terms(""), None);
        for nothing in ["\u{200b}", "\u{1}", "\0", "\u{301}"] {
            assert_eq!(search_terms(nothing), Some(Vec::new()));
        }
    }

    #[test]
    fn secrets_and_ids() {
        let secret = Secret::generate(SecretKind::ApiToken, |bytes| bytes.fill(7));
        let prefix = secret.prefix().as_str().to_lowercase();
        let first = |query: &str| search_terms(query).unwrap().remove(0);
        for query in [secret.reveal().to_owned(), format!("TOKEN=\"{}\"", secret.reveal())] {
            assert_eq!(first(&query), SearchTerm { begins: prefix.clone(), or_begins: Some(prefix_entry(&prefix)) });
        }
        // Cut or masked, or a name.
        let cut = &secret.reveal()[..20];
        assert_eq!(first(cut), SearchTerm { begins: cut.to_lowercase(), or_begins: Some(prefix_entry(&prefix)) });
        assert_eq!(first(&format!("{}…", &secret.reveal()[..8])).or_begins, Some(prefix_entry(&prefix)));
        assert_eq!(first("ci_").or_begins, None);
        assert_eq!(first("ci_deploy").begins, "ci_deploy");
        let long = "ci_deploy_to_production_in_europe_and_asia";
        assert!(finds(long, long));
        let id = "0193b9a0-0000-7000-8000-000000000001";
        assert_eq!(first(&id.to_uppercase()).begins, id);
        assert_eq!(first(&id.replace('-', "")).or_begins.as_deref(), Some(id));
    }

    #[test]
    fn what_an_object_adds_is_bounded() {
        let varied: String = ('\u{4e00}'..'\u{5000}').collect();
        let entries = search_words([&*varied]);
        assert_eq!(entries.len(), ENTRIES_MAX);
        assert!(entries.iter().all(|entry| entry.chars().count() <= ENTRY_MAX));
    }

    proptest! {
        #[test]
        fn a_name_is_found_by_itself_in_whatever_form(name in "(\\PC|[a-zA-Z0-9_. -]){1,100}") {
            let Ok(name) = crate::TokenName::new(&name) else { return Ok(()) };
            // Unless it may be a secret; and U+0345, a mark, is a letter when its case is folded.
            prop_assume!(!name.as_str().contains("ci_") && !usual(name.as_str()).contains('\u{345}'));
            prop_assert!(finds(name.as_str(), name.as_str()));
            prop_assert!(finds(name.as_str(), &name.key()));
            prop_assert!(finds(&name.key(), name.as_str()));
        }

        #[test]
        fn a_query_is_never_everything(query in ".{1,40}") {
            prop_assert_eq!(search_terms(&query).is_none(), query.trim().is_empty());
        }
    }
}
