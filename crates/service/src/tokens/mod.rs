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

use std::borrow::Cow;

use latchkey_domain::{Level, LevelKind, OrganizationId, RepositoryId, Timestamp, TokenId, TokenState};
use latchkey_store::tokens::{self, Token};
use uuid::Uuid;

pub use create::{CreateToken, CreatedToken, ExpiresIn};
pub use edit::{ChosenRepositories, EditToken};
pub use list::{Counts, ListTokens, Overview, StateFilter, TokenPage};
pub use revoke::BulkRevoked;
pub use rotate::RotateToken;

use crate::authorization::Action;
use crate::{Error, OrganizationAccess, Tokens};

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

impl Tokens<'_> {
    /// A fresh key for a form, so that sending the form twice creates one token.
    pub fn creation_key(self) -> Uuid {
        self.service.new_id()
    }

    /// The scopes that the caller may not even give to a token of a project: what a form does not offer.
    pub fn withheld_scopes(self, access: &OrganizationAccess) -> Vec<String> {
        let all = self.service.catalogue().scopes().map(|info| &info.name);
        let withheld = all.filter(|scope| access.allow_scope(scope, LevelKind::Project).is_err());
        withheld.map(ToString::to_string).collect()
    }

    /// One token of the organization, in whatever state.
    pub async fn get(self, access: &OrganizationAccess, id: &str) -> Result<TokenDetail, Error> {
        let (access, token) = self.find(access, id).await?;
        access.allow(Action::ReadTokens)?;
        self.detail(&access, token, self.service.now()).await
    }

    /// Those of `ids` that the organization has and the caller may see, in the order of `ids`.
    pub async fn get_many(self, access: &OrganizationAccess, ids: &[String]) -> Result<Vec<TokenDetail>, Error> {
        let access = access.to_tokens(false)?;
        access.allow(Action::ReadTokens)?;
        let ids: Vec<TokenId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let mut found = tokens::by_ids(self.service.store(), &ids).await?;
        found.retain(|token| visible(&access, token));
        found.sort_by_key(|token| ids.iter().position(|id| *id == token.id));
        self.details(&access, found, self.service.now()).await
    }

    /// A token that the caller may know of, with the access to what it belongs to: the organization that is named, or
    /// the instance. Everything else does not exist for them.
    async fn find<'a>(
        self,
        access: &'a OrganizationAccess,
        id: &str,
    ) -> Result<(Cow<'a, OrganizationAccess>, Token), Error> {
        let token = match id.parse() {
            Ok(id) => tokens::by_id(self.service.store(), id).await?,
            Err(_) => None,
        };
        let of_instance = token.as_ref().is_some_and(|token| token.level == Level::Instance);
        let access = access.to_tokens(of_instance)?;
        let token = token.filter(|token| visible(&access, token));
        Ok((access, token.ok_or(Error::NotFound("token"))?))
    }

    async fn detail(self, access: &OrganizationAccess, token: Token, now: Timestamp) -> Result<TokenDetail, Error> {
        let mut details = self.details(access, vec![token], now).await?;
        details.pop().ok_or(Error::NotFound("token"))
    }

    /// Completes tokens with what lists and pages show beside the row, in one query for all of them.
    pub(crate) async fn details(
        self,
        access: &OrganizationAccess,
        tokens: Vec<Token>,
        now: Timestamp,
    ) -> Result<Vec<TokenDetail>, Error> {
        let listing: Vec<_> = tokens.iter().filter(|token| !token.all_repositories).map(|token| token.id).collect();
        let repositories = if listing.is_empty() {
            Vec::new()
        } else {
            tokens::repositories_of(self.service.store(), &listing).await?
        };
        let details = tokens.into_iter().map(|mut token| {
            self.service.inner.uses.overlay(&mut token);
            let of_token = repositories.iter().filter(|(of, ..)| *of == token.id);
            let repositories: Vec<_> = of_token.map(|(_, id, name)| (*id, name.clone())).collect();
            // What lists leave out.
            if token.level.organization().is_some() {
                access.name().clone_into(&mut token.organization_name);
            }
            token.repository_count = u32::try_from(repositories.len()).unwrap_or(u32::MAX);
            TokenDetail {
                state: TokenState::at(now, token.expires_at, token.revocation.as_ref().map(|revocation| revocation.at)),
                repositories,
                revocable: token.revocation.is_none() && access.allow(Action::revoke(access, &token)).is_ok(),
                token,
            }
        });
        Ok(details.collect())
    }
}

/// Whether a token is of this organization (or of the instance, if that is it) and within the level of a token that asks.
fn visible(access: &OrganizationAccess, token: &Token) -> bool {
    token.level.organization().unwrap_or(OrganizationId(Uuid::nil())) == access.id()
        && access.principal().level().is_none_or(|own| own.contains(token.level))
}
