use latchkey_domain::{SecretHash, Timestamp};

use crate::{Store, StoreError, Tx};

/// Whether nobody can sign in yet: the instance waits for its set-up.
pub async fn is_new(_store: &Store) -> Result<bool, StoreError> { todo!() }
/// Sets the one-time set-up link, replacing an earlier one.
pub async fn set_setup_hash(_tx: &mut Tx, _hash: &SecretHash, _now: Timestamp) -> Result<(), StoreError> { todo!() }
/// Uses the set-up link up: true once, if the hash is the current one and there is no user yet.
pub async fn take_setup_hash(_tx: &mut Tx, _hash: &SecretHash) -> Result<bool, StoreError> { todo!() }
/// Whether the hash is that of the current set-up link.
pub async fn has_setup_hash(_store: &Store, _hash: &SecretHash) -> Result<bool, StoreError> { todo!() }
