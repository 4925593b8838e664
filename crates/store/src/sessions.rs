use std::net::IpAddr;

use latchkey_domain::{SecretHash, Timestamp, UserId};

use crate::{Store, StoreError, Tx, users::User};

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub user: User,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
}

pub async fn insert(_tx: &mut Tx, _hash: &SecretHash, _user: UserId, _address: Option<IpAddr>, _user_agent: &str, _now: Timestamp) -> Result<(), StoreError> { todo!() }
/// The session, if it was made at or after `made_since` and seen at or after `seen_since`; one query, with its user.
pub async fn live(_store: &Store, _hash: &SecretHash, _made_since: Timestamp, _seen_since: Timestamp) -> Result<Option<Session>, StoreError> { todo!() }
/// Moves `last_seen_at` forward.
pub async fn touch(_tx: &mut Tx, _hash: &SecretHash, _now: Timestamp) -> Result<(), StoreError> { todo!() }
/// Ends a session; true if there was one.
pub async fn delete(_tx: &mut Tx, _hash: &SecretHash) -> Result<bool, StoreError> { todo!() }
/// Removes up to `limit` sessions that are no longer live; returns how many.
pub async fn delete_dead(_tx: &mut Tx, _made_since: Timestamp, _seen_since: Timestamp, _limit: u32) -> Result<u64, StoreError> { todo!() }
