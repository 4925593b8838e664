//! How many requests a credential may send, and all API tokens of an organization together: a token bucket for each
//! (`governor`), in the memory of this process (draft-ietf-httpapi-ratelimit-headers). Users count for themselves alone,
//! so that pipelines can't keep out who administers them.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use governor::Quota;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use latchkey_service::Principal;
use uuid::Uuid;

/// Up to this number, buckets are kept. Above it, full buckets are dropped, which changes nothing for their keys; then not
/// again before the number has doubled, so that the cost a request is small.
const BUCKETS_KEPT: usize = 100_000;
/// The number of buckets is checked once in so many requests.
const REQUESTS_PER_CHECK: u32 = 256;
const MINUTE: Duration = Duration::from_secs(60);

/// Limits the requests a minute of each token and each user, and of all tokens of an organization.
pub(crate) struct RateLimiter {
    own: Option<Limit>,
    organization: Option<Limit>,
}

/// The same number of requests a minute for each key. The clock is monotonic: setting the system clock has no effect.
struct Limit<C: Clock = MonotonicClock> {
    name: &'static str,
    per_minute: NonZeroU32,
    buckets: Buckets<C>,
    requests: AtomicU32,
    /// From so many buckets on, the full ones are dropped.
    drop_at: AtomicUsize,
}

type Buckets<C> = governor::RateLimiter<Uuid, HashMapStateStore<Uuid>, C, StateInformationMiddleware>;

/// The state of a bucket after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BucketState {
    name: &'static str,
    per_minute: u32,
    allowed: bool,
    remaining: u32,
    /// Seconds until the bucket is full again.
    full_in: u64,
    /// Seconds until one more request is allowed.
    next_in: u64,
}

/// In the extensions of a request: counts it, and keeps the result for the headers of the answer.
#[derive(Clone)]
struct RateMeter {
    limiter: Arc<RateLimiter>,
    states: Arc<OnceLock<BucketStates>>,
}

/// The states of the credential and of its organization.
type BucketStates = [Option<BucketState>; 2];

/// Too many requests of a credential, or of its organization.
pub(crate) struct RateLimitExceeded {
    /// Whose requests they are, for the error text.
    pub(crate) whose: &'static str,
    pub(crate) per_minute: u32,
    /// Seconds to wait.
    pub(crate) retry_after: u64,
}

impl RateLimiter {
    /// For each credential and for each organization; 0 is no limit, `None` is neither.
    pub(crate) fn new(own: u32, organization: u32) -> Option<Arc<Self>> {
        let limit = |name, per_minute| Some(Limit::new(name, NonZeroU32::new(per_minute)?, MonotonicClock));
        let limiter = Self { own: limit("default", own), organization: limit("organization", organization) };
        (limiter.own.is_some() || limiter.organization.is_some()).then(|| Arc::new(limiter))
    }

    fn take(&self, principal: &Principal) -> BucketStates {
        let (who, organization) = match principal {
            Principal::Session(person) | Principal::UserToken(person) => (person.id.0, None),
            Principal::ApiToken(token) => (token.id.0, token.level.organization()),
        };
        let own = self.own.as_ref().map(|limit| limit.take(who));
        // A request that is refused for the credential does not count for the organization.
        let of_organization =
            self.organization.as_ref().zip(organization.filter(|_| own.is_none_or(|own| own.allowed)));
        [own, of_organization.map(|(limit, organization)| limit.take(organization.0))]
    }
}

impl<C: Clock> Limit<C> {
    fn new(name: &'static str, per_minute: NonZeroU32, clock: C) -> Self {
        let buckets = governor::RateLimiter::hashmap_with_clock(Quota::per_minute(per_minute), clock).with_middleware();
        Self { name, per_minute, buckets, requests: AtomicU32::new(0), drop_at: AtomicUsize::new(BUCKETS_KEPT) }
    }

    fn take(&self, who: Uuid) -> BucketState {
        self.drop_full_buckets();
        let per_minute = self.per_minute.get();
        let each = MINUTE / per_minute;
        let seconds = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
        let state = BucketState { name: self.name, per_minute, allowed: true, remaining: 0, full_in: 0, next_in: 1 };
        match self.buckets.check_key(&who) {
            Ok(snapshot) => {
                let remaining = snapshot.remaining_burst_capacity();
                BucketState { remaining, full_in: seconds(each * (per_minute - remaining)), ..state }
            }
            Err(until) => {
                let wait = until.wait_time_from(self.buckets.clock().now());
                let (full_in, next_in) = (seconds(wait + each * (per_minute - 1)), seconds(wait).max(1));
                BucketState { allowed: false, full_in, next_in, ..state }
            }
        }
    }

    /// Bounds the memory: the number of buckets stays near the number of credentials in use.
    fn drop_full_buckets(&self) {
        if !self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(REQUESTS_PER_CHECK)
            || self.buckets.len() < self.drop_at.load(Ordering::Relaxed)
        {
            return;
        }
        self.buckets.retain_recent();
        self.buckets.shrink_to_fit();
        self.drop_at.store(BUCKETS_KEPT.max(2 * self.buckets.len()), Ordering::Relaxed);
    }
}

/// Counts a request of a principal, or refuses it. Nothing is counted where [`layer`] is not around.
pub(crate) fn count(extensions: &Extensions, principal: &Principal) -> Result<(), RateLimitExceeded> {
    extensions.get::<RateMeter>().map_or(Ok(()), |meter| meter.count(principal))
}

impl RateMeter {
    fn count(&self, principal: &Principal) -> Result<(), RateLimitExceeded> {
        let states = self.states.get_or_init(|| self.limiter.take(principal));
        match states.iter().flatten().find(|state| !state.allowed) {
            None => Ok(()),
            Some(state) => Err(RateLimitExceeded {
                whose: if state.name == "organization" { "all API tokens of an organization" } else { "a credential" },
                per_minute: state.per_minute,
                retry_after: state.next_in,
            }),
        }
    }
}

/// Limits the routes below. Answers to a credential have the rate limit headers.
pub(crate) async fn layer(
    State(limiter): State<Option<Arc<RateLimiter>>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(limiter) = limiter else { return next.run(request).await };
    let meter = RateMeter { limiter, states: Arc::default() };
    request.extensions_mut().insert(meter.clone());
    let mut response = next.run(request).await;
    let [own, organization] = meter.states.get().copied().unwrap_or_default();
    // The organization's limit is shown only if it is the tighter one.
    let organization = organization.filter(|all| own.is_none_or(|own| all.remaining < own.remaining));
    for BucketState { name, per_minute, remaining, full_in, .. } in [own, organization].into_iter().flatten() {
        let policy = format!("\"{name}\";q={per_minute};w=60");
        let state = format!("\"{name}\";r={remaining};t={full_in}");
        for (header, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(HeaderName::from_static(header), value);
            }
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limit() -> (Limit<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Limit::new("default", NonZeroU32::new(60).unwrap(), clock.clone()), clock)
    }

    #[test]
    fn a_burst_is_a_minutes_worth_and_then_it_drips() {
        let (limit, clock) = limit();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let state = |allowed, remaining, full_in| BucketState {
            name: "default",
            per_minute: 60,
            allowed,
            remaining,
            full_in,
            next_in: 1,
        };
        assert_eq!(limit.take(one), state(true, 59, 1));
        for _ in 0..59 {
            assert!(limit.take(one).allowed);
        }
        assert_eq!(limit.take(one), state(false, 0, 60));
        assert!(limit.take(two).allowed, "another credential has a bucket of its own");
        // What was refused has not made it worse.
        clock.advance(Duration::from_secs(1));
        assert!(limit.take(one).allowed);
        assert!(!limit.take(one).allowed);
        clock.advance(Duration::from_secs(119));
        assert_eq!(limit.take(one).remaining, 59);
        assert!(RateLimiter::new(0, 0).is_none());
    }

    #[test]
    fn full_buckets_are_dropped() {
        let (limit, clock) = limit();
        for number in 1..=1_000 {
            limit.take(Uuid::from_u128(number));
        }
        assert_eq!(limit.buckets.len(), 1_000);
        clock.advance(Duration::from_secs(3));
        limit.drop_at.store(1_000, Ordering::Relaxed);
        for _ in 0..REQUESTS_PER_CHECK {
            limit.take(Uuid::from_u128(1));
        }
        assert_eq!((limit.buckets.len(), limit.drop_at.load(Ordering::Relaxed)), (1, BUCKETS_KEPT));
    }
}
