//! API tokens. How a list reads them is told in `statements`.

mod candidates;
mod count;
mod edit;
mod list;
mod mark_expired;
mod read;
mod recent;
mod rotate;
mod row;
mod statements;
mod sweep;
mod types;
mod uses;
mod write;

use latchkey_domain::LevelKind;

pub use count::{Summary, any_beyond, count, summary};
pub use edit::{hold, lock, lock_all, update};
pub use list::list;
pub use read::{
    by_creation_key, by_hash, by_id, by_ids, by_secret, by_secret_locked, repositories, repositories_of, repository_ids,
};
pub(crate) use recent::Recent;
pub use rotate::{end_overlap, rotate};
pub(crate) use row::actor;
pub use sweep::{any_unrevoked, count_inactive, inactive, revoke_all, revoke_inactive};
pub use types::{
    Actor, Edited, Filter, Found, NewToken, Page, Position, Revocation, Rotation, Sort, SortKey, Token, Use,
};
pub use uses::record_uses;
pub(crate) use write::words;
pub use write::{insert, revoke, secret_object};

/// Rows that one look-up reads at most, so that a rare filter in a huge organization costs no more than a common one.
pub const READ_MAX: u32 = 3_000;
/// Highest number that [`count`] tells; more is "more than that".
pub const COUNT_MAX: u32 = 1_000;
/// Most tokens or repositories that a search finds, or that a filter by expiry or idleness picks, before they are
/// filtered and sorted.
pub const CANDIDATES_MAX: u32 = 300;

/// Tokens that one write notes as expired: SQLite's other writers wait for 0.2 s at most (100,000 at once would block
/// them for 0.9 s).
pub(crate) const EXPIRED_MAX: u32 = 5_000;

/// The expiry key of a token that never expires.
const NEVER: i64 = i64::MAX;

/// Where a token stands in the lists; see `migrations/README.md`.
mod phase {
    pub(super) const LIVE: i16 = 0;
    pub(super) const EXPIRED: i16 = 1;
    pub(super) const REVOKED: i16 = 2;
    /// Stands for all of them in the statements of lists.
    pub(super) const ANY: i16 = 3;
}

/// A level's number in the database.
const fn level(kind: LevelKind) -> i16 {
    match kind {
        LevelKind::Instance => 0,
        LevelKind::Organization => 1,
        LevelKind::Project => 2,
    }
}
