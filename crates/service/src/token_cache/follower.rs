//! Follows what is committed: which changes are known, and the polls that keep them up to date.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use latchkey_domain::Timestamp;
use latchkey_store::changes::{ChangePoller, ChangesSince, ResetReason};
use latchkey_store::{Store, StoreError};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::seen_changes::{Age, SeenChanges};
use crate::stats::Count;
use crate::{Clock, Error};

/// A poll of the database that takes longer has failed.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);

/// Knows which changes were committed, as of the last poll.
pub(super) struct Follower {
    poller: ChangePoller,
    clock: Arc<dyn Clock>,
    seen: RwLock<SeenChanges>,
    polls: Count,
    turns: Mutex<Turns>,
}

/// Who polls, and who waits for it.
#[derive(Default)]
struct Turns {
    /// Whether a task polls.
    polling: bool,
    /// The next poll, if somebody waits for it already.
    next: Option<Arc<Poll>>,
    /// Why the last poll did not believe the database, although it answered.
    untrusted: Option<&'static str>,
}

/// One poll of the database, for all who asked for it before it began.
#[derive(Default)]
struct Poll {
    succeeded: OnceLock<bool>,
    ended: Notify,
}

/// The task that polls as long as somebody waits. However it ends, nobody is left waiting.
struct PollingTask {
    follower: Arc<Follower>,
    current: Option<Arc<Poll>>,
    /// Nobody waits, and whoever comes begins another task.
    is_over: bool,
}

impl Follower {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            poller: ChangePoller::new(store),
            clock,
            seen: RwLock::default(),
            polls: Count::default(),
            turns: Mutex::default(),
        })
    }

    pub(super) fn seen(&self) -> RwLockReadGuard<'_, SeenChanges> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all that was read since comes from the server of the last poll.
    pub(super) fn is_current(&self, age: &Age) -> bool {
        self.poller.is_current(age.server)
    }

    pub(super) fn polls(&self) -> u64 {
        self.polls.get()
    }

    pub(super) fn untrusted(&self) -> Option<&'static str> {
        self.turns().untrusted
    }

    /// Returns when every change is known that was committed before the call. One poll serves all who came before it
    /// began; who comes later waits for the next one.
    pub(super) async fn catch_up(self: &Arc<Self>) -> Result<(), Error> {
        if let Some(header) = self.poller.wal_header()
            && self.seen().is_unchanged(Some(header), self.clock.now())
        {
            return Ok(());
        }
        if self.next_poll().succeeded().await { Ok(()) } else { Err(Error::Unavailable) }
    }

    /// The poll that begins next, in a task of its own: a request that goes away takes it from nobody else.
    fn next_poll(self: &Arc<Self>) -> Arc<Poll> {
        let (next, polling) = {
            let mut turns = self.turns();
            let next = turns.next.get_or_insert_default().clone();
            (next, mem::replace(&mut turns.polling, true))
        };
        // Without the lock: a runtime that is shutting down drops the task at once.
        if !polling {
            tokio::spawn(PollingTask { follower: self.clone(), current: None, is_over: false }.run());
        }
        next
    }

    async fn poll(&self) -> Result<(), StoreError> {
        self.polls.add(1);
        // Taken before: a commit during the poll changes it.
        let (now, header) = (self.clock.now(), self.poller.wal_header());
        let known = self.seen().newest;
        let since = self.poller.poll(known).await?;
        if let ChangesSince::Reset(newest, ResetReason::HistoryChanged) = &since {
            let known = known.map(|known| known.number);
            tracing::warn!(
                known,
                found = newest.number,
                "the database has another history than before: after a failover \
                or a restore, what was committed last may be lost; everything remembered is forgotten"
            );
        }
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        seen.apply(since, header, now);
        seen.server = self.poller.epoch();
        Ok(())
    }

    /// When this replica last found that the database has another history than before.
    pub(super) fn history_broke_at(&self) -> Option<Timestamp> {
        self.seen().broke_at
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Poll {
    async fn succeeded(&self) -> bool {
        // From here on it hears of the end.
        let ended = self.ended.notified();
        if self.succeeded.get().is_none() {
            ended.await;
        }
        self.succeeded.get().copied().unwrap_or_default()
    }

    fn end(&self, succeeded: bool) {
        let _ = self.succeeded.set(succeeded);
        self.ended.notify_waiters();
    }
}

impl PollingTask {
    async fn run(mut self) {
        // Those whose requests are here already come first, so that the poll is for them, too.
        tokio::task::yield_now().await;
        while let Some(poll) = self.begin() {
            let polled = timeout(POLL_TIMEOUT, self.follower.poll()).await;
            let untrusted = match &polled {
                Ok(Err(error)) => error.untrusted(),
                _ => None,
            };
            self.follower.turns().untrusted = untrusted;
            poll.end(matches!(polled, Ok(Ok(()))));
            if let Ok(Err(error)) = polled
                && let Error::Internal(error) = Error::from(error)
            {
                tracing::error!(%error, "can't poll the database for changes");
            }
        }
    }

    /// Takes what waits; from now on, whoever comes waits for the poll after it.
    fn begin(&mut self) -> Option<Arc<Poll>> {
        let mut turns = self.follower.turns();
        self.current = turns.next.take();
        self.is_over = self.current.is_none();
        turns.polling = !self.is_over;
        self.current.clone()
    }
}

impl Drop for PollingTask {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let next = {
            let mut turns = self.follower.turns();
            turns.polling = false;
            turns.next.take()
        };
        for left in [self.current.take(), next].into_iter().flatten() {
            left.end(false);
        }
    }
}
