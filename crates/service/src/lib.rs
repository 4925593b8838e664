//! What Latchkey does: one function per use case, each of which authorizes, does, and writes its audit event in one
//! transaction. Transports call these and nothing below them.

mod authenticate;
mod authorization;
mod auto_revoke;
mod caller;
pub mod cursor;
mod demo;
mod error;
mod idempotency;
mod known;
mod organizations;
mod passwords;
mod ports;
mod recorder;
mod repositories;
mod root_key;
mod sessions;
mod setup;
mod tokens;
mod uses;

use std::sync::Arc;

use latchkey_domain::{Catalogue, Timestamp};
use latchkey_store::Store;

pub use authorization::{OrganizationAccess, Power};
pub use auto_revoke::{AutoRevoke, Preview, SweepKind, SweepReport};
pub use caller::{Caller, Origin, Person, Principal};
pub use demo::DemoLogin;
pub use error::{Clash, Denial, Error, FieldError, Refusal};
pub use idempotency::Once;
pub use known::KnownToken;
pub use latchkey_store::organizations::Organization;
pub use latchkey_store::projects::Project;
pub use latchkey_store::repositories::Repository;
pub use latchkey_store::sweeps::Sweep;
pub use latchkey_store::tokens::{Actor, COUNT_MAX, Position, Revocation, Sort, SortKey, Token, Use};

pub use ports::{Clock, Random, SystemClock, SystemRandom};
pub use repositories::RepositoryPage;
pub use root_key::{RootKey, RootKeyError};
pub use sessions::{SignedIn, UserToken};
pub use tokens::{
    BulkRevoked, ChosenRepositories, Counts, CreateToken, CreatedToken, EditToken, ExpiresIn, ListTokens, Overview,
    RotateToken, StateFilter, TokenDetail, TokenPage,
};

/// The use cases, and what they need. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    catalogue: Catalogue,
    uses: uses::Gathered,
    known: known::Known,
    passwords: passwords::Hasher,
    root_key: RootKey,
    under_way: idempotency::UnderWay,
}

impl Service {
    /// With a root key of this process alone: for commands that derive nothing, and for tests.
    pub fn new(store: Store, catalogue: Catalogue, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let root_key = RootKey::random(&*random);
        Self::with_root_key(store, catalogue, clock, random, root_key)
    }

    /// With the root key that the replicas of an instance share.
    pub fn with_root_key(
        store: Store,
        catalogue: Catalogue,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        root_key: RootKey,
    ) -> Self {
        let inner = Inner {
            known: known::Known::new(store.clone()),
            uses: uses::Gathered::default(),
            passwords: passwords::Hasher::new(),
            root_key,
            under_way: idempotency::UnderWay::default(),
            store,
            clock,
            random,
            catalogue,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The scopes that tokens can have.
    pub fn catalogue(&self) -> &Catalogue {
        &self.inner.catalogue
    }

    /// What time it is for this instance.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Whether the database answers.
    pub async fn ready(&self) -> Result<(), Error> {
        Ok(self.inner.store.ping().await?)
    }

    /// A fresh id for a form, so that sending the form twice creates one token.
    pub fn creation_key(&self) -> uuid::Uuid {
        self.new_id()
    }

    /// A fresh id for a request, by which its log lines and audit events are found.
    pub fn request_id(&self) -> String {
        self.new_id().hyphenated().to_string()
    }

    /// Closes the database, after what runs has ended.
    pub async fn close(&self) {
        self.inner.store.close().await;
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }

    fn new_id(&self) -> uuid::Uuid {
        self.inner.random.id(self.now())
    }
}
