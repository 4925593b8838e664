//! Nonces in the database: one transaction for all that wait.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use latchkey_domain::Timestamp;
use latchkey_store::nonces;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{LEAP_SECONDS, Outcome, Source, needed_until};
use crate::transaction::Purpose;
use crate::{Error, Service};

/// Nonces of one transaction.
const GROUP: usize = 500;
/// Nonces of one token or user that may wait: more than one batch of `/api/verify` asks about.
const OF_ONE: usize = 200;
/// Nonces of one organization that may wait.
const OF_ORGANIZATION: usize = 1_000;
/// Nonces that may wait in all.
const IN_ALL: usize = 5_000;

/// Nonces that wait for their transaction.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Line>);

#[derive(Default)]
struct Line {
    items: Vec<Item>,
    /// How many of each token, user and organization are waiting or being written.
    of: HashMap<Uuid, usize>,
    in_all: usize,
    /// A task is writing.
    working: bool,
}

struct Item {
    key: [u8; 32],
    at: Timestamp,
    answer: oneshot::Sender<Outcome>,
    _place: Place,
}

/// A place in the line; given back when dropped.
struct Place {
    waiting: Arc<Waiting>,
    of: Source,
}

/// Says that nobody writes any more if the task that writes panics.
struct Working(Arc<Waiting>);

impl Drop for Working {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.line().working = false;
        }
    }
}

impl Source {
    fn ids(self) -> impl Iterator<Item = (Uuid, usize)> {
        [(self.who, OF_ONE)].into_iter().chain(self.organization.map(|id| (id, OF_ORGANIZATION)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.waiting.line();
        line.in_all -= 1;
        for (id, _) in self.of.ids() {
            if let Some(count) = line.of.get_mut(&id) {
                *count -= 1;
                if *count == 0 {
                    line.of.remove(&id);
                }
            }
        }
    }
}

impl Waiting {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place in the line, unless its source or all together have too many.
    fn place(self: &Arc<Self>, of: Source) -> Result<Place, Error> {
        let mut line = self.line();
        let full = of.ids().any(|(id, most)| line.of.get(&id).is_some_and(|count| *count >= most));
        if full || line.in_all >= IN_ALL {
            return Err(Error::TooManyAtOnce { of: "signed requests", retry_after: 1 });
        }
        line.in_all += 1;
        for (id, _) in of.ids() {
            *line.of.entry(id).or_default() += 1;
        }
        Ok(Place { waiting: self.clone(), of })
    }

    /// The next group, in the order in which they came. Empty: nobody waits, and the task that asks ends.
    fn next(&self) -> Vec<Item> {
        let mut line = self.line();
        let count = line.items.len().min(GROUP);
        // Said under the same lock, so that who comes next begins another task.
        line.working = count > 0;
        line.items.drain(..count).collect()
    }
}

impl Service {
    pub(super) async fn take_in_group(&self, key: [u8; 32], at: Timestamp, of: Source) -> Result<Outcome, Error> {
        let keeper = &self.inner.nonces;
        if keeper.taken.get(&key).is_some_and(|until| until >= self.now()) {
            return Ok(Outcome::Used);
        }
        let place = keeper.waiting.place(of)?;
        let (answer, outcome) = oneshot::channel();
        let begin = {
            let mut line = keeper.waiting.line();
            line.items.push(Item { key, at, answer, _place: place });
            !std::mem::replace(&mut line.working, true)
        };
        if begin {
            // A task of its own: a request that is given up must not end the others' transaction.
            tokio::spawn(self.clone().take_groups(Working(keeper.waiting.clone())));
        }
        Ok(outcome.await.unwrap_or(Outcome::Unavailable))
    }

    async fn take_groups(self, working: Working) {
        loop {
            let group = working.0.next();
            if group.is_empty() {
                return;
            }
            let outcomes = match self.take_all(&group).await {
                Ok(outcomes) => outcomes,
                Err(error) => {
                    tracing::error!(%error, "nonces could not be written");
                    vec![Outcome::Unavailable; group.len()]
                }
            };
            for (item, outcome) in group.into_iter().zip(outcomes) {
                if outcome == Outcome::Taken {
                    self.inner.nonces.taken.insert(item.key, needed_until(item.at));
                }
                // Whoever asked may have gone.
                let _ = item.answer.send(outcome);
            }
        }
    }

    /// What becomes of each of a group.
    async fn take_all(&self, group: &[Item]) -> Result<Vec<Outcome>, Error> {
        self.mind_history().await?;
        // Of two with the same key, the first counts. By key, so that no two transactions can wait for each other.
        let mut first: BTreeMap<[u8; 32], usize> = BTreeMap::new();
        for (at, item) in group.iter().enumerate() {
            first.entry(item.key).or_insert(at);
        }
        let mut outcomes = vec![Outcome::Used; group.len()];
        // A replay costs no write.
        let keys: Vec<_> = first.keys().copied().collect();
        for used in nonces::used(self.store(), &keys).await? {
            first.remove(&used);
        }
        if first.is_empty() {
            return Ok(outcomes);
        }
        let heartbeat_at = self.inner.nonces.state().and_then(|state| state.heartbeat_at);
        let mut tx = self.begin_system(Purpose::Request).await?;
        let found = nonces::state_in(&mut tx).await?;
        if found.heartbeat_at < heartbeat_at {
            // What was committed is not there any more.
            drop(tx);
            self.lose_nonces().await?;
            return Err(Error::Unavailable);
        }
        first.retain(|_, at| {
            let good = group[*at].at > found.since;
            if !good {
                outcomes[*at] = Outcome::Lost(found.since);
            }
            good
        });
        if let Some(latest) = first.values().map(|at| group[*at].at).max() {
            if latest > found.horizon {
                nonces::advance(&mut tx, latest.plus_seconds(LEAP_SECONDS), Timestamp::EPOCH).await?;
            }
            let keys: Vec<_> = first.keys().copied().collect();
            let taken = nonces::insert_unused(&mut tx, &keys, needed_until(latest)).await?;
            tx.commit().await?;
            for key in taken {
                outcomes[first[&key]] = Outcome::Taken;
            }
        }
        Ok(outcomes)
    }
}
