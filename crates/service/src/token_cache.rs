//! What is remembered of API tokens and organizations between requests, so that most are checked without the database;
//! and why that is never out of date. The proof is in `docs/revocation.md`.

mod follower;
mod memory;
mod seen_changes;

use std::any::Any;
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use latchkey_domain::{OrganizationId, OrganizationKey, RepositoryAccess, RepositoryId, SecretHash, Timestamp};
use latchkey_store::{
    Store, StoreError, changes, organizations, organizations::Organization, repositories, tokens, tokens::Token,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::follower::Follower;
use self::memory::Memory;
use self::seen_changes::{Age, SeenChanges};
use crate::stats::Count;
use crate::{Clock, Error};

/// An API token with the repositories that it lists, as it stood at a change.
#[derive(Debug)]
pub struct CachedToken {
    pub token: Token,
    /// That it lists, by name; empty for all.
    pub repositories: Box<[RepositoryId]>,
    /// That it belongs to, if any.
    pub organization: Option<CachedOrganization>,
    /// Of the secret that was presented.
    pub(crate) hash: SecretHash,
    /// The secret that was presented is not the current one; see `tokens/overlap.rs`.
    pub(crate) retired_until: Option<Timestamp>,
    age: Age,
    /// What a transport says of it.
    told: OnceLock<Box<dyn Any + Send + Sync>>,
    /// The last use that this replica has seen, in microseconds; 0 for none.
    used_at: AtomicI64,
    /// In bytes, as it was read.
    weight: usize,
}

/// An organization that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedOrganization {
    pub id: OrganizationId,
    pub name: Arc<str>,
}

impl From<Organization> for CachedOrganization {
    fn from(found: Organization) -> Self {
        Self { id: found.id, name: found.name.into() }
    }
}

impl CachedOrganization {
    fn of(token: &Token) -> Option<Self> {
        let id = token.level.organization()?;
        Some(Self { id, name: token.organization_name.as_str().into() })
    }
}

impl Deref for CachedToken {
    type Target = Token;

    fn deref(&self) -> &Token {
        &self.token
    }
}

impl CachedToken {
    /// The same as it is within a transaction.
    pub(crate) fn again(&self, found: tokens::Found, repositories: Vec<RepositoryId>) -> Self {
        let used_at = AtomicI64::new(self.used_at.load(Ordering::Relaxed));
        let (tokens::Found { token, retired_until }, age, told) = (found, self.age.again(), OnceLock::new());
        let (organization, repositories) = (CachedOrganization::of(&token), repositories.into_boxed_slice());
        Self { token, repositories, organization, hash: self.hash, retired_until, age, told, used_at, weight: 0 }
    }

    /// What a transport says of the token in each answer: it is put together once, and kept as long as the token is
    /// remembered. `None` if another transport keeps something else.
    pub fn told<T: Any + Send + Sync>(&self, describe: impl FnOnce(&Self) -> T) -> Option<&T> {
        self.told.get_or_init(|| Box::new(describe(self))).downcast_ref()
    }

    /// The repositories that the token reaches.
    pub fn reach(&self) -> RepositoryAccess {
        if self.token.all_repositories {
            RepositoryAccess::All
        } else {
            RepositoryAccess::Only(self.repositories.iter().copied().collect())
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

    /// All whose change could change something in here: whoever adds to what is remembered adds it here.
    fn objects(&self) -> impl Iterator<Item = Uuid> {
        let Token { id, level, .. } = self.token;
        let owners = [level.organization().map(|id| id.0), level.project().map(|id| id.0)];
        let listed = self.repositories.iter().map(|id| id.0);
        [id.0].into_iter().chain(owners.into_iter().flatten()).chain(listed)
    }
}

/// Something else, as it stood at a change.
struct Remembered<T> {
    what: T,
    age: Age,
}

/// The memory. An entry counts only while no newer change names an object that it was made of.
pub(crate) struct TokenCache {
    store: Store,
    follower: Arc<Follower>,
    memory: Memory,
    /// Turns of those who read a token from the database.
    reading: Semaphore,
    only: RwLock<Option<Arc<Remembered<Option<CachedOrganization>>>>>,
    pub(crate) hits: Count,
    pub(crate) reads: Count,
}

impl TokenCache {
    /// With so many bytes of memory.
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>, bytes: u64) -> Self {
        Self {
            // The other half of the connections is for everybody else.
            reading: Semaphore::new(store.readers().div_ceil(2)),
            follower: Follower::new(store.clone(), clock),
            store,
            memory: Memory::new(bytes),
            only: RwLock::default(),
            hits: Count::default(),
            reads: Count::default(),
        }
    }

    /// The token of a secret, as it is now: whatever was committed before this was called is taken into account.
    pub(crate) async fn token(&self, hash: &SecretHash) -> Result<Option<Arc<CachedToken>>, Error> {
        self.catch_up().await?;
        if let Some(known) = self.memory.tokens.get(hash.as_bytes())
            && self.seen().still_hold(&known.age, known.objects())
        {
            self.hits.add(1);
            return Ok(Some(known));
        }
        // That there is none holds until one comes.
        if let Some(known) = self.memory.unknown.get(hash.as_bytes())
            && self.seen().still_hold(&known.age, [tokens::secret_object(hash)].into_iter())
        {
            self.hits.add(1);
            return Ok(None);
        }
        self.reads.add(1);
        let read = || async {
            // Tokens that nobody has asked for lately, and secrets that somebody has made up, by the thousand: they wait
            // for each other, and leave connections to everybody else.
            let _turn = self.reading.acquire().await;
            let Some(found) = tokens::by_secret(&self.store, hash).await? else { return Ok(None) };
            let all = found.token.all_repositories;
            let listed = if all { Vec::new() } else { tokens::repository_ids(&self.store, found.token.id).await? };
            Ok(Some((found, listed)))
        };
        let (found, age) = self.read(read).await?;
        let Some((tokens::Found { token, retired_until }, repositories)) = found else {
            self.memory.unknown.insert(*hash.as_bytes(), Arc::new(Remembered { what: (), age }));
            return Ok(None);
        };
        let (hash, repositories, used_at) = (*hash, repositories.into_boxed_slice(), AtomicI64::new(0));
        let (organization, told) = (CachedOrganization::of(&token), OnceLock::new());
        let mut known =
            CachedToken { token, repositories, organization, hash, retired_until, age, told, used_at, weight: 0 };
        known.weight = known.weigh();
        let known = Arc::new(known);
        self.memory.tokens.insert(*hash.as_bytes(), known.clone());
        Ok(Some(known))
    }

    /// The organization's repository of an id or full name. This and the next two are for a request whose token has
    /// come from [`TokenCache::token`]: that call has caught up for them, too.
    pub(crate) async fn repository(
        &self,
        organization: OrganizationId,
        asked: &str,
    ) -> Result<Option<RepositoryId>, Error> {
        let key = (organization, asked.to_owned());
        if let Some(known) = self.memory.repositories.get(&key)
            && self.seen().still_hold(&known.age, [known.what.0, organization.0].into_iter())
        {
            return Ok(Some(known.what));
        }
        let read = || async {
            match asked.parse() {
                Ok(id) => repositories::by_id(&self.store, organization, id).await,
                Err(_) => repositories::by_name(&self.store, organization, asked).await,
            }
        };
        let (found, age) = self.read(read).await?;
        let id = found.map(|repository| repository.id);
        if let Some(id) = id {
            self.memory.repositories.insert(key, Arc::new(Remembered { what: id, age }));
        }
        Ok(id)
    }

    /// The organization of a name or id, if there is one.
    pub(crate) async fn organization(&self, key: &OrganizationKey) -> Result<Option<CachedOrganization>, Error> {
        if let Some(known) = self.memory.organizations.get(key) {
            // That there is none holds until one comes.
            let object = known.what.as_ref().map_or(changes::ORGANIZATIONS, |found| found.id.0);
            if self.seen().still_hold(&known.age, [object].into_iter()) {
                return Ok(known.what.clone());
            }
        }
        let read = || async {
            match key {
                OrganizationKey::Id(id) => organizations::by_id(&self.store, *id).await,
                OrganizationKey::Name(name) => organizations::by_name(&self.store, name.as_str()).await,
            }
        };
        let (found, age) = self.read(read).await?;
        let what = found.map(CachedOrganization::from);
        self.memory.organizations.insert(key.clone(), Arc::new(Remembered { what: what.clone(), age }));
        Ok(what)
    }

    /// The instance's organization, if it has exactly one.
    pub(crate) async fn only_organization(&self) -> Result<Option<CachedOrganization>, Error> {
        let known = self.only.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known
            && self.seen().still_hold(&known.age, [changes::ORGANIZATIONS].into_iter())
        {
            return Ok(known.what.clone());
        }
        let (mut found, age) = self.read(|| organizations::all(&self.store, "", 2)).await?;
        let what = if found.len() == 1 { found.pop().map(CachedOrganization::from) } else { None };
        let known = Arc::new(Remembered { what: what.clone(), age });
        *self.only.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(what)
    }

    /// How many tokens are remembered.
    pub(crate) fn len(&self) -> u64 {
        self.memory.tokens.len() as u64
    }

    /// Bytes that are in use for what is remembered, about.
    pub(crate) fn weight(&self) -> u64 {
        self.memory.weight()
    }

    fn seen(&self) -> RwLockReadGuard<'_, SeenChanges> {
        self.follower.seen()
    }

    /// When this replica last found that the database has another history than before, after a failover or a restore:
    /// what was committed before may be lost.
    pub(crate) fn history_broke_at(&self) -> Option<Timestamp> {
        self.follower.history_broke_at()
    }

    /// Why the last poll did not believe the database, although it answered.
    pub(crate) fn untrusted(&self) -> Option<&'static str> {
        self.follower.untrusted()
    }

    /// How often the database was polled.
    pub(crate) fn polls(&self) -> u64 {
        self.follower.polls()
    }

    /// Returns when every change is known that was committed before the call.
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        self.follower.catch_up().await
    }

    /// Reads what is to be remembered, from the server of the last poll: what another one says was perhaps taken back
    /// at that one.
    async fn read<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        read: impl Fn() -> F,
    ) -> Result<(T, Age), Error> {
        for _ in 0..2 {
            let age = self.seen().age();
            // In a box, so that whoever finds what is remembered has no room for a query.
            let what = Box::pin(read()).await?;
            if self.follower.is_current(&age) {
                return Ok((what, age));
            }
            self.catch_up().await?;
        }
        Err(Error::Unavailable)
    }
}
