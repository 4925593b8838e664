use latchkey_service::{ListTokens, Sort, SortKey, StateFilter};

use super::cursor::Cursor;
use crate::{fields::Fields, paths};

/// Rows on a page.
pub(super) const PAGE: u32 = 50;
/// Longest search that is passed on, in characters; what is longer finds the same.
const SEARCH_MAX: usize = 200;

/// What the list shows, as it stands in the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListQuery {
    pub status: StateFilter,
    pub search: String,
    pub level: String,
    pub scope: String,
    pub repository: String,
    pub creator: String,
    pub sort: Sort,
    pub page: PageAt,
}

/// Which page of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PageAt {
    Start,
    After(Cursor),
    Before(Cursor),
}

/// In the order of the filter, with their words in the address.
pub(super) const STATUSES: [(StateFilter, &str, &str); 6] = [
    (StateFilter::Active, "active", "Active"),
    (StateFilter::Expired, "expired", "Expired"),
    (StateFilter::Revoked, "revoked", "Revoked"),
    (StateFilter::All, "all", "All"),
    (StateFilter::ExpiringSoon, "expiring", "Expiring within 7 days"),
    (StateFilter::Unused, "unused", "Unused for 30 days"),
];

const SORT_KEYS: [(SortKey, &str); 4] = [
    (SortKey::Name, "name"),
    (SortKey::Created, "created"),
    (SortKey::Expires, "expires"),
    (SortKey::LastUsed, "used"),
];

/// Newest first.
pub(super) const DEFAULT_SORT: Sort = Sort { key: SortKey::Created, descending: true };

impl ListQuery {
    pub(super) fn read(fields: &Fields) -> Self {
        let status = STATUSES.into_iter().find(|(_, word, _)| *word == fields.text("status"));
        let page = match (fields.some("after"), fields.some("before")) {
            (Some(after), _) => Cursor::decode(after).map(PageAt::After),
            (_, Some(before)) => Cursor::decode(before).map(PageAt::Before),
            _ => None,
        };
        Self {
            status: status.map_or_else(StateFilter::default, |(status, ..)| status),
            search: fields.text("q").chars().take(SEARCH_MAX).collect(),
            level: fields.text("level").to_owned(),
            scope: fields.text("scope").to_owned(),
            repository: fields.text("repository").to_owned(),
            creator: fields.text("creator").to_owned(),
            sort: read_sort(fields.text("sort")).unwrap_or(DEFAULT_SORT),
            page: page.unwrap_or(PageAt::Start),
        }
    }

    /// The whole list of a state.
    pub(super) fn of(status: StateFilter) -> Self {
        Self { status, ..Self::read(&Fields::default()) }
    }

    /// As the service takes it. A page before a row is read backwards.
    pub(super) fn to_request(&self) -> ListTokens {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let (cursor, backwards) = match &self.page {
            PageAt::Start => (None, false),
            PageAt::After(cursor) => (Some(cursor.position.clone()), false),
            PageAt::Before(cursor) => (Some(cursor.position.clone()), true),
        };
        ListTokens {
            state: self.status,
            query: self.search.clone(),
            scope: some(&self.scope),
            kind: None,
            level: some(&self.level),
            repository: some(&self.repository),
            creator: some(&self.creator),
            sort: Sort { key: self.sort.key, descending: self.sort.descending != backwards },
            cursor,
            limit: PAGE,
        }
    }

    /// Names and values as they stand in the address; what is as it is by default is left out.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if self.status != StateFilter::default() {
            pairs.push(("status", self.status_word().to_owned()));
        }
        let texts = [
            ("q", &self.search),
            ("level", &self.level),
            ("scope", &self.scope),
            ("repository", &self.repository),
            ("creator", &self.creator),
        ];
        pairs.extend(texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.clone())));
        if self.sort != DEFAULT_SORT {
            pairs.push(("sort", sort_word(self.sort)));
        }
        match &self.page {
            PageAt::Start => {}
            PageAt::After(cursor) => pairs.push(("after", cursor.encode())),
            PageAt::Before(cursor) => pairs.push(("before", cursor.encode())),
        }
        pairs
    }

    /// The address of this list.
    pub(super) fn href(&self, base: &str) -> String {
        let mut href = String::from(base);
        for (at, (name, value)) in self.pairs().iter().enumerate() {
            href.push(if at == 0 { '?' } else { '&' });
            href.push_str(name);
            href.push('=');
            paths::push_encoded(&mut href, value);
        }
        href
    }

    /// The address of this list with more to follow: ends in `?` or `&`.
    pub(super) fn href_and(&self, base: &str) -> String {
        let mut href = self.href(base);
        href.push(if href.len() == base.len() { '?' } else { '&' });
        href
    }

    /// The same list from its start.
    pub(super) fn at_start(&self) -> Self {
        Self { page: PageAt::Start, ..self.clone() }
    }

    /// The same state and sort, without search and filters.
    pub(super) fn cleared(&self) -> Self {
        Self { sort: self.sort, ..Self::of(self.status) }
    }

    pub(super) fn at(&self, page: PageAt) -> Self {
        Self { page, ..self.clone() }
    }

    /// Sorted by a key: the other way round if it is sorted by it already.
    pub(super) fn sorted_by(&self, key: SortKey) -> Self {
        let descending = if self.sort.key == key { !self.sort.descending } else { key == SortKey::Created };
        Self { sort: Sort { key, descending }, ..self.at_start() }
    }

    pub(super) fn status_word(&self) -> &'static str {
        STATUSES.iter().find(|(status, ..)| *status == self.status).map_or("", |(_, word, _)| word)
    }

    /// "active tokens", in a sentence.
    pub(super) const fn status_label(&self) -> &'static str {
        match self.status {
            StateFilter::Active => "active tokens",
            StateFilter::Expired => "expired tokens",
            StateFilter::Revoked => "revoked tokens",
            StateFilter::All => "tokens of every status",
            StateFilter::ExpiringSoon => "tokens that expire within 7 days",
            StateFilter::Unused => "tokens unused for 30 days",
        }
    }

    /// How many of the filters in the disclosure are set.
    pub(super) fn more_filters(&self) -> usize {
        [&self.level, &self.scope, &self.repository, &self.creator].into_iter().filter(|text| !text.is_empty()).count()
    }

    /// Whether anything but the state narrows the list.
    pub(super) fn is_filtered(&self) -> bool {
        !self.search.is_empty() || self.more_filters() > 0
    }
}

fn read_sort(text: &str) -> Option<Sort> {
    let (word, descending) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
    SORT_KEYS.into_iter().find(|(_, known)| *known == word).map(|(key, _)| Sort { key, descending })
}

pub(super) fn sort_word(sort: Sort) -> String {
    let word = SORT_KEYS.iter().find(|(key, _)| *key == sort.key).map_or("", |(_, word)| word);
    if sort.descending { ["-", word].concat() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> ListQuery {
        ListQuery::read(&pairs.iter().copied().collect())
    }

    #[test]
    fn an_address_says_what_differs_from_the_default_and_nothing_else() {
        assert_eq!(read(&[("status", "active"), ("q", " "), ("sort", "-created")]).href("/t"), "/t");
        let query = read(&[("q", "a&b"), ("status", "revoked"), ("sort", "name"), ("level", "pay ments")]);
        assert_eq!(query.href("/t"), "/t?status=revoked&q=a%26b&level=pay%20ments&sort=name");
        assert_eq!(query.href_and("/t"), query.href("/t") + "&");
        assert_eq!(ListQuery::of(StateFilter::Active).href_and("/t"), "/t?");
    }

    #[test]
    fn what_it_says_is_what_is_read() {
        let id = "0198c5de-0000-7000-8000-000000000001";
        let after = format!("50.{id}.v1.2");
        let query = read(&[("status", "unused"), ("scope", "scans:read"), ("sort", "-used"), ("after", &after)]);
        assert_eq!(ListQuery::read(&query.pairs().into_iter().collect()), query);
        assert!(matches!(query.page, PageAt::After(_)));
    }

    #[test]
    fn nonsense_counts_as_nothing() {
        let query = read(&[("status", "<b>"), ("sort", "secret"), ("after", "x"), ("before", "y")]);
        assert_eq!(query, ListQuery::of(StateFilter::Active));
    }

    #[test]
    fn the_page_before_is_read_backwards() {
        let before = "50.0198c5de-0000-7000-8000-000000000001.a";
        let asked = read(&[("sort", "name"), ("before", before)]).to_request();
        assert_eq!((asked.sort.key, asked.sort.descending), (SortKey::Name, true));
    }

    #[test]
    fn a_sort_header_turns_the_sort_round() {
        let by_name = ListQuery::of(StateFilter::Active).sorted_by(SortKey::Name);
        assert_eq!(sort_word(by_name.sort), "name");
        assert_eq!(sort_word(by_name.sorted_by(SortKey::Name).sort), "-name");
        assert_eq!(sort_word(by_name.sorted_by(SortKey::Created).sort), "-created");
    }
}
