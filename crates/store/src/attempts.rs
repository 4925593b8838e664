//! Sign-in attempts, counted per account and per address so that guesses slow down on every replica alike.

use latchkey_domain::Timestamp;

use crate::{StoreError, Tx};

/// What is known of a key (a hash of an email or an address) before this attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// Attempts since the last success or since the window began, without this one.
    pub failures: u32,
    /// When the last one was made.
    pub last_at: Timestamp,
}

/// The count for `key`, or `None` when nothing was tried since `window_start`. Locks the key until the transaction ends.
pub async fn get(_tx: &mut Tx, _key: &[u8; 32], _window_start: Timestamp) -> Result<Option<Attempts>, StoreError> { todo!() }
/// Counts one more attempt (starting at 1 when the last one was before `window_start`).
pub async fn add(_tx: &mut Tx, _key: &[u8; 32], _window_start: Timestamp, _now: Timestamp) -> Result<(), StoreError> { todo!() }
/// Forgets a key, after a success.
pub async fn clear(_tx: &mut Tx, _key: &[u8; 32]) -> Result<(), StoreError> { todo!() }
/// Removes up to `limit` keys whose last attempt was before `before`; returns how many.
pub async fn delete_old(_tx: &mut Tx, _before: Timestamp, _limit: u32) -> Result<u64, StoreError> { todo!() }
