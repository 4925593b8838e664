//! Nonces of signed requests: each is good once, on every replica, whatever is lost. `docs/signing.md` says why.
//!
//! That a nonce is not there proves that it was not used only while the store of nonces is known to be whole. So the
//! database holds what is known of it: up to which timestamp signatures were accepted (the horizon), and up to which
//! they are refused, because their nonces may be gone (`since`).

mod elsewhere;
mod group;
mod whole;

use std::sync::{Arc, PoisonError, RwLock};

use latchkey_domain::{Secret, Signature, Timestamp};
use latchkey_store::nonces::NonceState;
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use self::group::Waiting;
use crate::{AuthenticationError, Error, Nonces, Service};

/// How far ahead of an accepted signature the horizon is moved, in seconds: the database is written to once in so long,
/// and honest clients wait about so long after a loss.
const LEAP_SECONDS: i64 = 3;
/// Nonces that this replica remembers to have taken, so that a replay costs no query.
const REMEMBERED: usize = 65_536;

/// Whose signature it is: what it may keep waiting is bounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// The token or user.
    pub(crate) who: Uuid,
    /// The token's organization.
    pub(crate) organization: Option<Uuid>,
}

/// What became of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It was not used before.
    Taken,
    /// It was.
    Used,
    /// Nobody knows any more: the signature is not later than this.
    Lost(Timestamp),
    /// The database does not tell.
    Unavailable,
}

/// What a replica knows of the nonces.
pub(crate) struct Keeper {
    /// Where they are kept; `None`: in the database.
    pub(crate) elsewhere: Option<Arc<dyn Nonces>>,
    opened: OnceCell<()>,
    state: RwLock<Option<NonceState>>,
    /// Held while the state is read or changed.
    changing: Mutex<()>,
    /// The last break of the database's history that was acted on.
    minded: RwLock<Option<Timestamp>>,
    waiting: Arc<Waiting>,
    /// Until when each is remembered, of those that this replica has taken.
    taken: Cache<[u8; 32], Timestamp>,
}

impl Keeper {
    pub(crate) fn new() -> Self {
        Self {
            elsewhere: None,
            opened: OnceCell::new(),
            state: RwLock::default(),
            changing: Mutex::default(),
            minded: RwLock::default(),
            waiting: Arc::default(),
            taken: Cache::new(REMEMBERED),
        }
    }

    fn state(&self) -> Option<NonceState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn know(&self, state: NonceState) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }
}

impl Service {
    /// Uses the nonce of a right signature up, or refuses it.
    pub(crate) async fn take_nonce(&self, secret: &Secret, signature: &Signature, of: Source) -> Result<(), Error> {
        let (key, at) = (signature.nonce_key(secret), signature.at());
        let outcome = match &self.inner.nonces.elsewhere {
            Some(elsewhere) => self.take_elsewhere(&**elsewhere, key, at).await?,
            None => self.take_in_group(key, at, of).await?,
        };
        match outcome {
            Outcome::Taken => Ok(()),
            Outcome::Used => Err(AuthenticationError::Replayed.into()),
            Outcome::Lost(since) => {
                // By the signer's own clock, the first signature that is later.
                let micros = since.micros().saturating_sub(at.micros()).max(0);
                let retry_after = u64::try_from(micros / 1_000_000).unwrap_or_default() + 1;
                Err(Error::NoncesLost { retry_after })
            }
            Outcome::Unavailable => Err(Error::NoncesUnavailable),
        }
    }
}

/// Until when the nonce of a signature is needed.
fn needed_until(at: Timestamp) -> Timestamp {
    at.plus_seconds(Signature::WINDOW_SECONDS)
}
