//! What tests begin with.

use std::sync::atomic::{AtomicU64, Ordering};

use latchkey_domain::{
    AllowedNetworks, Description, Email, Level, OrganizationId, OrganizationName, ProjectId, ProjectName,
    RepositoryAccess, RepositoryId, RepositoryName, RevocationReason, Scope, ScopeSet, Secret, SecretHash, SecretKind,
    Timestamp, TokenId, TokenName, TokenSettings, UserId,
};
use latchkey_store::{
    Conflict, Store, StoreError, Tx, organizations,
    projects::{self, Project},
    repositories,
    tokens::{self, Actor, NewToken, Revocation, Token, Use},
    users,
};
use uuid::Uuid;

use crate::database::Database;

/// The moment that tests call now.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// A database with two organizations, each with a project.
pub(crate) struct Given {
    pub(crate) database: Database,
    pub(crate) acme: OrganizationId,
    pub(crate) other: OrganizationId,
    pub(crate) project: ProjectId,
    counter: AtomicU64,
}

/// A token to be made; [`spec`] has what most tests don't care about.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) level: Level,
    pub(crate) scopes: Vec<&'static str>,
    /// Empty: all.
    pub(crate) repositories: Vec<RepositoryId>,
    pub(crate) created_at: Timestamp,
    pub(crate) creator: Actor,
    pub(crate) creation_key: Option<Uuid>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) used_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

impl Given {
    pub(crate) async fn on(database: Database) -> Self {
        let database = database.migrated().await;
        let mut given = Self {
            database,
            acme: OrganizationId(Uuid::nil()),
            other: OrganizationId(Uuid::nil()),
            project: ProjectId(Uuid::nil()),
            counter: AtomicU64::new(1),
        };
        given.acme = given.organization("acme").await;
        given.other = given.organization("other").await;
        given.project = given.project(given.acme, "web").await;
        given
    }

    pub(crate) fn store(&self) -> &Store {
        &self.database.store
    }

    /// A new id, greater than those before it, as ids of version 7 are.
    pub(crate) fn id(&self) -> Uuid {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        Uuid::from_u128((0x0190_0000_0000_7000_u128 << 64) | u128::from(count))
    }

    pub(crate) fn session_hash(&self) -> SecretHash {
        SecretHash::of(self.id().as_bytes())
    }

    pub(crate) fn secret(&self, kind: SecretKind) -> Secret {
        let mut state = self.counter.fetch_add(1, Ordering::Relaxed);
        Secret::generate(kind, |bytes| {
            for byte in bytes {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = state.to_be_bytes()[0];
            }
        })
    }

    /// Runs a write and commits it.
    pub(crate) async fn write<T>(&self, change: impl AsyncFnOnce(&mut Tx) -> Result<T, StoreError>) -> T {
        self.try_write(change).await.unwrap()
    }

    /// Runs a write; commits it if it succeeds.
    pub(crate) async fn try_write<T>(
        &self,
        change: impl AsyncFnOnce(&mut Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tx = self.store().begin(latchkey_store::WritePriority::Normal).await?;
        let done = change(&mut tx).await?;
        tx.commit().await?;
        Ok(done)
    }

    pub(crate) async fn organization(&self, name: &str) -> OrganizationId {
        let (id, name) = (OrganizationId(self.id()), OrganizationName::new(name).unwrap());
        self.write(async |tx| organizations::insert(tx, id, &name, NOW).await).await;
        id
    }

    pub(crate) async fn project(&self, organization_id: OrganizationId, name: &str) -> ProjectId {
        let project = Project { id: ProjectId(self.id()), organization_id, name: name.to_owned(), created_at: NOW };
        let name = ProjectName::new(name).unwrap();
        self.write(async |tx| projects::insert(tx, &project, &name).await).await;
        project.id
    }

    pub(crate) async fn repository(&self, organization: OrganizationId, name: &str) -> RepositoryId {
        let (id, name) = (RepositoryId(self.id()), RepositoryName::new(name).unwrap());
        self.write(async |tx| repositories::insert(tx, id, organization, &name, NOW).await).await;
        id
    }

    pub(crate) async fn user(&self, email: &str) -> UserId {
        let (id, email) = (UserId(self.id()), Email::new(email).unwrap());
        self.write(async |tx| users::insert(tx, id, &email, Some("$argon2id$…"), false, NOW).await).await;
        id
    }

    /// A token of acme to be made, never used, without expiry.
    pub(crate) fn spec(&self, name: &str) -> Spec {
        Spec {
            name: name.to_owned(),
            description: String::new(),
            level: Level::Organization(self.acme),
            scopes: vec!["repos:read"],
            repositories: Vec::new(),
            created_at: NOW.plus_days(-100),
            creator: ada(),
            creation_key: None,
            expires_at: None,
            used_at: None,
            revoked_at: None,
        }
    }

    pub(crate) async fn token(&self, spec: &Spec) -> Token {
        let (id, _) = self.try_token(spec).await.unwrap();
        tokens::by_id(self.store(), id).await.unwrap().unwrap()
    }

    pub(crate) async fn try_token(&self, spec: &Spec) -> Result<(TokenId, Secret), StoreError> {
        self.try_write(async |tx| self.insert(tx, spec).await).await
    }

    pub(crate) async fn insert(&self, tx: &mut Tx, spec: &Spec) -> Result<(TokenId, Secret), StoreError> {
        let secret = self.secret(SecretKind::ApiToken);
        let id = TokenId(self.id());
        let only = spec.repositories.iter().copied();
        tokens::insert(
            tx,
            &NewToken {
                id,
                level: spec.level,
                settings: &TokenSettings {
                    name: TokenName::new(&spec.name).unwrap(),
                    description: Description::new(&spec.description).unwrap(),
                    scopes: ScopeSet::new(spec.scopes.iter().map(|scope| Scope::stored(*scope))).unwrap(),
                    repositories: RepositoryAccess::new(spec.repositories.is_empty(), only).unwrap(),
                    expires_at: spec.expires_at,
                    allowed_networks: AllowedNetworks::default(),
                    require_signing: false,
                },
                hash: &secret.hash(),
                prefix: &secret.prefix(),
                created_at: spec.created_at,
                created_by: &spec.creator,
                creation_key: spec.creation_key,
            },
        )
        .await?;
        if let Some(at) = spec.used_at {
            tokens::record_uses(tx, &[(id, used(at))]).await?;
        }
        if let Some(at) = spec.revoked_at {
            tokens::revoke(tx, id, &revoked(at)).await?;
        }
        Ok((id, secret))
    }
}

/// The user who makes tokens in tests.
pub(crate) fn ada() -> Actor {
    Actor { kind: "user", id: Some(Uuid::from_u128(1)), name: "ada@example.com".into() }
}

/// A use from nowhere in particular.
pub(crate) fn used(at: Timestamp) -> Use {
    Use { at, address: None, user_agent: String::new() }
}

/// A revocation by [`ada`].
pub(crate) fn revoked(at: Timestamp) -> Revocation {
    Revocation { at, by: ada(), reason: RevocationReason::Manual }
}

/// The conflict that a write ended in.
pub(crate) fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Conflict {
    match result {
        Err(StoreError::Conflict(what)) => what,
        other => panic!("no conflict but {other:?}"),
    }
}
