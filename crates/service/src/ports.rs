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

    /// An id of nothing but randomness (UUID version 4, RFC 9562, section 5.4).
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// An id that sorts by time of creation (UUID version 7, RFC 9562, section 5.7).
    fn id(&self, now: Timestamp) -> Uuid {
        let mut bytes = [0; 10];
        self.fill(&mut bytes);
        uuid::Builder::from_unix_timestamp_millis(now.millis().unsigned_abs(), &bytes).into_uuid()
    }
}

/// Where the nonces of signed requests are kept, so that none is good twice on any replica. It may lose them, but tells:
/// those that it still has belong to an epoch, of which nothing is missing.
pub trait Nonces: Send + Sync {
    /// Uses a nonce up for so many seconds, if those that are there belong to an epoch; at once.
    fn take(&self, key: [u8; 32], seconds: i64, epoch: Uuid) -> Asked<'_, Taken>;

    /// Which epoch is there.
    fn epoch(&self) -> Asked<'_, Epoch>;

    /// Begins an epoch in the place of what was found; nothing happens if something else is there by now.
    fn begin(&self, new: Uuid, found: &Epoch) -> Asked<'_, ()>;
}

/// What a store of nonces is asked.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, NoncesError>> + Send + 'a>>;

/// What became of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was not used before.
    First,
    /// It was.
    Again,
    /// The nonces that are there belong to another epoch, or some are missing: it was not taken.
    OtherEpoch,
}

/// What says there to which epoch nonces belong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epoch {
    /// As it stands there; empty for nothing.
    pub text: Vec<u8>,
    /// The epoch, if none of its nonces is missing.
    pub whole: Option<Uuid>,
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
