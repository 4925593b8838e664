//! How much is remembered: a number of bytes, whoever makes what is heavy.

use std::sync::Arc;

use latchkey_domain::{OrganizationId, OrganizationKey, RepositoryId};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::{CachedOrganization, CachedToken, Remembered};

/// What an entry of a cache costs beside its value: the slot, the list it stands in, the allocation (measured).
const ENTRY: usize = 128;
/// What a transport says of a token: a map of six headers, and three ids.
const TOLD: usize = 1_000;
/// How much longer than itself a name is there at most.
const TOLD_NAME: usize = 3;
/// The share of each cache, in sixteenths of the whole.
const TOKENS: u64 = 12;
const REPOSITORIES: u64 = 2;
const ORGANIZATIONS: u64 = 1;
const UNKNOWN: u64 = 1;

type Hash = [u8; 32];
type RepositoryKey = (OrganizationId, String);

/// The caches, each with its share. One that is too heavy for its place is read each time.
pub(super) struct Memory {
    pub(super) tokens: Cache<Hash, Arc<CachedToken>, Bytes>,
    pub(super) repositories: Cache<RepositoryKey, Arc<Remembered<RepositoryId>>, Bytes>,
    pub(super) organizations: Cache<OrganizationKey, Arc<Remembered<Option<CachedOrganization>>>, Bytes>,
    /// Hashes of secrets that do not exist.
    pub(super) unknown: Cache<Hash, Arc<Remembered<()>>, Bytes>,
}

/// Weighs an entry, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Bytes;

impl Memory {
    /// Of so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        fn cache<K: Eq + std::hash::Hash, V: Clone>(bytes: u64, each: u64) -> Cache<K, V, Bytes>
        where
            Bytes: Weighter<K, V>,
        {
            Cache::with_weighter(usize::try_from(bytes / each).unwrap_or(usize::MAX), bytes, Bytes)
        }
        let share = |sixteenths: u64| (bytes / 16 * sixteenths).max(1);
        Self {
            tokens: cache(share(TOKENS), 2_400),
            repositories: cache(share(REPOSITORIES), 300),
            organizations: cache(share(ORGANIZATIONS), 300),
            unknown: cache(share(UNKNOWN), 200),
        }
    }

    /// Bytes that are in use, about.
    pub(super) fn weight(&self) -> u64 {
        let (tokens, repositories) = (self.tokens.weight(), self.repositories.weight());
        tokens + repositories + self.organizations.weight() + self.unknown.weight()
    }
}

fn bytes(of: usize) -> u64 {
    u64::try_from(ENTRY + of).unwrap_or(u64::MAX)
}

impl Weighter<Hash, Arc<CachedToken>> for Bytes {
    fn weight(&self, _: &Hash, token: &Arc<CachedToken>) -> u64 {
        bytes(size_of::<Hash>() + token.weight)
    }
}

impl Weighter<RepositoryKey, Arc<Remembered<RepositoryId>>> for Bytes {
    fn weight(&self, (_, asked): &RepositoryKey, _: &Arc<Remembered<RepositoryId>>) -> u64 {
        bytes(size_of::<RepositoryKey>() + size_of::<Remembered<RepositoryId>>() + asked.capacity())
    }
}

impl Weighter<OrganizationKey, Arc<Remembered<Option<CachedOrganization>>>> for Bytes {
    fn weight(&self, key: &OrganizationKey, known: &Arc<Remembered<Option<CachedOrganization>>>) -> u64 {
        let named = match key {
            OrganizationKey::Id(_) => 0,
            OrganizationKey::Name(name) => name.as_str().len(),
        };
        let name = known.what.as_ref().map_or(0, |known| known.name.len());
        bytes(size_of::<OrganizationKey>() + size_of::<Remembered<Option<CachedOrganization>>>() + named + name)
    }
}

impl Weighter<Hash, Arc<Remembered<()>>> for Bytes {
    fn weight(&self, _: &Hash, _: &Arc<Remembered<()>>) -> u64 {
        bytes(size_of::<Hash>() + size_of::<Remembered<()>>())
    }
}

impl CachedToken {
    /// Bytes of it and of what it points to; texts with what the allocator adds.
    pub(super) fn weigh(&self) -> usize {
        const TEXT: usize = 16;
        let token = &self.token;
        let texts = [
            &token.name,
            &token.name_key,
            &token.description,
            &token.organization_name,
            &token.project_name,
            &token.prefix,
            &token.created_by.name,
        ];
        let organization = self.organization.as_ref().map_or(0, |organization| organization.name.len() + 2 * TEXT);
        let texts: usize = texts.into_iter().map(|text| text.capacity() + TEXT).sum();
        // A scope is a text in a tree whose nodes are half full at worst.
        let scopes: usize =
            token.scopes.iter().map(|scope| scope.as_str().len() + TEXT + 2 * size_of::<String>()).sum();
        let ends = token.revocation.as_ref().map_or(0, |revocation| revocation.by.name.capacity() + TEXT);
        let used = token.last_use.as_ref().map_or(0, |last| last.user_agent.capacity() + TEXT);
        let networks = token.allowed_networks.iter().count() * 2 * size_of::<std::net::Ipv6Addr>();
        let repositories = self.repositories.len() * size_of::<RepositoryId>();
        let names = token.project_name.len() + self.organization.as_ref().map_or(0, |known| known.name.len());
        let told = TOLD + TOLD_NAME * names + token.scopes.iter().map(|scope| scope.as_str().len() + 1).sum::<usize>();
        size_of::<Self>() + told + organization + texts + scopes + ends + used + networks + repositories
    }
}
