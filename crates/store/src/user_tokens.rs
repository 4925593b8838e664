use latchkey_domain::{SecretHash, Timestamp, UserId};

use crate::{Store, StoreError, Tx, users::User};

pub async fn insert(_tx: &mut Tx, _hash: &SecretHash, _user: UserId, _now: Timestamp, _expires_at: Timestamp) -> Result<(), StoreError> { todo!() }
/// The token's user and expiry, whether expired or not, so that the refusal can say which.
pub async fn by_hash(_store: &Store, _hash: &SecretHash) -> Result<Option<(User, Timestamp)>, StoreError> { todo!() }
/// Removes up to `limit` tokens that expired before `before`; returns how many.
pub async fn delete_expired(_tx: &mut Tx, _before: Timestamp, _limit: u32) -> Result<u64, StoreError> { todo!() }
