use std::time::UNIX_EPOCH;

use std::pin::Pin;

use latchkey_domain::Timestamp;
use thiserror::Error;
use uuid::Uuid;

/// What time it is. Passed in, so that tests set it instead of sleeping.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// Where randomness comes from. Passed in, so that tests can repeat a run.
pub trait Random: Send + Sync {
    /// Fills the bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// An id that sorts by time of creation (UUID version 7, RFC 9562, section 5.7).
    fn id(&self, now: Timestamp) -> Uuid {
        let mut bytes = [0; 10];
        self.fill(&mut bytes);
        uuid::Builder::from_unix_timestamp_millis(now.millis().unsigned_abs(), &bytes).into_uuid()
    }
}

/// Where the nonces of signed requests are kept, so that none is good twice on any replica.
pub trait Nonces: Send + Sync {
    /// Uses a nonce up: true the first time within `seconds`.
    fn take(&self, key: [u8; 32], seconds: i64)
    -> Pin<Box<dyn Future<Output = Result<bool, NoncesError>> + Send + '_>>;
}

/// The store of nonces does not answer; the text is for the log.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct NoncesError(pub String);

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else asks")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The operating system's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::expect_used, reason = "without randomness there is no safe way on")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
