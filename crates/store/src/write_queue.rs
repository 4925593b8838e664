//! The queues of writes before the database. A revocation must not wait in the queue of other people's writes, so each
//! priority has a queue of its own, and only a few writes of a priority come near the database at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::StoreError;

/// How long a request waits for its turn, and then for a connection, before it is told to come back.
pub(crate) const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
/// Writes that may wait in one queue; the next one is refused.
const QUEUE_MAX: usize = 256;

/// How urgent a write is. It waits for the writes of its own priority that came before it, and for the few of the others
/// that are near the database already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WritePriority {
    /// What takes power away, and what people administer.
    Urgent,
    /// What callers ask for otherwise.
    Normal,
    /// What Latchkey writes for itself: bookkeeping, sweeps.
    Background,
}

#[derive(Debug)]
pub(crate) struct WriteQueues {
    normal: Queue,
    background: Queue,
}

/// Held by a write until its connection is given back.
#[derive(Debug, Default)]
pub(crate) struct WritePermit {
    _background: Option<OwnedSemaphorePermit>,
    _normal: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct Queue {
    /// First come, first served.
    running: Arc<Semaphore>,
    waiting: Semaphore,
}

impl WriteQueues {
    /// Of the writes that are not urgent, `normal` may be near the database at once; `background` of these may be of that
    /// priority.
    pub(crate) fn new(normal: usize, background: usize) -> Self {
        let queue = |running| Queue { running: Arc::new(Semaphore::new(running)), waiting: Semaphore::new(QUEUE_MAX) };
        Self { normal: queue(normal), background: queue(background) }
    }

    /// Waits for a turn. An urgent write needs none: it waits for a connection only.
    pub(crate) async fn acquire(&self, priority: WritePriority) -> Result<WritePermit, StoreError> {
        let turn = async {
            // Through both queues: of a long queue of the background, only a few wait among the normal ones.
            let background = match priority {
                WritePriority::Background => Some(self.background.acquire().await?),
                WritePriority::Normal | WritePriority::Urgent => None,
            };
            Ok(WritePermit { _background: background, _normal: Some(self.normal.acquire().await?) })
        };
        match priority {
            WritePriority::Urgent => Ok(WritePermit::default()),
            WritePriority::Normal | WritePriority::Background => {
                timeout(QUEUE_TIMEOUT, turn).await.map_err(|_| StoreError::from(sqlx::Error::PoolTimedOut))?
            }
        }
    }
}

impl Queue {
    async fn acquire(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        if let Ok(permit) = self.running.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self.waiting.try_acquire().map_err(|_| StoreError::Busy)?;
        // Never closed.
        self.running.clone().acquire_owned().await.map_err(|_| StoreError::Busy)
    }
}
