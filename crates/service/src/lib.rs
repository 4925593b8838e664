//! What Latchkey does: use cases by the object that they are about (`service.tokens().revoke(…)`), each of which
//! authorizes, does, and writes its audit event in one transaction. Transports call these and nothing below them.

mod audit;
mod authenticate;
mod authorization;
mod auto_revoke;
mod caller;
pub mod cursor;
mod demo;
mod error;
mod forwarded;
mod handles;
mod idempotency;
mod invitations;
mod maintenance;
mod members;
mod memberships;
mod names;
mod nonces;
mod organizations;
mod outbox;
mod page;
mod passwords;
mod pinned;
mod ports;
mod projects;
mod readiness;
mod recorder;
mod repositories;
mod root_key;
mod sessions;
mod setup;
mod sign_in;
mod stats;
mod token_cache;
mod tokens;
mod transaction;
mod users;
mod uses;
mod verify;
mod warnings;

use std::sync::Arc;

use latchkey_domain::{Catalogue, Timestamp};
use latchkey_store::Store;

pub use audit::ListEvents;
pub use authenticate::{Bearer, PresentedCredential};
pub use authorization::OrganizationAccess;
pub use auto_revoke::{AutoRevokeSetting, Preview, SweepKind, SweepReport};
pub use caller::{Caller, Origin, Person, Principal};
pub use demo::DemoLogin;
pub use error::{AuthenticationError, AuthorizationError, Error, FieldError, PreconditionError};
pub use handles::{
    Audit, Authentication, AutoRevoke, Credentials, Health, Invitations, Maintenance, Members, Memberships, Operator,
    Organizations, Outbox, Projects, Repositories, Sessions, Setup, Tokens, Users, Verification,
};
pub use idempotency::IdempotentRequest;
pub use invitations::Invited;
pub use latchkey_store::audit::RecordedEvent;
pub use latchkey_store::credentials::{Credential, CredentialKind};
pub use latchkey_store::invitations::Invitation;
pub use latchkey_store::memberships::Member;
pub use latchkey_store::organizations::Organization;
pub use latchkey_store::outbox::{MessageState, OutboxCounts, StoredMessage};
pub use latchkey_store::projects::Project;
pub use latchkey_store::repositories::Repository;
pub use latchkey_store::sweeps::Sweep;
pub use latchkey_store::tokens::{Actor, COUNT_MAX, Position, Revocation, Sort, SortKey, Token, Use};
pub use latchkey_store::users::User;
pub use members::{ListMembers, MEMBERS_MAX, MemberPage};
pub use memberships::Membership;
pub use organizations::ListedOrganization;
pub use outbox::{Deliver, Delivering, Delivery, DeliveryError, DeliveryReport, Message, SweepFinished};
pub use page::Page;
pub use ports::{Asked, Clock, Epoch, Nonces, NoncesError, Random, SystemClock, SystemRandom, Taken};
pub use readiness::Unready;
pub use repositories::RepositoryPage;
pub use root_key::{RootKey, RootKeyError};
pub use sessions::{BrowserSession, PendingSignIn, RenewedSession, RequestSessionStore, SessionId};
pub use sign_in::{Browser, Device, SignedIn, UserToken};
pub use stats::Stats;
pub use token_cache::{CachedOrganization, CachedToken};
pub use tokens::{
    BulkRevoked, ChosenRepositories, Counts, CreateToken, CreatedToken, EditToken, ExpiresIn, ListTokens, Overview,
    RotateToken, StateFilter, TokenDetail, TokenPage,
};
pub use users::{Ended, SignedInWith};
pub use verify::{Allowed, Introspected, RequiredAccess};

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
    uses: uses::UseBuffer,
    cache: token_cache::TokenCache,
    counted: stats::Counted,
    nonces: nonces::Keeper,
    outbox: outbox::Gauges,
    passwords: passwords::Hasher,
    readiness: readiness::Readiness,
    root_key: RootKey,
    under_way: idempotency::InProgress,
    settings: Settings,
    warnings: warnings::Found,
}

/// What an operator decides for the whole instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Only instance admins and instance tokens create organizations.
    pub restricted_organization_creation: bool,
    /// Bytes for what is remembered between requests.
    pub memory: u64,
    /// Tokens of an organization that are neither revoked nor expired; 0 for no limit.
    pub tokens_per_organization: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { restricted_organization_creation: false, memory: 128 * 1024 * 1024, tokens_per_organization: 0 }
    }
}

impl Service {
    /// With a root key of this process alone: for commands that derive nothing, and for tests.
    pub fn new(store: Store, catalogue: Catalogue, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let root_key = RootKey::random(&*random);
        Self::with_settings(store, catalogue, clock, random, root_key, Settings::default())
    }

    /// With the root key that the replicas of an instance share, and an operator's settings.
    pub fn with_settings(
        store: Store,
        catalogue: Catalogue,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        root_key: RootKey,
        settings: Settings,
    ) -> Self {
        let inner = Inner {
            cache: token_cache::TokenCache::new(store.clone(), clock.clone(), settings.memory),
            counted: stats::Counted::default(),
            nonces: nonces::Keeper::new(),
            outbox: outbox::Gauges::default(),
            uses: uses::UseBuffer::default(),
            passwords: passwords::Hasher::new(),
            readiness: readiness::Readiness::default(),
            root_key,
            under_way: idempotency::InProgress::default(),
            store,
            clock,
            random,
            catalogue,
            settings,
            warnings: warnings::Found::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Keeps nonces there instead of in the database. To be called before the service is shared.
    pub fn with_nonces(mut self, nonces: Arc<dyn Nonces>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.nonces.elsewhere = Some(nonces);
        }
        self
    }

    /// Runs use cases that read, one after the other; for what belongs together, like all that a page shows. On SQLite
    /// they share a thread and a connection, which costs less than finding these for each: see [`Store::reading`].
    pub async fn reading<T, F>(&self, future: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.store().reading(future).await?
    }

    /// The scopes that tokens can have.
    pub fn catalogue(&self) -> &Catalogue {
        &self.inner.catalogue
    }

    /// What the operator has decided.
    pub fn settings(&self) -> Settings {
        self.inner.settings
    }

    /// What time it is for this instance.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// A fresh id for a request, by which its log lines and audit events are found.
    pub fn request_id(&self) -> String {
        self.new_id().hyphenated().to_string()
    }

    /// Closes the database, after what runs has ended.
    pub async fn close(&self) {
        if let Err(error) = self.beat_nonces(true).await {
            tracing::warn!(%error, "the next start may refuse signed requests for 5 minutes");
        }
        self.inner.store.close().await;
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }

    fn new_id(&self) -> uuid::Uuid {
        self.inner.random.id(self.now())
    }
}
