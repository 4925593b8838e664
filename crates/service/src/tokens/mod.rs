//! Creating, listing, changing, rotating and revoking API tokens.

mod create;
mod edit;
mod grant;
mod list;
mod overlap;
mod replay;
mod revoke;
mod rotate;
mod version;

use latchkey_domain::{Level, OrganizationId, RepositoryId, Timestamp, TokenId, TokenState};
use latchkey_store::tokens::{self, Token};
use uuid::Uuid;

pub use create::{CreateToken, CreatedToken, ExpiresIn};
pub use edit::{ChosenRepositories, EditToken};
pub use list::{Counts, ListTokens, Overview, StateFilter, TokenPage};
pub use revoke::BulkRevoked;
pub use rotate::RotateToken;

use crate::authorization::{Action, OrganizationAccess};
use crate::{Caller, Error, Service};

/// A token as people and pipelines see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenDetail {
    pub token: Token,
    pub state: TokenState,
    /// The listed repositories with their names, by name; empty for all.
    pub repositories: Vec<(RepositoryId, String)>,
    /// Whether this caller may revoke it now.
    pub revocable: bool,
}

impl Service {
    /// One token of the organization, in whatever state.
    pub async fn token(&self, caller: &Caller, organization: &str, id: &str) -> Result<TokenDetail, Error> {
        let (access, token) = self.find_token(caller, organization, id).await?;
        access.allow(caller, Action::ReadTokens)?;
        self.detail(caller, &access, token, self.now()).await
    }

    /// Those of `ids` that the organization has and the caller may see, in the order of `ids`.
    pub async fn tokens_by_id(
        &self,
        caller: &Caller,
        organization: &str,
        ids: &[String],
    ) -> Result<Vec<TokenDetail>, Error> {
        let access = self.authorize(caller, organization, Action::ReadTokens).await?;
        let ids: Vec<TokenId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let mut found = tokens::by_ids(self.store(), &ids).await?;
        found.retain(|token| visible(caller, &access, token));
        found.sort_by_key(|token| ids.iter().position(|id| *id == token.id));
        self.details(caller, &access, found, self.now()).await
    }

    /// A token that the caller may know of, with the access to what it belongs to: the organization that is named, or
    /// the instance. Everything else does not exist for them.
    async fn find_token(
        &self,
        caller: &Caller,
        organization: &str,
        id: &str,
    ) -> Result<(OrganizationAccess, Token), Error> {
        let token = match id.parse() {
            Ok(id) => tokens::by_id(self.store(), id).await?,
            Err(_) => None,
        };
        let of_instance = token.as_ref().is_some_and(|token| token.level == Level::Instance);
        let access = match self.instance_access(caller).filter(|_| of_instance) {
            Some(access) => access,
            None => self.access(caller, organization).await?,
        };
        let token = token.filter(|token| visible(caller, &access, token));
        Ok((access, token.ok_or(Error::NotFound("token"))?))
    }

    async fn detail(
        &self,
        caller: &Caller,
        access: &OrganizationAccess,
        token: Token,
        now: Timestamp,
    ) -> Result<TokenDetail, Error> {
        let mut details = self.details(caller, access, vec![token], now).await?;
        details.pop().ok_or(Error::NotFound("token"))
    }

    /// Completes tokens with what lists and pages show beside the row, in one query for all of them.
    pub(crate) async fn details(
        &self,
        caller: &Caller,
        access: &OrganizationAccess,
        tokens: Vec<Token>,
        now: Timestamp,
    ) -> Result<Vec<TokenDetail>, Error> {
        let listing: Vec<_> = tokens.iter().filter(|token| !token.all_repositories).map(|token| token.id).collect();
        let repositories =
            if listing.is_empty() { Vec::new() } else { tokens::repositories_of(self.store(), &listing).await? };
        let details = tokens.into_iter().map(|mut token| {
            self.inner.uses.overlay(&mut token);
            let of_token = repositories.iter().filter(|(of, ..)| *of == token.id);
            let repositories: Vec<_> = of_token.map(|(_, id, name)| (*id, name.clone())).collect();
            // What lists leave out.
            if token.level.organization().is_some() {
                token.organization_name.clone_from(&access.organization.name);
            }
            token.repository_count = u32::try_from(repositories.len()).unwrap_or(u32::MAX);
            TokenDetail {
                state: TokenState::at(now, token.expires_at, token.revocation.as_ref().map(|revocation| revocation.at)),
                repositories,
                revocable: token.revocation.is_none() && access.allow(caller, Action::revoke(caller, &token)).is_ok(),
                token,
            }
        });
        Ok(details.collect())
    }
}

/// Whether a token is of this organization (or of the instance, if that is it) and within the level of a token that asks.
fn visible(caller: &Caller, access: &OrganizationAccess, token: &Token) -> bool {
    token.level.organization().unwrap_or(OrganizationId(Uuid::nil())) == access.id()
        && caller.principal.level().is_none_or(|own| own.contains(token.level))
}
