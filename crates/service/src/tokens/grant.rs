//! What a token can do, and the rule of containment: nobody makes, widens or takes over a token that can do more than
//! they can.

use latchkey_domain::{AllowedNetworks, Level, RepositoryAccess, RepositoryId, ScopeSet, Timestamp};
use latchkey_store::tokens::Token;

use crate::{AuthorizationError, Error, OrganizationAccess, Principal, Tokens};

/// All that a token can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) level: Level,
    pub(super) scopes: ScopeSet,
    pub(super) repositories: RepositoryAccess,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) allowed_networks: AllowedNetworks,
    pub(super) require_signing: bool,
}

impl Grant {
    /// What a stored token can do.
    pub(super) fn of(token: &Token, listed: impl IntoIterator<Item = RepositoryId>) -> Self {
        Self {
            level: token.level,
            scopes: token.scopes.clone(),
            // A list whose repositories are all deleted reaches nothing.
            repositories: if token.all_repositories {
                RepositoryAccess::All
            } else {
                RepositoryAccess::Only(listed.into_iter().collect())
            },
            expires_at: token.expires_at,
            allowed_networks: token.allowed_networks.clone(),
            require_signing: token.require_signing,
        }
    }

    /// In what this goes beyond another; `None` if it is within it.
    pub(super) fn beyond(&self, own: &Self) -> Option<String> {
        if !own.level.contains(self.level) {
            return Some("its level".to_owned());
        }
        if let Some(scope) = self.scopes.beyond(&own.scopes).next() {
            return Some(format!("the scope {scope}"));
        }
        if !own.repositories.contains(&self.repositories) {
            return Some("its repositories".to_owned());
        }
        if let Some(own_end) = own.expires_at
            && self.expires_at.is_none_or(|end| end > own_end)
        {
            return Some(format!("its own expiry on {own_end}"));
        }
        if !own.allowed_networks.contains(&self.allowed_networks) {
            return Some("its networks".to_owned());
        }
        if own.require_signing && !self.require_signing {
            return Some("requests without a signature".to_owned());
        }
        None
    }
}

impl Tokens<'_> {
    /// Refuses a grant that the caller may not give.
    pub(super) fn contain(self, access: &OrganizationAccess, grant: &Grant) -> Result<(), Error> {
        match access.principal() {
            Principal::ApiToken(own) => {
                let own = Grant { repositories: access.principal().reach(), ..Grant::of(own, []) };
                grant.beyond(&own).map_or(Ok(()), |beyond| Err(AuthorizationError::Exceeds(beyond).into()))
            }
            Principal::Session(_) | Principal::UserToken(_) => {
                grant.scopes.iter().try_for_each(|scope| access.allow_scope(scope, grant.level.kind()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use latchkey_domain::{OrganizationId, Scope};
    use uuid::Uuid;

    use super::*;

    fn grant() -> Grant {
        Grant {
            level: Level::Organization(OrganizationId(Uuid::from_u128(1))),
            scopes: ScopeSet::stored("repos:read scans:read"),
            repositories: RepositoryAccess::Only([RepositoryId(Uuid::from_u128(2))].into()),
            expires_at: Some(Timestamp::EPOCH.plus_days(30)),
            allowed_networks: AllowedNetworks::new(["10.0.0.0/8"]).unwrap(),
            require_signing: true,
        }
    }

    #[test]
    fn each_way_to_do_more_is_seen() {
        let own = grant();
        assert_eq!(own.beyond(&own), None);
        let scopes = ScopeSet::new(["repos:read", "repos:write"].map(Scope::stored)).unwrap();
        for (more, what) in [
            (Grant { level: Level::Instance, ..grant() }, "its level"),
            (Grant { scopes, ..grant() }, "the scope repos:write"),
            (Grant { repositories: RepositoryAccess::All, ..grant() }, "its repositories"),
            (Grant { expires_at: None, ..grant() }, "its own expiry on 1970-01-31T00:00:00Z"),
            (Grant { allowed_networks: AllowedNetworks::default(), ..grant() }, "its networks"),
            (Grant { require_signing: false, ..grant() }, "requests without a signature"),
        ] {
            assert_eq!(more.beyond(&own).as_deref(), Some(what));
            assert!(
                matches!(what, "the scope repos:write") || own.beyond(&more).is_none(),
                "{what}: less is within more"
            );
        }
        let nothing = Grant { repositories: RepositoryAccess::Only([].into()), ..grant() };
        assert_eq!(nothing.beyond(&own), None);
    }
}
