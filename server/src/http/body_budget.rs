//! Limits the memory for request bodies: in total, and for each client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use latchkey_service::Error;

use super::client_network::ClientNetwork;

/// The first bytes of each body count in a pool of their own, so that large bodies don't keep out small ones.
const SMALL_BODY: usize = 8 * 1024;
/// Size of that pool, and of the pool for all other bytes.
const SMALL_POOL: usize = 16 * 1024 * 1024;
const LARGE_POOL: usize = 48 * 1024 * 1024;
/// A client can use this fraction of a pool: one in so many.
const SHARES_PER_POOL: usize = 4;
/// The `Retry-After` of a refusal, in seconds.
const RETRY_AFTER: u64 = 2;

/// Bytes are taken as they arrive, and released when the request has been answered.
pub(crate) struct BodyBudget {
    pools: Mutex<[Pool; 2]>,
    refused: AtomicU64,
}

struct Pool {
    max: usize,
    taken: usize,
    by_source: HashMap<ClientNetwork, usize>,
}

/// What one request has taken; released when dropped.
pub(crate) struct BodyMeter {
    budget: Arc<BodyBudget>,
    source: Option<ClientNetwork>,
    /// Of each pool.
    taken: Mutex<[usize; 2]>,
}

impl BodyBudget {
    pub(crate) fn new() -> Arc<Self> {
        Self::with(SMALL_POOL, LARGE_POOL)
    }

    fn with(small: usize, large: usize) -> Arc<Self> {
        let pools = [small, large].map(|max| Pool { max, taken: 0, by_source: HashMap::new() });
        Arc::new(Self { pools: Mutex::new(pools), refused: AtomicU64::new(0) })
    }

    /// For a request of a client. Requests without a known address only count in the total.
    pub(crate) fn meter(self: &Arc<Self>, source: Option<ClientNetwork>) -> BodyMeter {
        BodyMeter { budget: self.clone(), source, taken: Mutex::default() }
    }

    /// Bytes of bodies that are in memory.
    pub(crate) fn in_flight(&self) -> u64 {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        u64::try_from(pools.iter().map(|pool| pool.taken).sum::<usize>()).unwrap_or(u64::MAX)
    }

    /// The number of bodies that were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}

impl Pool {
    fn take(&mut self, source: Option<ClientNetwork>, bytes: usize) -> Result<(), Error> {
        if bytes == 0 {
            return Ok(());
        }
        // Without an address only the total counts.
        let own = source.map(|source| (source, self.by_source.get(&source).copied().unwrap_or_default()));
        if own.is_some_and(|(_, own)| own + bytes > self.max / SHARES_PER_POOL) {
            return Err(Error::TooManyAtOnce { of: "large requests from this address", retry_after: RETRY_AFTER });
        }
        if self.taken + bytes > self.max {
            return Err(Error::Busy { retry_after: RETRY_AFTER });
        }
        self.taken += bytes;
        if let Some((source, own)) = own {
            self.by_source.insert(source, own + bytes);
        }
        Ok(())
    }

    fn release(&mut self, source: Option<ClientNetwork>, bytes: usize) {
        self.taken -= bytes;
        if let Some(source) = source
            && let Some(own) = self.by_source.get_mut(&source)
        {
            *own -= bytes;
            if *own == 0 {
                self.by_source.remove(&source);
            }
        }
    }
}

impl BodyMeter {
    /// Takes so many more bytes, or fails if there is no room.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), Error> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let small = bytes.min(SMALL_BODY - taken[0]);
        let mut pools = self.budget.pools.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, bytes) in [small, bytes - small].into_iter().enumerate() {
            if let Err(error) = pools[at].take(self.source, bytes) {
                self.budget.refused.fetch_add(1, Relaxed);
                return Err(error);
            }
            taken[at] += bytes;
        }
        Ok(())
    }
}

impl Drop for BodyMeter {
    fn drop(&mut self) {
        let taken = *self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pools = self.budget.pools.lock().unwrap_or_else(PoisonError::into_inner);
        for (pool, bytes) in pools.iter_mut().zip(taken).filter(|(_, bytes)| *bytes > 0) {
            pool.release(self.source, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_leave_room_for_small_ones_and_for_others() {
        const K: usize = 1024;
        let budget = BodyBudget::with(400 * K, 400 * K);
        let source = |last: u8| Some(ClientNetwork::of([192, 0, 2, last].into()));
        let large = budget.meter(source(1));
        for _ in 0..27 {
            large.take(4 * K).unwrap();
        }
        assert!(matches!(large.take(K), Err(Error::TooManyAtOnce { .. })), "a quarter is for one address");
        let others: Vec<_> = (2..5).map(|last| budget.meter(source(last))).collect();
        for other in &others {
            other.take(108 * K).unwrap();
        }
        let late = budget.meter(source(6));
        assert!(matches!(late.take(20 * K), Err(Error::Busy { .. })));
        budget.meter(source(1)).take(8 * K).unwrap();
        budget.meter(source(7)).take(8 * K).unwrap();
        assert_eq!(budget.refused(), 2);
        drop((large, others, late));
        assert_eq!(budget.in_flight(), 0);
        budget.meter(source(6)).take(100 * K).unwrap();
        assert!(budget.pools.lock().unwrap().iter().all(|pool| pool.by_source.is_empty()));
    }
}
