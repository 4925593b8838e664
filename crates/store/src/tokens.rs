use std::net::IpAddr;

use latchkey_domain::{
    AllowedNetworks, Description, Level, LevelKind, OrganizationId, ProjectId, RepositoryAccess, RepositoryId,
    RevocationReason, ScopeSet, SecretHash, SecretPrefix, Timestamp, TokenId, TokenName, UserId,
};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// An API token as it is stored; everything but the hash of its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub description: String,
    pub level: Level,
    /// Name of the organization; empty at instance level.
    pub organization_name: String,
    /// Name of the project; empty at other levels.
    pub project_name: String,
    pub scopes: ScopeSet,
    /// Whether all repositories; the list is read apart (see [`repositories`]).
    pub all_repositories: bool,
    /// Length of the list, 0 for all.
    pub repository_count: u32,
    pub prefix: String,
    pub require_signing: bool,
    pub allowed_networks: AllowedNetworks,
    pub created_at: Timestamp,
    pub created_by: Actor,
    pub expires_at: Option<Timestamp>,
    pub revocation: Option<Revocation>,
    pub last_use: Option<Use>,
}

/// Who made or revoked a token; the name is kept as it was then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `user`, `api_token` or `system`.
    pub kind: &'static str,
    pub id: Option<Uuid>,
    pub name: String,
}

/// How a token ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    pub at: Timestamp,
    pub by: Actor,
    pub reason: RevocationReason,
}

/// The last accepted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub at: Timestamp,
    pub address: Option<IpAddr>,
    pub user_agent: String,
}

/// What is stored when a token is created.
pub struct NewToken<'a> {
    pub id: TokenId,
    pub name: &'a TokenName,
    pub description: &'a Description,
    pub level: Level,
    pub scopes: &'a ScopeSet,
    pub repositories: &'a RepositoryAccess,
    pub hash: &'a SecretHash,
    pub prefix: &'a SecretPrefix,
    pub require_signing: bool,
    pub allowed_networks: &'a AllowedNetworks,
    pub created_at: Timestamp,
    pub created_by: &'a Actor,
    pub expires_at: Option<Timestamp>,
    /// Sent with the form, so that sending it twice makes one token; unique per creator.
    pub creation_key: Option<Uuid>,
}

/// Adds a token with its repositories and search words (name, description, prefix, id).
/// `Conflict("token name")` when an unrevoked token of the level and owner has the name in any case;
/// `Conflict("creation key")` when the creator has sent the key before.
pub async fn insert(_tx: &mut Tx, _token: &NewToken<'_>) -> Result<(), StoreError> { todo!() }

/// The token that a creator's key has made.
pub async fn by_creation_key(_store: &Store, _creator: Uuid, _key: Uuid) -> Result<Option<Token>, StoreError> { todo!() }

/// The check of a presented secret: one indexed read.
pub async fn by_hash(_store: &Store, _hash: &SecretHash) -> Result<Option<Token>, StoreError> { todo!() }

pub async fn by_id(_store: &Store, _id: TokenId) -> Result<Option<Token>, StoreError> { todo!() }

/// Those of `ids` that exist.
pub async fn by_ids(_store: &Store, _ids: &[TokenId]) -> Result<Vec<Token>, StoreError> { todo!() }

/// The listed repositories of a token, with their names, by name. Empty for all.
pub async fn repositories(_store: &Store, _token: TokenId) -> Result<Vec<(RepositoryId, String)>, StoreError> { todo!() }

/// The same for the tokens of a page in one query: (token, repository, name), by name.
pub async fn repositories_of(_store: &Store, _tokens: &[TokenId]) -> Result<Vec<(TokenId, RepositoryId, String)>, StoreError> { todo!() }

/// Which tokens a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// `None`: instance tokens.
    pub organization: Option<OrganizationId>,
    /// `None`: all states.
    pub state: Option<latchkey_domain::TokenState>,
    pub level: Option<LevelKind>,
    pub project: Option<ProjectId>,
    pub scope: Option<String>,
    /// Tokens that list this repository, or all.
    pub repository: Option<RepositoryId>,
    pub creator: Option<Uuid>,
    /// Beginnings of words, all of which must match (see `latchkey_domain::search_terms`).
    pub terms: Vec<String>,
    /// Expires before this moment.
    pub expires_before: Option<Timestamp>,
    /// Last used, or created and never used, before this moment.
    pub idle_before: Option<Timestamp>,
}

/// What a list is sorted by; ties by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    Name,
    Created,
    /// Tokens without expiry come last when ascending.
    Expires,
    /// Tokens never used come first when ascending.
    LastUsed,
}

/// A sort with its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub key: SortKey,
    pub descending: bool,
}

/// Where a page begins: after the row with this sort value and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The lower-case name, or microseconds in decimal, as [`Position::of`] writes it.
    pub key: String,
    pub id: TokenId,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub tokens: Vec<Token>,
    /// Where the next page begins, if there is more, or more to look through.
    pub next: Option<Position>,
    /// The look-up stopped at its limit of rows read before the page was full: `next` goes on from there.
    pub partial: bool,
}

/// Rows that one look-up reads at most, so that a rare filter in a huge organization costs no more than a common one.
pub const READ_MAX: u32 = 10_000;
/// Highest number that [`count`] tells; more is "more than that".
pub const COUNT_MAX: u32 = 1_000;

/// A page of `limit` tokens.
pub async fn list(_store: &Store, _filter: &Filter, _sort: Sort, _after: Option<&Position>, _limit: u32, _now: Timestamp) -> Result<Page, StoreError> { todo!() }

/// How many tokens match, at most [`COUNT_MAX`] + 1; reads at most [`READ_MAX`] rows.
pub async fn count(_store: &Store, _filter: &Filter, _now: Timestamp) -> Result<u32, StoreError> { todo!() }

/// Revokes an unrevoked token; `None` if it is not there or was revoked before. Returns it as it is now.
pub async fn revoke(_tx: &mut Tx, _id: TokenId, _revocation: &Revocation) -> Result<Option<Token>, StoreError> { todo!() }

/// What the next sweep would revoke: active tokens of the organization that are idle since before `cutoff`, longest
/// idle first.
pub async fn inactive(_store: &Store, _organization: OrganizationId, _cutoff: Timestamp, _limit: u32, _now: Timestamp) -> Result<Vec<Token>, StoreError> { todo!() }

/// Revokes up to `limit` of them in one conditional statement, with reason `inactive` and actor `system`; returns
/// those that this call revoked.
pub async fn revoke_inactive(_tx: &mut Tx, _organization: OrganizationId, _cutoff: Timestamp, _limit: u32, _now: Timestamp) -> Result<Vec<(TokenId, String)>, StoreError> { todo!() }

/// Records uses; `last_used_at` never moves backwards. Returns the ids of those that are unrevoked.
pub async fn record_uses(_tx: &mut Tx, _uses: &[(TokenId, Use)]) -> Result<Vec<TokenId>, StoreError> { todo!() }
