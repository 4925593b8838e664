use std::collections::HashSet;

use latchkey_domain::{SearchTerm, Timestamp, TokenState};
use uuid::Uuid;

use super::{
    Filter, SortKey, level, phase,
    picks::Pick,
    position::{IndexPosition, Key},
};
use crate::{
    Store, StoreError,
    bind::{Ids, text},
    search::{Kind, Query, Range, filter_by_range},
};

/// A filter as the statements take it.
pub(super) struct Conditions {
    pub(super) list: Uuid,
    pub(super) phase: i16,
    pub(super) level: Option<i16>,
    pub(super) project: Option<Uuid>,
    pub(super) scope: Option<String>,
    pub(super) repository: Option<Uuid>,
    pub(super) creator: Option<Uuid>,
    pub(super) expires_before: Option<i64>,
    pub(super) idle_before: Option<i64>,
}

/// Binds the conditions `$7` to `$13`.
macro_rules! bind_filters {
    ($query:expr, $conditions:expr) => {
        $query
            .bind($conditions.level)
            .bind($conditions.project)
            .bind($conditions.scope.clone())
            .bind($conditions.repository)
            .bind($conditions.creator)
            .bind($conditions.expires_before)
            .bind($conditions.idle_before)
    };
}
pub(super) use bind_filters;

impl Conditions {
    pub(super) fn of(filter: &Filter) -> Self {
        Self {
            list: filter.organization.map(|id| id.0).unwrap_or_default(),
            phase: match filter.state {
                None => phase::ANY,
                Some(TokenState::Active) => phase::LIVE,
                Some(TokenState::Expired) => phase::EXPIRED,
                Some(TokenState::Revoked) => phase::REVOKED,
            },
            level: filter.level.map(level),
            project: filter.project.map(|id| id.0),
            scope: filter.scope.as_deref().map(|scope| text(scope).into_owned()),
            repository: filter.repository.map(|id| id.0),
            creator: filter.creator,
            expires_before: filter.expires_before.map(Timestamp::micros),
            idle_before: filter.idle_before.map(Timestamp::micros),
        }
    }

    /// Whether every token of the list and phase passes.
    pub(super) fn are_none(&self) -> bool {
        self.level.is_none()
            && self.project.is_none()
            && self.scope.is_none()
            && self.repository.is_none()
            && self.creator.is_none()
            && self.expires_before.is_none()
            && self.idle_before.is_none()
    }

    /// The statement for one phase, or that for all.
    pub(super) fn choose(&self, (one, all): (&'static str, &'static str)) -> &'static str {
        if self.phase == phase::ANY { all } else { one }
    }

    /// Rows that a walk reads at most in each phase that it goes through.
    pub(super) fn rows_max(&self, store: &Store) -> i64 {
        let read = i64::from(store.limits.read);
        if self.phase == phase::ANY { (read / 3).max(1) } else { read.max(1) }
    }

    /// What a search finds, or what a filter by expiry or idleness picks where that is not too much; `None` if the
    /// list has to be walked.
    pub(super) async fn candidates(
        &self,
        store: &Store,
        terms: Option<&[SearchTerm]>,
        key: SortKey,
    ) -> Result<Option<Candidates>, StoreError> {
        let one_phase = self.phase != phase::ANY;
        if let Some(terms) = terms {
            return self.search(store, terms, key).await.map(Some);
        }
        let before = [(Pick::Expiring, self.expires_before), (Pick::Idle, self.idle_before)];
        for (pick, before) in before.into_iter().filter(|(_, before)| one_phase && before.is_some()) {
            let most = i64::from(store.limits.candidates) + 1;
            let query = store.query(pick.statement(store, key)).bind(self.list).bind(self.phase);
            let query = query.bind(before).bind(most).bind(0_i64).bind(0_i64);
            let picked: Vec<Row> = bind_filters!(query, self).fetch_all().await?;
            // With more, the filter is not selective: a walk finds a page of them soon.
            if i64::try_from(picked.len()).is_ok_and(|count| count < most) {
                let passing = picked.into_iter().filter(|row| row.passes).map(|row| row.position(key)).collect();
                return Ok(Some(Candidates { passing, capped: false }));
            }
        }
        Ok(None)
    }

    /// What a search finds: it is led by one term, and what that picks is asked for everything else. The term picks as
    /// many as there may be in the phase, by word and then the newest first.
    async fn search(&self, store: &Store, terms: &[SearchTerm], key: SortKey) -> Result<Candidates, StoreError> {
        let (list, kind) = self.project.map_or((self.list, Kind::Token), |id| (id, Kind::ProjectToken));
        let ended = match (self.phase, kind) {
            (phase::EXPIRED, Kind::Token) => Some(Kind::Expired),
            (phase::REVOKED, Kind::Token) => Some(Kind::Revoked),
            (phase::EXPIRED, _) => Some(Kind::ExpiredOfProject),
            (phase::REVOKED, _) => Some(Kind::RevokedOfProject),
            _ => None,
        };
        let pending = if ended.is_some() { self.pending(store).await? } else { None };
        let ended = ended.zip(pending);
        let led_by = ended.as_ref().map_or(kind, |(ended, _)| *ended);
        let query = Query::resolve(store, list, kind, led_by, terms).await?;
        let mut best: Option<(&Range, Vec<Row>, bool)> = None;
        for leader in query.leaders() {
            let (mut picked, capped) = self.pick(store, list, led_by, leader, key).await?;
            if let Some((_, pending)) = &ended {
                picked.extend(self.pick_pending(store, kind, pending, leader, key).await?);
            }
            if !capped || best.is_none() {
                best = Some((leader, picked, capped));
            }
            if !capped {
                break;
            }
        }
        let Some((leader, picked, capped)) = best else {
            return Ok(Candidates { passing: Vec::new(), capped: false });
        };
        // Two words of one token can begin alike.
        let mut seen = HashSet::new();
        let mut passing: Vec<_> = picked.into_iter().filter(|row| row.passes && seen.insert(row.id)).collect();
        if terms.len() > 1 {
            let ids = passing.iter().map(|row| row.id).collect();
            let found: HashSet<_> = query.filter(store, leader, ids).await?.into_iter().collect();
            passing.retain(|row| found.contains(&row.id));
        }
        Ok(Candidates { passing: passing.into_iter().map(|row| row.position(key)).collect(), capped })
    }

    /// The tokens in the phase whose words don't stand in its list yet; `None` if there are more than a search picks.
    async fn pending(&self, store: &Store) -> Result<Option<Vec<Uuid>>, StoreError> {
        const PENDING: &str = "SELECT t.id FROM api_tokens t \
            WHERE t.list_id = $1 AND t.phase = $2 AND t.phase <> t.words_phase ORDER BY t.list_id, t.phase, t.id LIMIT $3";
        let most = store.limits.candidates;
        let pending: Vec<Uuid> =
            store.query(PENDING).bind(self.list).bind(self.phase).bind(i64::from(most) + 1).fetch_all().await?;
        Ok(Some(pending).filter(|pending| u32::try_from(pending.len()).is_ok_and(|count| count <= most)))
    }

    /// Those of these tokens that have a word of a range.
    async fn pick_pending(
        &self,
        store: &Store,
        kind: Kind,
        pending: &[Uuid],
        range: &Range,
        key: SortKey,
    ) -> Result<Vec<Row>, StoreError> {
        if pending.is_empty() {
            return Ok(Vec::new());
        }
        let found = filter_by_range(store, kind, pending.to_vec(), range).await?;
        let ids = Ids::from_iter(found);
        let query = store.query(Pick::Named.statement(store, key)).bind(self.list).bind(self.phase);
        let query = query.bind(&ids).bind(0_i64).bind(0_i64).bind(0_i64);
        bind_filters!(query, self).fetch_all().await
    }

    /// The tokens that have a word of a range and are in the phase, and whether there may be more.
    async fn pick(
        &self,
        store: &Store,
        list: Uuid,
        kind: Kind,
        range: &Range,
        key: SortKey,
    ) -> Result<(Vec<Row>, bool), StoreError> {
        let most = i64::from(store.limits.candidates);
        // Without a phase to check, an entry that is read is an entry that is picked.
        let (pick, read) = match self.phase {
            phase::ANY => (Pick::Words, most),
            _ if self.are_none() => (Pick::WordsInPhaseAlone, i64::from(store.limits.read)),
            _ => (Pick::WordsInPhase, i64::from(store.limits.read)),
        };
        let query = store.query(pick.statement(store, key)).bind(self.list).bind(self.phase);
        let query = query.bind(list).bind(kind.number()).bind(&range.from).bind(&range.to);
        let picked: Vec<Row> = bind_filters!(query, self).bind(read).bind(most).fetch_all().await?;
        let capped = i64::try_from(picked.len()).is_ok_and(|count| count >= most);
        Ok((picked, capped))
    }
}

/// What a search or a selective filter has picked.
pub(super) struct Candidates {
    /// Those of them that pass all filters, as they stand in the sorted list.
    pub(super) passing: Vec<IndexPosition>,
    /// There are more that were not picked.
    pub(super) capped: bool,
}

row! {
    struct Row {
        id: Uuid,
        name: String,
        number: i64,
        passes: bool,
    }
}

impl Row {
    fn position(self, key: SortKey) -> IndexPosition {
        IndexPosition { key: Key::new(key, self.id, self.name, self.number), id: self.id }
    }
}
