//! How many requests a credential may send: a token bucket for each, in the memory of this process
//! (draft-ietf-httpapi-ratelimit-headers).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use latchkey_domain::Timestamp;
use latchkey_service::Principal;
use uuid::Uuid;

/// Buckets that are remembered in any case. When they are more, those that are full again are forgotten, which changes
/// nothing; and then not before there are twice as many as were left, so that it costs a request little.
const BUCKETS: usize = 100_000;
const MINUTE_MICROS: i64 = 60_000_000;

/// So many requests a minute for each token and each user.
pub(crate) struct Limiter {
    per_minute: u32,
    buckets: Mutex<Buckets>,
}

struct Buckets {
    /// When each will be full again, if nothing more is taken: all that there is to know of one.
    full_at: HashMap<Uuid, Timestamp>,
    /// With so many, those that are full again are forgotten.
    forget_at: usize,
}

/// Where a credential stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    allowed: bool,
    remaining: u32,
    /// Seconds until the bucket is full again.
    full_in: u64,
    /// Seconds until one more request is allowed.
    next_in: u64,
}

/// In the extensions of a request whose credential counts; says how it went.
#[derive(Clone)]
struct Meter {
    limiter: Arc<Limiter>,
    standing: Arc<OnceLock<Standing>>,
}

/// A credential has sent too many requests.
pub(crate) struct Exceeded {
    pub(crate) per_minute: u32,
    /// Seconds to wait.
    pub(crate) retry_after: u64,
}

impl Limiter {
    /// `None` for 0, which is no limit.
    pub(crate) fn new(per_minute: u32) -> Option<Arc<Self>> {
        (per_minute > 0).then(|| {
            Arc::new(Self { per_minute, buckets: Mutex::new(Buckets { full_at: HashMap::new(), forget_at: BUCKETS }) })
        })
    }

    fn take(&self, who: Uuid, now: Timestamp) -> Standing {
        let each = MINUTE_MICROS / i64::from(self.per_minute).max(1);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.full_at.len() >= buckets.forget_at {
            buckets.full_at.retain(|_, full_at| *full_at > now);
            buckets.forget_at = BUCKETS.max(2 * buckets.full_at.len());
        }
        let full_at = buckets.full_at.entry(who).or_insert(now);
        // A clock that was set back must not make anybody wait longer than a minute.
        let missing = (full_at.micros() - now.micros()).clamp(0, MINUTE_MICROS);
        let allowed = missing + each <= MINUTE_MICROS;
        let missing = if allowed { missing + each } else { missing };
        *full_at = Timestamp::from_micros(now.micros() + missing);
        let seconds = |micros: i64| u64::try_from(micros).unwrap_or_default().div_ceil(1_000_000);
        Standing {
            allowed,
            remaining: u32::try_from((MINUTE_MICROS - missing) / each).unwrap_or_default(),
            full_in: seconds(missing),
            next_in: seconds(missing + each - MINUTE_MICROS).max(1),
        }
    }
}

/// Counts a request of a principal, or refuses it. Nothing is counted where [`layer`] is not around.
pub(crate) fn count(extensions: &Extensions, principal: &Principal, now: Timestamp) -> Result<(), Exceeded> {
    extensions.get::<Meter>().map_or(Ok(()), |meter| meter.count(principal, now))
}

impl Meter {
    fn count(&self, principal: &Principal, now: Timestamp) -> Result<(), Exceeded> {
        let who = match principal {
            Principal::Session(person) | Principal::UserToken(person) => person.id.0,
            Principal::ApiToken(token) => token.id.0,
        };
        let standing = *self.standing.get_or_init(|| self.limiter.take(who, now));
        if standing.allowed {
            Ok(())
        } else {
            Err(Exceeded { per_minute: self.limiter.per_minute, retry_after: standing.next_in })
        }
    }
}

/// The routes below it are limited, and say so in each answer to a credential.
pub(crate) async fn layer(State(limiter): State<Option<Arc<Limiter>>>, mut request: Request, next: Next) -> Response {
    let Some(limiter) = limiter else { return next.run(request).await };
    let meter = Meter { limiter, standing: Arc::default() };
    request.extensions_mut().insert(meter.clone());
    let mut response = next.run(request).await;
    if let Some(standing) = meter.standing.get() {
        let policy = format!("\"default\";q={};w=60", meter.limiter.per_minute);
        let state = format!("\"default\";r={};t={}", standing.remaining, standing.full_in);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_a_minutes_worth_and_then_it_drips() {
        let limiter = Limiter::new(60).unwrap();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        assert_eq!(limiter.take(one, now), Standing { allowed: true, remaining: 59, full_in: 1, next_in: 1 });
        for _ in 0..59 {
            assert!(limiter.take(one, now).allowed);
        }
        assert_eq!(limiter.take(one, now), Standing { allowed: false, remaining: 0, full_in: 60, next_in: 1 });
        assert!(limiter.take(two, now).allowed, "another credential has a bucket of its own");
        // What was refused has not made it worse.
        assert!(limiter.take(one, now.plus_seconds(1)).allowed);
        assert!(!limiter.take(one, now.plus_seconds(1)).allowed);
        assert_eq!(limiter.take(one, now.plus_seconds(120)).remaining, 59);
        // A clock set back by a day costs a second, not a day.
        assert!(!limiter.take(one, now.plus_days(-1)).allowed);
        assert!(limiter.take(one, now.plus_days(-1).plus_seconds(1)).allowed);
        assert!(Limiter::new(0).is_none());
    }
}
