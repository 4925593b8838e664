//! The same request, sent twice under one `Idempotency-Key`, is done once and answered twice
//! (draft-ietf-httpapi-idempotency-key-header).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use latchkey_domain::{Secret, SecretKind, Timestamp, sha256};
use latchkey_store::idempotency::{self, StoredRequest};
use latchkey_store::{StoreError, Tx};
use uuid::Uuid;

use crate::{Caller, Error, FieldError, PreconditionError, Service};

/// How long a key is remembered.
const KEPT_SECONDS: i64 = 24 * 3_600;

/// What a client sends with a request so that sending it again does it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentRequest {
    key: String,
    request: [u8; 32],
}

impl IdempotentRequest {
    /// Longest key, in characters.
    pub const MAX: usize = 255;

    /// A key of 1 to 255 visible ASCII characters, and the content that it stands for.
    pub fn new(key: &str, content: &[u8]) -> Result<Self, FieldError> {
        if key.is_empty() || key.len() > Self::MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(FieldError::new("Idempotency-Key", "must be 1 to 255 visible ASCII characters"));
        }
        Ok(Self { key: key.to_owned(), request: sha256(content) })
    }
}

/// A request under a key: whose, for what.
pub(crate) struct KeyedRequest {
    caller: String,
    route: String,
    key: String,
    request: [u8; 32],
}

/// Keys of requests that this process is answering.
#[derive(Clone, Default)]
pub(crate) struct InProgress(Arc<Mutex<HashSet<[u8; 32]>>>);

/// Ends with the request, also when its client hangs up.
pub(crate) struct Held {
    under_way: InProgress,
    key: [u8; 32],
}

impl InProgress {
    fn hold(&self, key: [u8; 32]) -> Option<Held> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key).then(|| Held { under_way: self.clone(), key })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.under_way.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl KeyedRequest {
    /// The route has the organization in it: the same body for another one is another request.
    pub(crate) fn new(caller: &Caller, route: String, once: &IdempotentRequest) -> Self {
        let actor = caller.principal.actor();
        let caller = format!("{} {}", actor.kind, actor.id.unwrap_or_default());
        Self { caller, route, key: once.key.clone(), request: once.request }
    }

    /// What the database knows it by: no key, and not whose it is.
    fn hash(&self) -> [u8; 32] {
        // Neither a caller nor a route has a line break in it, nor has a key.
        sha256(format!("{}\n{}\n{}", self.caller, self.route, self.key).as_bytes())
    }
}

impl Service {
    /// Keeps a second request with the same key out while the first is answered. On another replica it waits for the
    /// first at [`Service::remember`] instead.
    pub(crate) fn hold(&self, keyed: &KeyedRequest) -> Result<Held, Error> {
        self.inner.under_way.hold(keyed.hash()).ok_or(Error::Precondition(PreconditionError::RequestInProgress))
    }

    /// What the request has done already, if it has. The key with another content is refused.
    pub(crate) async fn remembered(&self, keyed: &KeyedRequest) -> Result<Option<StoredRequest>, Error> {
        let found = idempotency::get(self.store(), &keyed.hash(), since(self.now())).await?;
        match found {
            Some(found) if found.request != keyed.request => Err(PreconditionError::KeyReused.into()),
            found => Ok(found),
        }
    }

    /// Notes in the transaction of the request what it does. Only what succeeds is remembered: after an error, the same
    /// request may be sent again.
    pub(crate) async fn remember(
        &self,
        tx: &mut Tx,
        keyed: &KeyedRequest,
        salt: [u8; 32],
        object: Uuid,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let new = StoredRequest { request: keyed.request, salt, object };
        idempotency::insert(tx, &keyed.hash(), &new, since(now), now).await
    }

    pub(crate) fn new_salt(&self) -> [u8; 32] {
        let mut salt = [0; 32];
        self.inner.random.fill(&mut salt);
        salt
    }

    /// The secret of a request; the first is the one to make, the others are what it was under earlier root keys.
    pub(crate) fn derived_secrets(&self, keyed: &KeyedRequest, salt: &[u8; 32]) -> impl Iterator<Item = Secret> {
        let parts = [keyed.caller.as_bytes(), keyed.route.as_bytes(), keyed.key.as_bytes(), &keyed.request];
        self.inner.root_key.idempotent_secrets(SecretKind::ApiToken, parts, salt).collect::<Vec<_>>().into_iter()
    }

    /// Forgets keys that are over; the salts go with them.
    pub(crate) async fn forget_keys(&self, tx: &mut Tx, limit: u32) -> Result<u64, StoreError> {
        idempotency::delete_old(tx, since(self.now()), limit).await
    }
}

fn since(now: Timestamp) -> Timestamp {
    now.plus_seconds(-KEPT_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_visible_ascii() {
        for good in ["1", "8e03978e-40d5-43dd-bc93-6894a57f9324", &"k".repeat(255)] {
            assert!(IdempotentRequest::new(good, b"").is_ok(), "{good}");
        }
        for bad in ["", "a b", "ü", "a\nb", &"k".repeat(256)] {
            assert!(IdempotentRequest::new(bad, b"").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_held_until_its_request_ends() {
        let under_way = InProgress::default();
        let held = under_way.hold([1; 32]);
        assert!(held.is_some() && under_way.hold([1; 32]).is_none() && under_way.hold([2; 32]).is_some());
        drop(held);
        assert!(under_way.hold([1; 32]).is_some());
    }
}
