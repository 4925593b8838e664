//! Password hashing: Argon2id with the parameters of the OWASP cheat sheet (19 MiB, 2 passes), off the async threads,
//! in a queue that is bounded and fair.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use latchkey_domain::Password;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::sign_in::Key;
use crate::stats::Count;
use crate::{Error, Random};

/// Passwords that are hashed at a time: a flood must not take the processor and memory.
const PLACES: usize = 2;
/// Those of strangers that are hashed or wait, together. The rest of the queue is for those who are known.
const STRANGERS: usize = 192;
/// All that are hashed or wait.
const ALL: usize = 256;
/// What is told to whoever finds no room, in seconds.
const RETRY_AFTER: u64 = 2;

/// Hashes and verifies passwords.
pub(crate) struct Hasher {
    queue: Queue,
    /// Verified when the email is unknown, so that the answer takes as long as for a known one.
    decoy: String,
    /// Passwords that were hashed, for whatever reason.
    pub(crate) hashed: Count,
}

/// Who keeps the hasher busy. Each waits for nobody but one of each of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// Latchkey itself, and people who are signed in.
    Inside,
    /// A browser that has signed in before.
    Device([u8; 16]),
    /// Strangers from one network.
    Network(Key),
    /// Those among them whose guesses don't count any more, unless they are right and known to come from there.
    Beyond(Key),
}

/// Where passwords wait: first for the others of the same source, of which one at a time goes on, and then in turn for a
/// place.
#[derive(Clone)]
struct Queue {
    places: Arc<Semaphore>,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    lanes: HashMap<Source, Lane>,
    strangers: usize,
    all: usize,
}

struct Lane {
    turn: Arc<Semaphore>,
    inside: usize,
}

/// Room in the queue, which is free again when it is dropped.
pub(crate) struct Room {
    queue: Queue,
    source: Source,
    turn: Arc<Semaphore>,
}

/// The right to hash one password now.
struct Place {
    #[expect(dead_code, reason = "held for what dropping it does")]
    held: [OwnedSemaphorePermit; 2],
    #[expect(dead_code, reason = "held for what dropping it does")]
    room: Room,
}

impl Source {
    /// Those of this source that may be hashed or wait.
    const fn most(self) -> usize {
        match self {
            Self::Inside => ALL - STRANGERS,
            Self::Device(_) | Self::Beyond(_) => 8,
            Self::Network(_) => 32,
        }
    }

    const fn is_stranger(self) -> bool {
        matches!(self, Self::Network(_) | Self::Beyond(_))
    }
}

impl Hasher {
    pub(crate) fn new() -> Self {
        // A valid hash of nothing anybody knows: made of a constant, it only has to cost as much.
        let decoy = Argon2::default()
            .hash_password_with_salt(b"no account has this password", b"latchkey decoy 1")
            .map(|hash: PasswordHash| hash.to_string())
            .unwrap_or_default();
        let queue = Queue { places: Arc::new(Semaphore::new(PLACES)), inside: Arc::default() };
        Self { queue, decoy, hashed: Count::default() }
    }

    /// The PHC string to store, for Latchkey itself or somebody who is signed in.
    pub(crate) async fn hash(&self, password: Password, random: &dyn Random) -> Result<String, Error> {
        self.hash_in(self.enter(Source::Inside)?, password, random).await
    }

    /// Room for one password of a source, before anything is done for it. `Busy` when too many wait.
    pub(crate) fn enter(&self, source: Source) -> Result<Room, Error> {
        self.queue.enter(source)
    }

    /// The PHC string to store.
    pub(crate) async fn hash_in(&self, room: Room, password: Password, random: &dyn Random) -> Result<String, Error> {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        self.work(room, move || {
            let hash: Option<PasswordHash> =
                Argon2::default().hash_password_with_salt(password.reveal().as_bytes(), &salt).ok();
            hash.map(|hash| hash.to_string())
        })
        .await?
        .ok_or(Error::Unavailable)
    }

    /// Whether the password is the one of the hash; `None` (unknown email, or an account without password) costs the
    /// same.
    pub(crate) async fn verify_in(&self, room: Room, password: Password, hash: Option<String>) -> Result<bool, Error> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let matches = self
            .work(room, move || {
                PasswordHash::new(&hash)
                    .is_ok_and(|hash| Argon2::default().verify_password(password.reveal().as_bytes(), &hash).is_ok())
            })
            .await?;
        Ok(known && matches)
    }

    async fn work<T: Send + 'static>(&self, room: Room, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let place = room.place().await?;
        self.hashed.add(1);
        // A thread of its own costs a thousandth of a hash, and can stand behind those that answer requests.
        let (done, result) = oneshot::channel();
        let hashing = thread::Builder::new().name("password".to_owned()).spawn(move || {
            stand_behind();
            let _ = done.send(work());
            drop(place);
        });
        hashing.map_err(|_| Error::Unavailable)?;
        result.await.map_err(|_| Error::Unavailable)
    }
}

/// Lowers the priority of this thread: while passwords are hashed, whoever waits for less comes first.
fn stand_behind() {
    // Elsewhere, it would be that of the whole process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(5);
}

impl Queue {
    fn enter(&self, source: Source) -> Result<Room, Error> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let of_source = inside.lanes.get(&source).map_or(0, |lane| lane.inside);
        let full =
            of_source >= source.most() || inside.all >= ALL || source.is_stranger() && inside.strangers >= STRANGERS;
        if full {
            return Err(Error::Busy { retry_after: RETRY_AFTER });
        }
        inside.all += 1;
        inside.strangers += usize::from(source.is_stranger());
        let lane = inside.lanes.entry(source).or_insert_with(|| Lane { turn: Arc::new(Semaphore::new(1)), inside: 0 });
        lane.inside += 1;
        Ok(Room { queue: self.clone(), source, turn: lane.turn.clone() })
    }
}

impl Room {
    async fn place(self) -> Result<Place, Error> {
        let turn = self.turn.clone().acquire_owned().await.map_err(|_| Error::Unavailable)?;
        let place = self.queue.places.clone().acquire_owned().await.map_err(|_| Error::Unavailable)?;
        Ok(Place { held: [turn, place], room: self })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut inside = self.queue.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.all -= 1;
        inside.strangers -= usize::from(self.source.is_stranger());
        if let Some(lane) = inside.lanes.get_mut(&self.source) {
            lane.inside -= 1;
            if lane.inside == 0 {
                inside.lanes.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        Queue { places: Arc::new(Semaphore::new(PLACES)), inside: Arc::default() }
    }

    fn network(number: u16) -> Source {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&number.to_be_bytes());
        Source::Network(key)
    }

    #[test]
    fn the_queue_is_bounded_for_each_and_for_all() {
        let queue = queue();
        let busy = |source| matches!(queue.enter(source), Err(Error::Busy { retry_after: RETRY_AFTER }));
        let mut one: Vec<_> = (0..32).map(|_| queue.enter(network(0)).unwrap()).collect();
        assert!(busy(network(0)), "one network has its share");
        let mut others: Vec<_> = (1..=160).map(|number| queue.enter(network(number)).unwrap()).collect();
        assert!(busy(network(1_000)) && busy(Source::Beyond([1; 32])), "strangers have theirs");
        // A browser that is known and Latchkey itself find room whatever strangers do.
        others.extend((0..8).map(|_| queue.enter(Source::Device([1; 16])).unwrap()));
        assert!(busy(Source::Device([1; 16])));
        others.extend((0..56).map(|_| queue.enter(Source::Inside).unwrap()));
        assert!(busy(Source::Device([2; 16])), "all that is known is bounded, too");
        // Room that is left is room for the next, and nothing is remembered of who has gone.
        one.pop();
        others.pop();
        others.push(queue.enter(network(1_000)).unwrap());
        drop((one, others));
        let inside = queue.inside.lock().unwrap();
        assert_eq!((inside.all, inside.strangers, inside.lanes.len()), (0, 0, 0));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_comes_after_a_flood_does_not_wait_for_it() {
        let queue = queue();
        let held = queue.places.clone().acquire_many_owned(2).await.unwrap();
        let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mut waiting = Vec::new();
        for (name, source) in (0..20).map(|_| ("flood", network(1))).chain([("victim", network(2))]) {
            let (queue, said) = (queue.clone(), said.clone());
            waiting.push(tokio::spawn(async move {
                let place = queue.enter(source).unwrap().place().await.unwrap();
                said.send(name).unwrap();
                drop(place);
            }));
            // The task runs until it waits.
            tokio::task::yield_now().await;
        }
        drop(held);
        for task in waiting {
            task.await.unwrap();
        }
        let order: Vec<_> = (0..21).map(|_| heard.try_recv().unwrap()).collect();
        let place = order.iter().position(|name| *name == "victim").unwrap();
        assert!(place <= PLACES, "behind one of the flood, not behind twenty: {order:?}");
    }
}
