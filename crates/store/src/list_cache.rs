//! What was read about lists a moment ago, and is not read again for every page.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use latchkey_domain::Timestamp;
use uuid::Uuid;

/// A list's expired tokens are marked at most once in so many microseconds: for so long, one may be listed as active
/// (its row says when it expired, and no request is accepted).
const EXPIRED_MARK_VALID_MICROS: i64 = 1_000_000;
/// How long "1,000+" stays on a page, in microseconds. Other counts are always read: they change, and cost less.
const CAPPED_VALID_MICROS: i64 = 5_000_000;
/// Lists to keep; beyond it, all are dropped.
const LISTS_MAX: usize = 10_000;

/// By list. Shared by the clones of a store.
#[derive(Debug, Default)]
pub(crate) struct ListCache {
    expired_marked: TimedMap<()>,
    capped: TimedMap<[bool; 3]>,
}

#[derive(Debug)]
struct TimedMap<T>(Mutex<HashMap<Uuid, (Timestamp, T)>>);

impl<T> Default for TimedMap<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Copy> TimedMap<T> {
    fn insert(&self, list: Uuid, now: Timestamp, value: T) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= LISTS_MAX {
            entries.clear();
        }
        entries.insert(list, (now, value));
    }

    /// What was inserted up to `micros` before `now`; nothing when the clock went back.
    fn get_within(&self, list: Uuid, now: Timestamp, micros: i64) -> Option<T> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, value) = entries.get(&list)?;
        (0..micros).contains(&(now.micros() - at.micros())).then_some(*value)
    }
}

impl ListCache {
    pub(crate) fn set_marked_expired(&self, list: Uuid, now: Timestamp) {
        self.expired_marked.insert(list, now, ());
    }

    pub(crate) fn is_marked_expired(&self, list: Uuid, now: Timestamp) -> bool {
        self.expired_marked.get_within(list, now, EXPIRED_MARK_VALID_MICROS).is_some()
    }

    /// Which of a list's three counts had reached the limit.
    pub(crate) fn set_capped(&self, list: Uuid, now: Timestamp, capped: [bool; 3]) {
        if capped != [false; 3] {
            self.capped.insert(list, now, capped);
        }
    }

    pub(crate) fn capped(&self, list: Uuid, now: Timestamp) -> [bool; 3] {
        self.capped.get_within(list, now, CAPPED_VALID_MICROS).unwrap_or_default()
    }
}
