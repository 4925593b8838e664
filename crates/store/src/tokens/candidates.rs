use latchkey_domain::{SearchTerm, Timestamp, TokenState};
use uuid::Uuid;

use super::{Filter, level, phase};
use crate::{
    Store, StoreError,
    bind::text,
    search::{self, Kind},
};

/// What a search or a selective filter has picked, to be filtered and sorted.
pub(super) struct Candidates {
    pub(super) ids: Vec<Uuid>,
    /// There are more that were not picked.
    pub(super) capped: bool,
    /// They pass all filters: what picked them has asked for everything.
    pub(super) checked: bool,
}

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

    /// How many filters there are, besides the list and the phase.
    fn number(&self) -> usize {
        [
            self.level.is_some(),
            self.project.is_some(),
            self.scope.is_some(),
            self.repository.is_some(),
            self.creator.is_some(),
            self.expires_before.is_some(),
            self.idle_before.is_some(),
        ]
        .map(usize::from)
        .iter()
        .sum()
    }

    /// Whether every token of the list and phase passes.
    pub(super) fn are_none(&self) -> bool {
        self.number() == 0
    }

    /// Whether one of the filters by time is the only filter.
    pub(super) fn are_one_time(&self) -> bool {
        self.number() == 1 && (self.expires_before.is_some() || self.idle_before.is_some())
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
    ) -> Result<Option<Candidates>, StoreError> {
        const EXPIRING: &str = "SELECT t.id FROM api_tokens t \
            WHERE t.list_id = $1 AND t.phase = $2 AND t.expires_key < $3 ORDER BY t.expires_key, t.id LIMIT $4";
        const IDLE: &str = "SELECT t.id FROM api_tokens t \
            WHERE t.list_id = $1 AND t.phase = $2 AND t.idle_key < $3 ORDER BY t.idle_key, t.id LIMIT $4";

        let one_phase = self.phase != phase::ANY;
        if let Some(terms) = terms {
            let phase = one_phase.then_some(self.phase);
            let (list, kind) = self.project.map_or((self.list, Kind::Token), |id| (id, Kind::ProjectToken));
            let found = search::candidates(store, list, kind, terms, phase).await?;
            let checked = self.number() == usize::from(self.project.is_some());
            return Ok(Some(Candidates { ids: found.ids, capped: found.capped, checked }));
        }
        for (sql, before) in [(EXPIRING, self.expires_before), (IDLE, self.idle_before)] {
            let Some(before) = before.filter(|_| one_phase) else { continue };
            let ids: Vec<Uuid> = store
                .query(sql)
                .bind(self.list)
                .bind(self.phase)
                .bind(before)
                .bind(i64::from(store.limits.candidates) + 1)
                .fetch_all()
                .await?;
            // With more, the filter is not selective: a walk finds a page of them soon.
            if u32::try_from(ids.len()).is_ok_and(|count| count <= store.limits.candidates) {
                return Ok(Some(Candidates { ids, capped: false, checked: self.are_one_time() }));
            }
        }
        Ok(None)
    }
}
