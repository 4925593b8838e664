use latchkey_domain::{
    AllowedNetworks, AuditAction, Description, RepositoryAccess, ScopeSet, Timestamp, TokenName, TokenState,
};
use latchkey_store::tokens::{self, Edited, Token};
use latchkey_store::{Conflict, StoreError, Tx};
use serde_json::{Map, Value, json};

use super::TokenDetail;
use super::create::{ExpiresIn, beyond_level, keep};
use super::grant::Grant;
use super::version::check_version;
use crate::authorization::Action;
use crate::recorder::AuditEntry;
use crate::transaction::Write;
use crate::{Error, FieldError, OrganizationAccess, PreconditionError, Tokens};

/// What is to be another; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct EditToken {
    pub name: Option<String>,
    pub description: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub repositories: Option<ChosenRepositories>,
    pub expires: Option<ExpiresIn>,
    /// Networks in CIDR notation; empty for everywhere.
    pub allowed_networks: Option<Vec<String>>,
    pub require_signing: Option<bool>,
    /// Only while its version is one of these; any, if there are none.
    pub expected: Option<Vec<String>>,
}

/// Repositories as they were sent.
#[derive(Clone, Debug, Default)]
pub struct ChosenRepositories {
    pub all: bool,
    /// Ids or full names.
    pub only: Vec<String>,
}

/// What is to be another, checked.
struct Changes {
    name: Option<TokenName>,
    description: Option<Description>,
    scopes: Option<ScopeSet>,
    repositories: Option<RepositoryAccess>,
    expires_at: Option<Option<Timestamp>>,
    allowed_networks: Option<AllowedNetworks>,
    require_signing: Option<bool>,
}

impl Tokens<'_> {
    /// Changes a token that has not ended. Narrowing is open to whoever may edit it; widening only to those who could
    /// create the token as it then is.
    pub async fn edit(self, access: &OrganizationAccess, id: &str, asked: EditToken) -> Result<TokenDetail, Error> {
        let (access, token) = self.find(access, id).await?;
        access.allow(Action::edit(&access, &token))?;
        let changes = self.check_changes(&access, &token, &asked).await?;

        let Write { mut tx, access } = self.service.begin_with_tokens(&access, &[token.id]).await?;
        access.allow(Action::edit(&access, &token))?;
        // As it is now, and stays until the commit: what was read before may have been narrowed since.
        let (token, listed) = tokens::lock(&mut tx, token.id).await?.ok_or(Error::NotFound("token"))?;
        if let Some(expected) = &asked.expected {
            check_version(expected, &token, &listed)?;
        }
        let revoked_at = token.revocation.as_ref().map(|revocation| revocation.at);
        if TokenState::at(self.service.now(), token.expires_at, revoked_at) != TokenState::Active {
            return Err(PreconditionError::Ended.into());
        }
        let before = Grant::of(&token, listed);
        let edited = self.apply(&access, &mut tx, &token, &before, changes).await?;
        if edited {
            tx.commit().await?;
        }
        let token = tokens::by_id(self.service.store(), token.id).await?.ok_or(Error::NotFound("token"))?;
        self.detail(&access, token, self.service.now()).await
    }

    /// Every field that is wrong, at once.
    async fn check_changes(
        self,
        access: &OrganizationAccess,
        token: &Token,
        asked: &EditToken,
    ) -> Result<Changes, Error> {
        let mut errors = Vec::new();
        let name = asked.name.as_deref().and_then(|name| keep(&mut errors, "name", TokenName::new(name)));
        let description = asked.description.as_deref();
        let description =
            description.and_then(|description| keep(&mut errors, "description", Description::new(description)));
        let scopes = asked.scopes.as_deref();
        let scopes = scopes.and_then(|scopes| keep(&mut errors, "scopes", self.service.catalogue().choose(scopes)));
        let expires = asked.expires.as_ref();
        let expires_at = expires.and_then(|expires| keep(&mut errors, "expires", expires.at(self.service.now())));
        let allowed_networks = asked.allowed_networks.as_ref().and_then(|networks| {
            let networks = networks.iter().filter(|network| !network.trim().is_empty());
            keep(&mut errors, "allowedNetworks", AllowedNetworks::new(networks))
        });
        if let Some(scope) =
            scopes.as_ref().and_then(|scopes| beyond_level(self.service.catalogue(), scopes, token.level))
        {
            errors.push(FieldError::new("scopes", format!("{scope} is for instance tokens only")));
        }
        let repositories = match &asked.repositories {
            None => None,
            Some(chosen) => {
                let chosen = self.chosen_repositories(access, chosen.all, &chosen.only).await?;
                keep(&mut errors, "repositories", chosen)
            }
        };
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let require_signing = asked.require_signing;
        Ok(Changes { name, description, scopes, repositories, expires_at, allowed_networks, require_signing })
    }

    /// Writes the changes and what happened; says whether anything is another than before.
    async fn apply(
        self,
        access: &OrganizationAccess,
        tx: &mut Tx,
        token: &Token,
        before: &Grant,
        changes: Changes,
    ) -> Result<bool, Error> {
        let after = Grant {
            level: before.level,
            scopes: changes.scopes.unwrap_or_else(|| before.scopes.clone()),
            repositories: changes.repositories.unwrap_or_else(|| before.repositories.clone()),
            expires_at: changes.expires_at.unwrap_or(before.expires_at),
            allowed_networks: changes.allowed_networks.unwrap_or_else(|| before.allowed_networks.clone()),
            require_signing: changes.require_signing.unwrap_or(before.require_signing),
        };
        let name = changes.name.unwrap_or_else(|| TokenName::stored(&token.name));
        let description = changes.description.unwrap_or_else(|| Description::stored(&token.description));
        let what = differences(token, (name.as_str(), description.as_str()), before, &after);
        if what.is_empty() {
            return Ok(false);
        }
        let action = if after.beyond(before).is_some() {
            self.contain(access, &after)?;
            AuditAction::TokenWidened
        } else if before.beyond(&after).is_some() {
            AuditAction::TokenNarrowed
        } else {
            AuditAction::TokenUpdated
        };
        let edited = Edited {
            name: &name,
            description: &description,
            scopes: &after.scopes,
            repositories: (after.repositories != before.repositories).then_some(&after.repositories),
            require_signing: after.require_signing,
            allowed_networks: &after.allowed_networks,
            expires_at: after.expires_at,
        };
        tokens::update(tx, token, &edited).await.map_err(|error| match error {
            StoreError::Conflict(Conflict::TokenName) => {
                let taken = "is taken by another token that is not revoked; choose another name";
                Error::Conflict(FieldError::new("name", taken))
            }
            error => error.into(),
        })?;
        let entry = AuditEntry {
            organization: token.level.organization(),
            action,
            target: ("token", Some(token.id.0), name.as_str()),
            success: true,
            details: Value::Object(what),
        };
        self.service.record_by(tx, access.caller(), entry).await?;
        Ok(true)
    }
}

/// Each field that changes, before and after.
fn differences(token: &Token, (name, description): (&str, &str), before: &Grant, after: &Grant) -> Map<String, Value> {
    let networks = |grant: &Grant| json!(grant.allowed_networks.iter().collect::<Vec<_>>());
    let repositories = |grant: &Grant| match &grant.repositories {
        RepositoryAccess::All => json!("all"),
        RepositoryAccess::Only(ids) => json!(ids),
    };
    [
        ("name", json!(token.name), json!(name)),
        ("description", json!(token.description), json!(description)),
        ("scopes", json!(before.scopes), json!(after.scopes)),
        ("repositories", repositories(before), repositories(after)),
        ("expires_at", json!(before.expires_at), json!(after.expires_at)),
        ("allowed_networks", networks(before), networks(after)),
        ("require_signing", json!(before.require_signing), json!(after.require_signing)),
    ]
    .into_iter()
    .filter(|(_, before, after)| before != after)
    .map(|(field, before, after)| (field.to_owned(), json!({ "before": before, "after": after })))
    .collect()
}
