use std::net::IpAddr;

use latchkey_domain::{
    AllowedNetworks, Description, Level, LevelKind, OrganizationId, ProjectId, RepositoryAccess, RepositoryId,
    RevocationReason, ScopeSet, SearchTerm, SecretHash, SecretPrefix, Timestamp, TokenId, TokenName, TokenSettings,
    TokenState,
};
use uuid::Uuid;

use super::NEVER;

/// An API token as it is stored; everything but the hash of its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Version 7, so tokens sort by creation.
    pub id: TokenId,
    /// Unique, as names are compared, among the unrevoked tokens of the level and owner.
    pub name: String,
    /// What lists sort it by, see `TokenName::key`.
    pub name_key: String,
    /// May have several lines, or none.
    pub description: String,
    /// What it belongs to.
    pub level: Level,
    /// Name of the organization; empty at instance level.
    pub organization_name: String,
    /// Name of the project; empty at other levels.
    pub project_name: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Whether all repositories; the list is read apart (see [`super::repositories`]).
    pub all_repositories: bool,
    /// Length of the list, 0 for all.
    pub repository_count: u32,
    /// The first 8 characters of the secret.
    pub prefix: String,
    /// Whether unsigned requests are refused.
    pub require_signing: bool,
    /// Where it may be used from.
    pub allowed_networks: AllowedNetworks,
    /// Until when the secret before the last rotation works too, unless the new one is used first.
    pub overlap_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// How it was ended, if it was.
    pub revocation: Option<Revocation>,
    /// The last use that was recorded.
    pub last_use: Option<Use>,
}

impl Token {
    /// What its maker has chosen, with the repositories that it lists. A list whose repositories are all deleted reaches
    /// nothing.
    pub fn settings(&self, listed: impl IntoIterator<Item = RepositoryId>) -> TokenSettings {
        TokenSettings {
            name: TokenName::stored(&self.name),
            description: Description::stored(&self.description),
            scopes: self.scopes.clone(),
            repositories: if self.all_repositories {
                RepositoryAccess::All
            } else {
                RepositoryAccess::Only(listed.into_iter().collect())
            },
            expires_at: self.expires_at,
            allowed_networks: self.allowed_networks.clone(),
            require_signing: self.require_signing,
        }
    }
}

/// Who made or revoked a token; the name is kept as it was then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `user`, `api_token` or `system`.
    pub kind: &'static str,
    /// The user or token; `None` for the system.
    pub id: Option<Uuid>,
    /// Email or token name at the time.
    pub name: String,
}

/// How a token ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Why.
    pub reason: RevocationReason,
}

/// The last accepted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// When.
    pub at: Timestamp,
    /// Where from.
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: String,
}

/// What is stored when a token is created.
pub struct NewToken<'a> {
    /// See [`Token::id`].
    pub id: TokenId,
    /// See [`Token::level`].
    pub level: Level,
    /// What its maker has chosen.
    pub settings: &'a TokenSettings,
    /// Of the secret.
    pub hash: &'a SecretHash,
    /// Of the secret.
    pub prefix: &'a SecretPrefix,
    /// See [`Token::created_at`].
    pub created_at: Timestamp,
    /// See [`Token::created_by`].
    pub created_by: &'a Actor,
    /// Sent with the form, so that sending it twice makes one token; unique per creator.
    pub creation_key: Option<Uuid>,
}

/// A new secret for a token.
pub struct Rotation<'a> {
    /// Of the new secret.
    pub hash: &'a SecretHash,
    /// Of the new secret.
    pub prefix: &'a SecretPrefix,
    /// When.
    pub at: Timestamp,
    /// Until when the old secret works too; `None`: it stops at once.
    pub overlap_until: Option<Timestamp>,
}

/// A token as a presented secret finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The token.
    pub token: Token,
    /// The secret is not the token's current one: it works, or worked, until then.
    pub retired_until: Option<Timestamp>,
}

/// Which tokens a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// `None`: instance tokens.
    pub organization: Option<OrganizationId>,
    /// `None`: all states.
    pub state: Option<TokenState>,
    /// `None`: all levels.
    pub level: Option<LevelKind>,
    /// Tokens of this project.
    pub project: Option<ProjectId>,
    /// Tokens that have this scope.
    pub scope: Option<String>,
    /// Tokens that list this repository, or all.
    pub repository: Option<RepositoryId>,
    /// Tokens that this user or token has made.
    pub creator: Option<Uuid>,
    /// What a query asks for, all of which must match (see `latchkey_domain::search_terms`); `None`: no query.
    pub terms: Option<Vec<SearchTerm>>,
    /// Expires before this moment.
    pub expires_before: Option<Timestamp>,
    /// Last used, or created and never used, before this moment.
    pub idle_before: Option<Timestamp>,
}

/// What a list is sorted by; ties by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// As names are compared (`TokenName::key`), by code point.
    Name,
    /// By id, which is the order of creation.
    Created,
    /// Tokens without expiry come last when ascending.
    Expires,
    /// Tokens never used come first when ascending.
    LastUsed,
}

/// A sort with its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// From the largest down.
    pub descending: bool,
}

/// Where a page begins: after the row with this sort value and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The name's key, or microseconds in decimal, as [`Position::of`] writes it. A number that can't be read
    /// counts as 0.
    pub key: String,
    /// Of the row.
    pub id: TokenId,
}

impl Position {
    /// Where `token` stands in a list that is sorted by `key`.
    pub fn of(token: &Token, key: SortKey) -> Self {
        let key = match key {
            SortKey::Name => token.name_key.clone(),
            SortKey::Created => token.created_at.micros().to_string(),
            SortKey::Expires => token.expires_at.map_or(NEVER, Timestamp::micros).to_string(),
            SortKey::LastUsed => token.last_use.as_ref().map_or(0, |last| last.at.micros()).to_string(),
        };
        Self { key, id: token.id }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order asked for.
    pub tokens: Vec<Token>,
    /// Where the next page begins, if there is more, or more to look through.
    pub next: Option<Position>,
    /// The look-up stopped at its limit of rows read before the page was full: `next` goes on from there. Without a
    /// `next`, a search had more than [`super::CANDIDATES_MAX`] matches and the list ends before their end.
    pub partial: bool,
    /// How many match in all, where looking for the page has found that out by the way.
    pub total: Option<u32>,
}
