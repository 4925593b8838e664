use crate::{AllowedNetworks, Description, RepositoryAccess, ScopeSet, Timestamp, TokenName};

/// What the maker of a token chooses and may change later, checked: the same from a form or JSON to the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    pub name: TokenName,
    pub description: Description,
    pub scopes: ScopeSet,
    pub repositories: RepositoryAccess,
    pub expires_at: Option<Timestamp>,
    pub allowed_networks: AllowedNetworks,
    /// Whether unsigned requests are refused.
    pub require_signing: bool,
}

/// A change of [`TokenSettings`]; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSettingsPatch {
    pub name: Option<TokenName>,
    pub description: Option<Description>,
    pub scopes: Option<ScopeSet>,
    pub repositories: Option<RepositoryAccess>,
    pub expires_at: Option<Option<Timestamp>>,
    pub allowed_networks: Option<AllowedNetworks>,
    pub require_signing: Option<bool>,
}

impl TokenSettings {
    /// In what these let a token do more than `other` do; `None` if they do not.
    pub fn beyond(&self, other: &Self) -> Option<String> {
        if let Some(scope) = self.scopes.beyond(&other.scopes).next() {
            return Some(format!("the scope {scope}"));
        }
        if !other.repositories.contains(&self.repositories) {
            return Some("its repositories".to_owned());
        }
        if let Some(other_end) = other.expires_at
            && self.expires_at.is_none_or(|end| end > other_end)
        {
            return Some(format!("its own expiry on {other_end}"));
        }
        if !other.allowed_networks.contains(&self.allowed_networks) {
            return Some("its networks".to_owned());
        }
        if other.require_signing && !self.require_signing {
            return Some("requests without a signature".to_owned());
        }
        None
    }

    /// These with a change.
    pub fn patched(&self, patch: TokenSettingsPatch) -> Self {
        Self {
            name: patch.name.unwrap_or_else(|| self.name.clone()),
            description: patch.description.unwrap_or_else(|| self.description.clone()),
            scopes: patch.scopes.unwrap_or_else(|| self.scopes.clone()),
            repositories: patch.repositories.unwrap_or_else(|| self.repositories.clone()),
            expires_at: patch.expires_at.unwrap_or(self.expires_at),
            allowed_networks: patch.allowed_networks.unwrap_or_else(|| self.allowed_networks.clone()),
            require_signing: patch.require_signing.unwrap_or(self.require_signing),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{RepositoryId, Scope};

    fn settings() -> TokenSettings {
        TokenSettings {
            name: TokenName::stored("CI"),
            description: Description::stored(""),
            scopes: ScopeSet::stored("repos:read scans:read"),
            repositories: RepositoryAccess::Only([RepositoryId(Uuid::from_u128(2))].into()),
            expires_at: Some(Timestamp::EPOCH.plus_days(30)),
            allowed_networks: AllowedNetworks::new(["10.0.0.0/8"]).unwrap(),
            require_signing: true,
        }
    }

    #[test]
    fn each_way_to_do_more_is_seen() {
        let own = settings();
        assert_eq!(own.beyond(&own), None);
        let scopes = ScopeSet::new(["repos:read", "repos:write"].map(Scope::stored)).unwrap();
        for (more, what) in [
            (TokenSettings { scopes, ..settings() }, "the scope repos:write"),
            (TokenSettings { repositories: RepositoryAccess::All, ..settings() }, "its repositories"),
            (TokenSettings { expires_at: None, ..settings() }, "its own expiry on 1970-01-31T00:00:00Z"),
            (TokenSettings { allowed_networks: AllowedNetworks::default(), ..settings() }, "its networks"),
            (TokenSettings { require_signing: false, ..settings() }, "requests without a signature"),
        ] {
            assert_eq!(more.beyond(&own).as_deref(), Some(what));
            assert!(
                matches!(what, "the scope repos:write") || own.beyond(&more).is_none(),
                "{what}: less is within more"
            );
        }
        let nothing = TokenSettings { repositories: RepositoryAccess::Only([].into()), ..settings() };
        assert_eq!(nothing.beyond(&own), None);
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        assert_eq!(settings().patched(TokenSettingsPatch::default()), settings());
        let patch = TokenSettingsPatch { expires_at: Some(None), ..TokenSettingsPatch::default() };
        assert_eq!(settings().patched(patch), TokenSettings { expires_at: None, ..settings() });
    }
}
