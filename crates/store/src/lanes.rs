//! Who waits for whom before a write. A revocation must not wait in the queue of strangers' writes, so each lane has
//! a queue of its own, and only a few of a lane come near the database at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::StoreError;

/// How long a request waits for its turn, and then for a connection, before it is told to come back.
pub(crate) const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
/// Writes of a lane that may wait; the next one is refused.
const QUEUE: usize = 256;

/// How urgent a write is. One of a lane waits for those of its own lane that came before it, and for the few of the
/// others that are near the database already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// What takes power away, and what people administer.
    Urgent,
    /// What callers ask for otherwise.
    Ordinary,
    /// What Latchkey writes for itself: bookkeeping, sweeps.
    Background,
}

/// The queues before the database.
#[derive(Debug)]
pub(crate) struct Lanes {
    ordinary: Gate,
    background: Gate,
}

/// Held by a write until its connection is given back.
#[derive(Debug, Default)]
pub(crate) struct Places {
    _background: Option<OwnedSemaphorePermit>,
    _ordinary: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct Gate {
    /// First come, first served.
    places: Arc<Semaphore>,
    queue: Semaphore,
}

impl Lanes {
    /// Of the writes that are not urgent, `ordinary` may be near the database at once; `background` of these may be of
    /// that lane.
    pub(crate) fn new(ordinary: usize, background: usize) -> Self {
        let gate = |places| Gate { places: Arc::new(Semaphore::new(places)), queue: Semaphore::new(QUEUE) };
        Self { ordinary: gate(ordinary), background: gate(background) }
    }

    /// Waits for a turn. An urgent write needs none: it waits for a connection only.
    pub(crate) async fn enter(&self, lane: Lane) -> Result<Places, StoreError> {
        let turn = async {
            // Through both gates: of a long queue of the background, only a few wait among the ordinary ones.
            let background = match lane {
                Lane::Background => Some(self.background.enter().await?),
                Lane::Ordinary | Lane::Urgent => None,
            };
            Ok(Places { _background: background, _ordinary: Some(self.ordinary.enter().await?) })
        };
        match lane {
            Lane::Urgent => Ok(Places::default()),
            Lane::Ordinary | Lane::Background => {
                timeout(QUEUE_TIMEOUT, turn).await.map_err(|_| StoreError::from(sqlx::Error::PoolTimedOut))?
            }
        }
    }
}

impl Gate {
    async fn enter(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _waiting = self.queue.try_acquire().map_err(|_| StoreError::Busy)?;
        // Never closed.
        self.places.clone().acquire_owned().await.map_err(|_| StoreError::Busy)
    }
}
