//! Which connections are open, and which of them is closed when another needs its place.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use latchkey_domain::AllowedNetworks;

use super::state::{ConnectionState, NOT_EVICTABLE, as_micros, elapsed_micros};
use crate::http::source::Source;

/// When no connection could be evicted, the next attempt is not made before.
const EVICTION_RETRY: Duration = Duration::from_millis(100);

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    pub(crate) total: usize,
    pub(crate) per_address: usize,
}

/// The connections of this process.
pub(crate) struct ConnectionLimiter {
    limits: ConnectionLimits,
    /// Their connections carry the requests of many clients.
    trusted_proxies: Option<Arc<AllowedNetworks>>,
    started: Instant,
    connections: Mutex<Connections>,
    refused: AtomicU64,
    evicted: AtomicU64,
}

#[derive(Default)]
struct Connections {
    /// All that are open.
    open: usize,
    /// Those among them that were asked to close.
    closing: usize,
    next_id: u64,
    /// By idle time and id. The time is that of the last look: a connection that was active since is put in again when
    /// it is its turn, so that answering a request moves nothing.
    eviction_order: BTreeMap<(u64, u64), Arc<ConnectionState>>,
    per_source: HashMap<Source, usize>,
    /// No attempt to evict before this time.
    retry_eviction_at: u64,
}

/// Numbers for the metrics.
pub(crate) struct ConnectionCounts {
    pub(crate) open: u64,
    pub(crate) refused: u64,
    pub(crate) evicted: u64,
}

/// The permission to be open, until it is dropped.
pub(crate) struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    pub(crate) state: Arc<ConnectionState>,
    source: Option<Source>,
}

impl ConnectionLimiter {
    pub(crate) fn new(limits: ConnectionLimits, trusted_proxies: Option<Arc<AllowedNetworks>>) -> Arc<Self> {
        let started = Instant::now();
        let (connections, refused, evicted) = (Mutex::default(), AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { limits, trusted_proxies, started, connections, refused, evicted })
    }

    /// A permit for a new connection. At the limit, the connection that has been idle longest is evicted; `None` if
    /// there is none to evict.
    pub(crate) fn acquire(self: &Arc<Self>, peer: IpAddr) -> Option<ConnectionPermit> {
        let now = elapsed_micros(self.started);
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let source = self.limited_source(peer);
        let of_source = source.and_then(|source| connections.per_source.get(&source)).copied().unwrap_or_default();
        let full = connections.open - connections.closing >= self.limits.total;
        if of_source >= self.limits.per_address || (full && !self.evict_longest_idle(&mut connections, now)) {
            drop(connections);
            self.refused.fetch_add(1, Relaxed);
            return None;
        }
        connections.open += 1;
        connections.next_id += 1;
        if let Some(source) = source {
            *connections.per_source.entry(source).or_default() += 1;
        }
        let state = Arc::new(ConnectionState::new(self.started, connections.next_id, now));
        connections.eviction_order.insert((now, state.id), state.clone());
        drop(connections);
        Some(ConnectionPermit { limiter: self.clone(), state, source })
    }

    /// Evicts the connection that has been idle longest, because something else needs its file descriptor.
    pub(crate) fn evict_one(&self) -> bool {
        let now = elapsed_micros(self.started);
        self.evict_longest_idle(&mut self.connections.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    pub(crate) fn counts(&self) -> ConnectionCounts {
        let open = self.connections.lock().unwrap_or_else(PoisonError::into_inner).open;
        ConnectionCounts {
            open: u64::try_from(open).unwrap_or(u64::MAX),
            refused: self.refused.load(Relaxed),
            evicted: self.evicted.load(Relaxed),
        }
    }

    /// The source whose limit a connection counts for; `None` for this machine and trusted proxies, which may carry the
    /// requests of many.
    fn limited_source(&self, peer: IpAddr) -> Option<Source> {
        let peer = peer.to_canonical();
        let proxy = self.trusted_proxies.as_ref().is_some_and(|trusted| trusted.allow(peer));
        (!peer.is_loopback() && !proxy).then(|| Source::of(peer))
    }

    /// Asks the connection to close that has waited longest for a request, or for its client to read a response.
    fn evict_longest_idle(&self, connections: &mut Connections, now: u64) -> bool {
        if now < connections.retry_eviction_at {
            return false;
        }
        // Each is looked at once, and once more if it was put in again.
        for _ in 0..2 * connections.eviction_order.len() {
            let Some(((key, _), state)) = connections.eviction_order.pop_first() else { break };
            let idle_since = state.idle_since(now);
            if idle_since.is_some_and(|since| since <= key) {
                state.eviction_key.store(NOT_EVICTABLE, Relaxed);
                state.request_close();
                connections.closing += 1;
                self.evicted.fetch_add(1, Relaxed);
                return true;
            }
            let key = idle_since.unwrap_or(now);
            state.eviction_key.store(key, Relaxed);
            connections.eviction_order.insert((key, state.id), state);
        }
        connections.retry_eviction_at = now + as_micros(EVICTION_RETRY);
        false
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut connections = self.limiter.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.open -= 1;
        if self.state.is_close_requested() {
            connections.closing -= 1;
        }
        connections.eviction_order.remove(&(self.state.eviction_key.load(Relaxed), self.state.id));
        connections.retry_eviction_at = 0;
        if let Some(source) = self.source
            && let Some(count) = connections.per_source.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                connections.per_source.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(total: usize, per_address: usize) -> Arc<ConnectionLimiter> {
        ConnectionLimiter::new(ConnectionLimits { total, per_address }, None)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_has_waited_longest_makes_room_and_who_is_answered_does_not() {
        let limiter = limiter(3, 10);
        let acquire = || limiter.acquire(address("127.0.0.1"));
        let (first, second, third) = (acquire().unwrap(), acquire().unwrap(), acquire().unwrap());
        let request = first.state.begin_request(false);
        let evicted = |permit: &ConnectionPermit| permit.state.is_close_requested();
        let fourth = acquire().unwrap();
        assert_eq!([&first, &second, &third, &fourth].map(evicted), [false, true, false, false]);
        drop(second);
        let fifth = acquire().unwrap();
        assert_eq!([&first, &third, &fourth, &fifth].map(evicted), [false, true, false, false]);
        drop(third);
        let (a, b) = (fourth.state.begin_request(true), fifth.state.begin_request(true));
        assert!(acquire().is_none(), "all are being answered");
        // A response that nobody has begun to read does not wait for long yet.
        let mut request = request;
        request.response_started();
        assert!(acquire().is_none());
        drop((request, a, b));
        limiter.connections.lock().unwrap().retry_eviction_at = 0;
        assert!(acquire().is_some());
        let counts = limiter.counts();
        assert_eq!((counts.refused, counts.evicted), (2, 3));
        drop((first, fourth, fifth));
        let connections = limiter.connections.lock().unwrap();
        assert_eq!((connections.open, connections.closing, connections.eviction_order.len()), (0, 0, 0));
    }

    #[test]
    fn an_address_has_a_share_and_a_network_of_ipv6_is_one() {
        let limited = limiter(100, 2);
        let acquire = |text| limited.acquire(address(text));
        let one = (acquire("192.0.2.1").unwrap(), acquire("::ffff:192.0.2.1").unwrap());
        assert!(acquire("192.0.2.1").is_none());
        let two = (acquire("2001:db8::1").unwrap(), acquire("2001:db8::ffff:2").unwrap());
        assert!(acquire("2001:db8::3").is_none() && acquire("2001:db8:0:1::3").is_some());
        drop((one, two));
        assert!(acquire("192.0.2.1").is_some() && acquire("2001:db8::3").is_some());
        // Behind these there are many.
        let trusted = AllowedNetworks::new(["10.0.0.0/8"]).unwrap();
        let limits = ConnectionLimits { total: 100, per_address: 1 };
        let limiter = ConnectionLimiter::new(limits, Some(Arc::new(trusted)));
        let proxied: Vec<_> = (0..20).map(|_| limiter.acquire(address("10.0.0.1")).unwrap()).collect();
        let local: Vec<_> = (0..20).map(|_| limiter.acquire(address("::1")).unwrap()).collect();
        assert_eq!((proxied.len(), local.len()), (20, 20));
    }
}
