//! How many rows one statement reads or writes.

/// Rows that one look-up reads at most, so that a rare filter in a huge organization costs no more than a common one.
pub const READ_MAX: u32 = 3_000;
/// Most tokens or repositories that a search finds, or that a filter by expiry or idleness picks, before they are
/// filtered and sorted.
pub const CANDIDATES_MAX: u32 = 300;
/// Tokens that one write marks as expired: SQLite's other writers wait for 0.2 s at most (100,000 at once would block
/// them for 0.9 s).
pub(crate) const EXPIRED_MAX: u32 = 5_000;

/// The limits of a store; tests have smaller ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) read: u32,
    pub(crate) candidates: u32,
    pub(crate) expired: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { read: READ_MAX, candidates: CANDIDATES_MAX, expired: EXPIRED_MAX }
    }
}
