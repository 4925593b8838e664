//! API tokens. How a list reads them is told in `statements`.

mod candidates;
mod count;
mod edit;
mod list;
mod mark_expired;
#[cfg(test)]
mod plans;
mod read;
mod revoke;
mod rotate;
mod row;
mod statements;
mod sweep;
mod types;
mod uses;
mod write;

use latchkey_domain::LevelKind;

pub use crate::limits::{CANDIDATES_MAX, READ_MAX};
pub use count::{Summary, any_beyond, count, summary};
pub use edit::{lock, lock_all, lock_shared, update};
pub use list::list;
pub use read::{
    by_creation_key, by_hash, by_id, by_ids, by_secret, by_secret_locked, repositories, repositories_of, repository_ids,
};
pub use revoke::{any_unrevoked, revoke_all, revoke_many};
pub use rotate::{end_overlap, rotate};
pub(crate) use row::actor;
pub use sweep::{count_inactive, inactive, revoke_inactive};
pub use types::{Actor, Filter, Found, NewToken, Page, Position, Revocation, Rotation, Sort, SortKey, Token, Use};
pub use uses::record_uses;
pub(crate) use write::words;
pub use write::{insert, revoke, secret_object};

/// Highest number that [`count`] tells; more is "more than that".
pub const COUNT_MAX: u32 = 1_000;

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
