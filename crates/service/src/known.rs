//! What is remembered of API tokens between requests, so that most are checked without the database; and why that is
//! never out of date. The proof is in `docs/revocation.md`.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use latchkey_domain::{OrganizationId, RepositoryAccess, RepositoryId, SecretHash, Timestamp};
use latchkey_store::changes::{Mark, Since, Watch};
use latchkey_store::{Store, StoreError, repositories, tokens, tokens::Token};
use quick_cache::sync::Cache;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::Error;
use crate::stats::Count;

/// Tokens to remember, at about a kilobyte each.
const TOKENS: usize = 65_536;
/// Names of repositories to remember.
const REPOSITORIES: usize = 65_536;
/// Changed objects to tell apart; beyond it, everything is forgotten.
const CHANGED: usize = 100_000;
/// A look at the database that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// An API token with the repositories that it lists, as it stood at a change.
#[derive(Debug)]
pub struct KnownToken {
    pub token: Token,
    /// Id and name; empty for all.
    pub repositories: Vec<(RepositoryId, String)>,
    /// Of the secret that was presented.
    pub(crate) hash: SecretHash,
    /// The secret that was presented is not the current one; see `tokens/overlap.rs`.
    pub(crate) retired_until: Option<Timestamp>,
    /// The newest change that was known before this was read.
    read_at: i64,
    /// The last use that this replica has seen, in microseconds; 0 for none.
    used_at: AtomicI64,
}

impl Deref for KnownToken {
    type Target = Token;

    fn deref(&self) -> &Token {
        &self.token
    }
}

impl KnownToken {
    /// The same as it is within a transaction.
    pub(crate) fn again(&self, found: tokens::Found, repositories: Vec<(RepositoryId, String)>) -> Self {
        let used_at = AtomicI64::new(self.used_at.load(Ordering::Relaxed));
        let tokens::Found { token, retired_until } = found;
        Self { token, repositories, hash: self.hash, retired_until, read_at: self.read_at, used_at }
    }

    /// The repositories that the token reaches.
    pub fn reach(&self) -> RepositoryAccess {
        if self.token.all_repositories {
            RepositoryAccess::All
        } else {
            RepositoryAccess::Only(self.repositories.iter().map(|(id, _)| *id).collect())
        }
    }

    /// When it was last used or, if never, created, as far as this replica knows.
    pub(crate) fn idle_since(&self) -> Timestamp {
        let stored = self.token.last_use.as_ref().map_or(self.token.created_at, |last| last.at);
        stored.max(Timestamp::from_micros(self.used_at.load(Ordering::Relaxed)))
    }

    pub(crate) fn used(&self, at: Timestamp) {
        self.used_at.fetch_max(at.micros(), Ordering::Relaxed);
    }
}

/// A repository by one of its names, as of a change.
#[derive(Clone, Copy)]
struct KnownRepository {
    id: RepositoryId,
    read_at: i64,
}

/// The memory. An entry counts only while no newer change names its object.
pub(crate) struct Known {
    store: Store,
    watch: Watch,
    tokens: Cache<[u8; 32], Arc<KnownToken>>,
    repositories: Cache<(OrganizationId, String), KnownRepository>,
    seen: RwLock<Seen>,
    /// Requests that have asked whether anything changed; the number of each is when it came.
    arrivals: AtomicU64,
    pub(crate) hits: Count,
    pub(crate) reads: Count,
    pub(crate) looks: Count,
    /// The arrivals before a glance at the mark that found nothing new.
    quiet_up_to: AtomicU64,
    /// The look that is under way; holds what the last one covered.
    looking: Mutex<Covered>,
}

/// Which changes are known.
#[derive(Default)]
struct Seen {
    /// All up to this one; before the first look, none.
    newest: Option<i64>,
    /// Whatever was read before this one is forgotten.
    floor: i64,
    /// The newest change of each object since then.
    changed: HashMap<Uuid, i64>,
    /// The database was quiet since then if this still holds.
    mark: Option<Mark>,
}

/// The arrivals that the last look was for, and whether it succeeded.
#[derive(Default)]
struct Covered {
    up_to: u64,
    failed: bool,
}

impl Known {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            watch: Watch::new(store.clone()),
            store,
            tokens: Cache::new(TOKENS),
            repositories: Cache::new(REPOSITORIES),
            seen: RwLock::default(),
            arrivals: AtomicU64::new(0),
            quiet_up_to: AtomicU64::new(0),
            hits: Count::default(),
            reads: Count::default(),
            looks: Count::default(),
            looking: Mutex::default(),
        }
    }

    /// The token of a secret, as it is now: whatever was committed before this was called is taken into account.
    pub(crate) async fn token(&self, hash: &SecretHash) -> Result<Option<Arc<KnownToken>>, Error> {
        self.catch_up().await?;
        if let Some(known) = self.tokens.get(hash.as_bytes())
            && self.seen().still_hold(known.token.id.0, known.read_at)
        {
            self.hits.add(1);
            return Ok(Some(known));
        }
        self.reads.add(1);
        // Known before the row is read: a change after it makes the entry worthless, whenever it is put in.
        let read_at = self.seen().newest.unwrap_or_default();
        let Some(found) = tokens::by_secret(&self.store, hash).await? else { return Ok(None) };
        let tokens::Found { token, retired_until } = found;
        let repositories =
            if token.all_repositories { Vec::new() } else { tokens::repositories(&self.store, token.id).await? };
        let known = Arc::new(KnownToken {
            token,
            repositories,
            hash: *hash,
            retired_until,
            read_at,
            used_at: AtomicI64::new(0),
        });
        self.tokens.insert(*hash.as_bytes(), known.clone());
        Ok(Some(known))
    }

    /// The organization's repository of an id or full name. For a request whose token has come from
    /// [`Known::token`]: that call has caught up for this one, too.
    pub(crate) async fn repository(
        &self,
        organization: OrganizationId,
        asked: &str,
    ) -> Result<Option<RepositoryId>, Error> {
        let key = (organization, asked.to_owned());
        if let Some(known) = self.repositories.get(&key)
            && self.seen().still_hold(known.id.0, known.read_at)
        {
            return Ok(Some(known.id));
        }
        let read_at = self.seen().newest.unwrap_or_default();
        let found = match asked.parse() {
            Ok(id) => repositories::by_id(&self.store, organization, id).await?,
            Err(_) => repositories::by_name(&self.store, organization, asked).await?,
        };
        let id = found.map(|repository| repository.id);
        if let Some(id) = id {
            self.repositories.insert(key, KnownRepository { id, read_at });
        }
        Ok(id)
    }

    /// How many tokens are remembered.
    pub(crate) fn len(&self) -> u64 {
        self.tokens.len() as u64
    }

    fn seen(&self) -> RwLockReadGuard<'_, Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when every change is known that was committed before the call. One look serves all who came before it
    /// began; who comes later waits for the next one.
    async fn catch_up(&self) -> Result<(), Error> {
        let arrival = self.arrivals.fetch_add(1, Ordering::SeqCst) + 1;
        // Those whose requests are here already come first, so that the look is for them, too.
        tokio::task::yield_now().await;
        if self.quiet_up_to.load(Ordering::SeqCst) >= arrival {
            return Ok(());
        }
        let up_to = self.arrivals.load(Ordering::SeqCst);
        let mark = self.watch.mark();
        if mark.is_some() && mark == self.seen().mark {
            self.quiet_up_to.fetch_max(up_to, Ordering::SeqCst);
            return Ok(());
        }
        let mut covered = self.looking.lock().await;
        if covered.up_to < arrival {
            let up_to = self.arrivals.load(Ordering::SeqCst);
            let looked = tokio::time::timeout(PATIENCE, self.look()).await;
            *covered = Covered { up_to, failed: !matches!(looked, Ok(Ok(()))) };
            if let Ok(Err(error)) = looked {
                return Err(error.into());
            }
        }
        if covered.failed { Err(Error::Unavailable) } else { Ok(()) }
    }

    async fn look(&self) -> Result<(), StoreError> {
        self.looks.add(1);
        // Taken before: a commit during the look makes it another one.
        let mark = self.watch.mark();
        let known = self.seen().newest;
        let since = match known {
            Some(newest) => self.watch.look(newest).await?,
            None => Since::Anything(latchkey_store::changes::newest(&self.store).await?),
        };
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        seen.mark = mark;
        match since {
            Since::These(newest, objects) => {
                seen.newest = Some(newest);
                seen.changed.extend(objects.into_iter().map(|object| (object, newest)));
                if seen.changed.len() > CHANGED {
                    seen.forget_all(newest);
                }
            }
            Since::Anything(newest) => seen.forget_all(newest),
        }
        Ok(())
    }
}

impl Seen {
    /// Whether what was read of an object is still so.
    fn still_hold(&self, object: Uuid, read_at: i64) -> bool {
        read_at >= self.floor && self.changed.get(&object).is_none_or(|changed| *changed <= read_at)
    }

    fn forget_all(&mut self, newest: i64) {
        *self = Self { newest: Some(newest), floor: newest, changed: HashMap::new(), mark: self.mark };
    }
}
