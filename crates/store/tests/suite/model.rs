//! A list as it should be, made without SQL, to compare lists with.

use std::cmp::Ordering;

use latchkey_domain::{LevelKind, SearchTerm, TokenName, TokenState, prefix_entry, search_words};
use latchkey_store::tokens::{self, Filter, Position, Sort, SortKey, Token};

use crate::given::{Given, NOW};

/// All sorts in both directions.
pub(crate) fn sorts() -> impl Iterator<Item = Sort> {
    [SortKey::Name, SortKey::Created, SortKey::Expires, SortKey::LastUsed]
        .into_iter()
        .flat_map(|key| [false, true].map(|descending| Sort { key, descending }))
}

/// All tokens of acme, in any state.
pub(crate) fn everything(given: &Given) -> Filter {
    Filter {
        organization: Some(given.acme),
        state: None,
        level: None,
        project: None,
        scope: None,
        repository: None,
        creator: None,
        terms: None,
        expires_before: None,
        idle_before: None,
    }
}

/// All pages of a list, one after the other, and how many of them were partial.
pub(crate) async fn walk(given: &Given, filter: &Filter, sort: Sort, limit: u32) -> (Vec<Token>, usize) {
    walk_in(given.store(), filter, sort, limit).await
}

pub(crate) async fn walk_in(
    store: &latchkey_store::Store,
    filter: &Filter,
    sort: Sort,
    limit: u32,
) -> (Vec<Token>, usize) {
    let (mut all, mut partial, mut after) = (Vec::new(), 0, None::<Position>);
    for _ in 0..10_000 {
        let page = tokens::list(store, filter, sort, after.as_ref(), limit, NOW).await.unwrap();
        assert!(page.tokens.len() <= limit as usize);
        assert!(
            page.partial || page.next.is_none() || page.tokens.len() == limit as usize,
            "a page is full or says why"
        );
        partial += usize::from(page.partial);
        all.extend(page.tokens);
        match page.next {
            None => return (all, partial),
            next => after = next,
        }
    }
    panic!("the list has no end");
}

/// Whether a list with this filter shows the token; `repositories` is the token's list.
pub(crate) fn shows(filter: &Filter, token: &Token, repositories: &[latchkey_domain::RepositoryId]) -> bool {
    let revoked_at = token.revocation.as_ref().map(|revocation| revocation.at);
    let idle_since = token.last_use.as_ref().map_or(token.created_at, |last| last.at);
    let mut words = search_words([token.name.as_str(), token.description.as_str()]);
    words.extend([prefix_entry(&token.prefix), token.id.to_string()]);
    let found = |term: &SearchTerm| words.iter().any(|word| word.starts_with(&term.begins));
    token.level.organization() == filter.organization
        && filter.state.is_none_or(|state| TokenState::at(NOW, token.expires_at, revoked_at) == state)
        && filter.level.is_none_or(|level: LevelKind| token.level.kind() == level)
        && filter.project.is_none_or(|project| token.level.project() == Some(project))
        && filter.scope.as_ref().is_none_or(|scope| token.scopes.contains(scope))
        && filter.repository.is_none_or(|id| token.all_repositories || repositories.contains(&id))
        && filter.creator.is_none_or(|creator| token.created_by.id == Some(creator))
        && filter.terms.as_ref().is_none_or(|terms| !terms.is_empty() && terms.iter().all(found))
        && filter.expires_before.is_none_or(|before| token.expires_at.is_some_and(|at| at < before))
        && filter.idle_before.is_none_or(|before| idle_since < before)
}

/// A token as lists tell it: whoever lists them knows the rest.
pub(crate) fn listed(token: &Token) -> Token {
    Token { organization_name: String::new(), repository_count: 0, ..token.clone() }
}

/// The order of a sort.
pub(crate) fn order(sort: Sort) -> impl Fn(&Token, &Token) -> Ordering {
    move |a, b| {
        let ascending = match sort.key {
            SortKey::Name => TokenName::stored(&a.name).key().cmp(&TokenName::stored(&b.name).key()),
            SortKey::Created => Ordering::Equal,
            SortKey::Expires => match (a.expires_at, b.expires_at) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (a, b) => a.cmp(&b),
            },
            SortKey::LastUsed => a.last_use.as_ref().map(|last| last.at).cmp(&b.last_use.as_ref().map(|last| last.at)),
        };
        let ascending = ascending.then(a.id.cmp(&b.id));
        if sort.descending { ascending.reverse() } else { ascending }
    }
}

/// Numbers that are the same in each run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    pub(crate) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}
