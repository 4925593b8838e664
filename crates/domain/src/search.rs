//! How text becomes words that an index can find by their beginning.

use std::collections::BTreeSet;

/// Longest indexed word, in characters; what is longer is found by its first ones.
const WORD_MAX: usize = 40;
/// Most words of one token in the index.
const WORDS_MAX: usize = 64;
/// Most words of a query that count.
const TERMS_MAX: usize = 5;

/// The words under which a text is found: runs of letters and digits in lower case, without repetition.
pub fn search_words<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    texts.into_iter().flat_map(words).take(WORDS_MAX).collect()
}

/// The beginnings of words that a query asks for; all must match. A presented secret or id counts as one word: a
/// secret is cut to the 8 characters that are stored, so that pasting one finds its token and keeps the rest private.
pub fn search_terms(query: &str) -> Vec<String> {
    let query = query.trim();
    if query.starts_with("ci_") {
        return vec![query.chars().take(8).collect::<String>().to_lowercase()];
    }
    if let Ok(id) = uuid::Uuid::try_parse(query) {
        return vec![id.hyphenated().to_string()];
    }
    let mut terms: Vec<_> = words(query).collect::<BTreeSet<_>>().into_iter().collect();
    // The longest beginning is the rarest: it leads the search.
    terms.sort_by_key(|term| std::cmp::Reverse(term.chars().count()));
    terms.truncate(TERMS_MAX);
    terms
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase().chars().take(WORD_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_names() {
        let words = search_words(["GitHub Actions: deploy-prod", "Runs on PROD"]);
        assert_eq!(words.into_iter().collect::<Vec<_>>(), ["actions", "deploy", "github", "on", "prod", "runs"]);
    }

    #[test]
    fn terms_of_queries() {
        assert_eq!(search_terms(" deploy  PROD deploy"), ["deploy", "prod"]);
        assert_eq!(search_terms("ci_Ab1dEfghijklmnop"), ["ci_ab1de"]);
        assert_eq!(search_terms("0193B9A0-0000-7000-8000-000000000001"), ["0193b9a0-0000-7000-8000-000000000001"]);
        assert!(search_terms(" -- ").is_empty());
    }
}
