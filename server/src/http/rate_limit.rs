//! How many requests a credential may send, and all API tokens of an organization together: a token bucket for each, in
//! the memory of this process (draft-ietf-httpapi-ratelimit-headers). People count for themselves alone, so that pipelines
//! can't keep out who administers them.

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

/// So many requests a minute for each token and each user, and for each organization's tokens.
pub(crate) struct RateLimiter {
    own: Option<Limit>,
    organization: Option<Limit>,
}

/// So many requests a minute for each of a kind.
struct Limit {
    name: &'static str,
    per_minute: u32,
    buckets: Mutex<Buckets>,
}

struct Buckets {
    /// When each will be full again, if nothing more is taken: all that there is to know of one.
    full_at: HashMap<Uuid, Timestamp>,
    /// With so many, those that are full again are forgotten.
    forget_at: usize,
}

/// Where somebody stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    name: &'static str,
    per_minute: u32,
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
    limiter: Arc<RateLimiter>,
    standings: Arc<OnceLock<Standings>>,
}

/// Where a request's credential stands, and its organization.
type Standings = [Option<Standing>; 2];

/// A credential has sent too many requests, or its organization.
pub(crate) struct Exceeded {
    /// Whose they are.
    pub(crate) whose: &'static str,
    pub(crate) per_minute: u32,
    /// Seconds to wait.
    pub(crate) retry_after: u64,
}

impl RateLimiter {
    /// For each credential and for each organization; 0 is no limit, `None` is neither.
    pub(crate) fn new(own: u32, organization: u32) -> Option<Arc<Self>> {
        let limiter = Self { own: Limit::new("default", own), organization: Limit::new("organization", organization) };
        (limiter.own.is_some() || limiter.organization.is_some()).then(|| Arc::new(limiter))
    }

    fn take(&self, principal: &Principal, now: Timestamp) -> Standings {
        let (who, organization) = match principal {
            Principal::Session(person) | Principal::UserToken(person) => (person.id.0, None),
            Principal::ApiToken(token) => (token.id.0, token.level.organization()),
        };
        let own = self.own.as_ref().map(|limit| limit.take(who, now));
        // What the credential is refused for is not its organization's.
        let of_organization =
            self.organization.as_ref().zip(organization.filter(|_| own.is_none_or(|own| own.allowed)));
        [own, of_organization.map(|(limit, organization)| limit.take(organization.0, now))]
    }
}

impl Limit {
    fn new(name: &'static str, per_minute: u32) -> Option<Self> {
        let buckets = Mutex::new(Buckets { full_at: HashMap::new(), forget_at: BUCKETS });
        (per_minute > 0).then_some(Self { name, per_minute, buckets })
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
            name: self.name,
            per_minute: self.per_minute,
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
        let standings = self.standings.get_or_init(|| self.limiter.take(principal, now));
        match standings.iter().flatten().find(|standing| !standing.allowed) {
            None => Ok(()),
            Some(standing) => Err(Exceeded {
                whose: if standing.name == "organization" {
                    "all API tokens of an organization"
                } else {
                    "a credential"
                },
                per_minute: standing.per_minute,
                retry_after: standing.next_in,
            }),
        }
    }
}

/// The routes below it are limited, and say so in each answer to a credential.
pub(crate) async fn layer(
    State(limiter): State<Option<Arc<RateLimiter>>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(limiter) = limiter else { return next.run(request).await };
    let meter = Meter { limiter, standings: Arc::default() };
    request.extensions_mut().insert(meter.clone());
    let mut response = next.run(request).await;
    let [own, organization] = meter.standings.get().copied().unwrap_or_default();
    // The organization's is of interest when it is what is left.
    let organization = organization.filter(|all| own.is_none_or(|own| all.remaining < own.remaining));
    for Standing { name, per_minute, remaining, full_in, .. } in [own, organization].into_iter().flatten() {
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
    use super::*;

    #[test]
    fn a_burst_is_a_minutes_worth_and_then_it_drips() {
        let limiter = Limit::new("default", 60).unwrap();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let standing = |allowed, remaining, full_in| Standing {
            name: "default",
            per_minute: 60,
            allowed,
            remaining,
            full_in,
            next_in: 1,
        };
        assert_eq!(limiter.take(one, now), standing(true, 59, 1));
        for _ in 0..59 {
            assert!(limiter.take(one, now).allowed);
        }
        assert_eq!(limiter.take(one, now), standing(false, 0, 60));
        assert!(limiter.take(two, now).allowed, "another credential has a bucket of its own");
        // What was refused has not made it worse.
        assert!(limiter.take(one, now.plus_seconds(1)).allowed);
        assert!(!limiter.take(one, now.plus_seconds(1)).allowed);
        assert_eq!(limiter.take(one, now.plus_seconds(120)).remaining, 59);
        // A clock set back by a day costs a second, not a day.
        assert!(!limiter.take(one, now.plus_days(-1)).allowed);
        assert!(limiter.take(one, now.plus_days(-1).plus_seconds(1)).allowed);
        assert!(RateLimiter::new(0, 0).is_none());
    }
}
