//! Counts of what this process has done, for operators.

use std::sync::atomic::{AtomicU64, Ordering};

use latchkey_domain::Timestamp;

use crate::Health;

/// The counts at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Last uses in memory that are not yet written.
    pub waiting_uses: u64,
    /// Tokens remembered between requests.
    pub cached_tokens: u64,
    /// Bytes that are in use for what is remembered between requests, about.
    pub cache_bytes: u64,
    /// Checks of a token that was remembered.
    pub cache_hits: u64,
    /// Checks of a token that was read from the database.
    pub cache_misses: u64,
    /// Looks at the database for what has changed.
    pub change_polls: u64,
    /// Requests with a signature that was right.
    pub signed: u64,
    /// Accepted requests of API tokens without a signature.
    pub unsigned: u64,
    /// Passwords that were hashed.
    pub hashed: u64,
    /// Messages to the outside that wait to be delivered, as they were last counted; 1,001 for more than 1,000.
    pub outbox_pending: u64,
    /// Those that were given up, counted likewise.
    pub outbox_dead: u64,
    /// Sweeps of this replica.
    pub sweeps: u64,
    /// Tokens that they revoked.
    pub swept: u64,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts that use cases add to.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) signed: Count,
    pub(crate) unsigned: Count,
    pub(crate) sweeps: Count,
    pub(crate) swept: Count,
}

impl Health<'_> {
    /// When this replica last found that the database lost its history, or has another one.
    pub fn history_broke_at(self) -> Option<Timestamp> {
        self.service.inner.cache.history_broke_at()
    }

    /// What this process has done so far.
    pub fn stats(self) -> Stats {
        let (known, counted) = (&self.service.inner.cache, &self.service.inner.counted);
        Stats {
            waiting_uses: self.service.inner.uses.len() as u64,
            cached_tokens: known.len(),
            cache_bytes: known.weight(),
            cache_hits: known.hits.get(),
            cache_misses: known.reads.get(),
            change_polls: known.polls(),
            signed: counted.signed.get(),
            unsigned: counted.unsigned.get(),
            hashed: self.service.inner.passwords.hashed.get(),
            outbox_pending: self.service.inner.outbox.pending.load(Ordering::Relaxed),
            outbox_dead: self.service.inner.outbox.dead.load(Ordering::Relaxed),
            sweeps: counted.sweeps.get(),
            swept: counted.swept.get(),
        }
    }
}
