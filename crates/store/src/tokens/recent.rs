//! What was found out about lists a moment ago, and is not asked again for every page.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use latchkey_domain::Timestamp;
use uuid::Uuid;

/// A list's expired tokens are noted at most once in so many microseconds: for so long, one may be listed as active
/// (its row says when it expired, and no request is accepted).
const SETTLED_FOR: i64 = 1_000_000;
/// How long "1,000+" stays on a page, in microseconds. Other counts are always read: they change, and cost less.
const CAPPED_FOR: i64 = 5_000_000;
/// Lists to remember; beyond it, all are forgotten.
const LISTS: usize = 10_000;

/// By list. Shared by the clones of a store.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    settled: Moments<()>,
    capped: Moments<[bool; 3]>,
}

#[derive(Debug)]
struct Moments<T>(Mutex<HashMap<Uuid, (Timestamp, T)>>);

impl<T> Default for Moments<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Copy> Moments<T> {
    fn note(&self, list: Uuid, now: Timestamp, value: T) {
        let mut moments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if moments.len() >= LISTS {
            moments.clear();
        }
        moments.insert(list, (now, value));
    }

    /// What was noted up to `micros` before `now`; nothing when the clock went back.
    fn within(&self, list: Uuid, now: Timestamp, micros: i64) -> Option<T> {
        let moments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, value) = moments.get(&list)?;
        (0..micros).contains(&(now.micros() - at.micros())).then_some(*value)
    }
}

impl Recent {
    pub(super) fn note_marked_expired(&self, list: Uuid, now: Timestamp) {
        self.settled.note(list, now, ());
    }

    pub(super) fn is_marked_expired(&self, list: Uuid, now: Timestamp) -> bool {
        self.settled.within(list, now, SETTLED_FOR).is_some()
    }

    /// Which of a list's three counts had reached the limit.
    pub(super) fn note_capped(&self, list: Uuid, now: Timestamp, capped: [bool; 3]) {
        if capped != [false; 3] {
            self.capped.note(list, now, capped);
        }
    }

    pub(super) fn capped(&self, list: Uuid, now: Timestamp) -> [bool; 3] {
        self.capped.within(list, now, CAPPED_FOR).unwrap_or_default()
    }
}
