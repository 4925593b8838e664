//! Which organization a decision about a request to another service is about. What the request says of itself never
//! decides that: its token has power in its own organization, and what is behind a proxy serves another one, perhaps.

use latchkey_domain::{OrganizationId, OrganizationKey, Pin, Signature};
use latchkey_store::organizations;

use crate::{AuthorizationError, CachedOrganization, CachedToken, Error, Principal, Verification};

impl Verification<'_> {
    /// The organization that a request acts on: the token's own, the one that its header names, or the one that is
    /// pinned; in any case one that all pins allow. Without pins, only an instance's one organization is.
    pub(crate) async fn acted_on(
        self,
        token: &CachedToken,
        named: Option<&str>,
        pins: &[&Pin],
        signature: Option<&Signature>,
    ) -> Result<CachedOrganization, Error> {
        if let Some(own) = &token.organization {
            // Names of organizations that are there are unique, and the token's is there: else it were revoked.
            let names_own = |named: &str| named == token.organization_name || named.parse() == Ok(own.id);
            if named.is_none_or(names_own) && self.pins_allow(own.id, pins).await? {
                return Ok(own.clone());
            }
            return Err(AuthorizationError::OtherOrganization.into());
        }
        let acted_on = match named {
            Some(named) => {
                let key = OrganizationKey::parse(named).map_err(|_| Error::NotFound("organization"))?;
                let found = self.service.inner.cache.organization(&key).await?;
                Some(found.ok_or(Error::NotFound("organization"))?)
            }
            None => None,
        };
        let pinned = self.pinned(pins).await?;
        if let (Some(named), Some(signature)) = (named, signature)
            && pinned.as_ref().is_none_or(|pinned| pinned.len() != 1)
            && !signature.names(named)
        {
            // The header decides, and anybody on the way could have written it.
            return Err(AuthorizationError::OrganizationUnsigned.into());
        }
        match (acted_on, pinned) {
            (Some(acted_on), None) => Ok(acted_on),
            (Some(acted_on), Some(pinned)) if pinned.contains(&acted_on) => Ok(acted_on),
            (Some(_), Some(_)) => Err(AuthorizationError::OtherOrganization.into()),
            (None, Some(mut pinned)) if pinned.len() == 1 => {
                pinned.pop().ok_or(AuthorizationError::NoOrganization.into())
            }
            (None, _) => Err(AuthorizationError::NoOrganization.into()),
        }
    }

    /// Whether all pins allow an organization, by what their names stand for now.
    async fn pins_allow(self, organization: OrganizationId, pins: &[&Pin]) -> Result<bool, Error> {
        let cache = &self.service.inner.cache;
        if pins.is_empty() {
            let only = cache.only_organization().await?.ok_or(AuthorizationError::NotPinned)?;
            return Ok(only.id == organization);
        }
        let mut allowed_by_all = true;
        for pin in pins {
            let Pin::Only(keys) = pin else { continue };
            let (mut there, mut allowed) = (false, false);
            for key in keys {
                if let Some(found) = cache.organization(key).await? {
                    there = true;
                    allowed |= found.id == organization;
                }
            }
            if !there {
                return Err(AuthorizationError::PinnedToNone.into());
            }
            allowed_by_all &= allowed;
        }
        Ok(allowed_by_all)
    }

    /// Refuses a signed request whose header decides on which of several organizations it acts, unless the signature
    /// covers that.
    pub async fn check_organization_signed(
        self,
        principal: &Principal,
        named: &str,
        signature: &Signature,
    ) -> Result<(), Error> {
        let fixed = matches!(principal, Principal::ApiToken(token) if token.level.organization().is_some());
        if fixed || signature.names(named) || organizations::all(self.service.store(), "", 2).await?.len() < 2 {
            return Ok(());
        }
        Err(AuthorizationError::OrganizationUnsigned.into())
    }

    /// What an operator's own pins leave undecided: several organizations and no pin, or a pin that names none that there
    /// is. `None` when they decide.
    pub async fn undecided(self, pins: &[&Pin]) -> Result<Option<AuthorizationError>, Error> {
        if pins.is_empty() {
            let several = organizations::all(self.service.store(), "", 2).await?.len() > 1;
            return Ok(several.then_some(AuthorizationError::NotPinned));
        }
        match self.pinned(pins).await {
            Ok(_) => Ok(None),
            Err(Error::Forbidden(denial)) => Ok(Some(denial)),
            Err(error) => Err(error),
        }
    }

    /// Those that all pins allow, by what their names stand for now; `None` for any.
    async fn pinned(self, pins: &[&Pin]) -> Result<Option<Vec<CachedOrganization>>, Error> {
        if pins.is_empty() {
            let only = self.service.inner.cache.only_organization().await?.ok_or(AuthorizationError::NotPinned)?;
            return Ok(Some(vec![only]));
        }
        let mut pinned: Option<Vec<CachedOrganization>> = None;
        for pin in pins {
            let Pin::Only(keys) = pin else { continue };
            let mut allowed = Vec::with_capacity(keys.len());
            for key in keys {
                allowed.extend(self.service.inner.cache.organization(key).await?);
            }
            if allowed.is_empty() {
                return Err(AuthorizationError::PinnedToNone.into());
            }
            match &mut pinned {
                Some(pinned) => pinned.retain(|organization| allowed.contains(organization)),
                None => pinned = Some(allowed),
            }
        }
        Ok(pinned.map(|mut pinned| {
            pinned.dedup();
            pinned
        }))
    }
}

/// A resource server's own organization, which it asks about and no other.
pub(crate) fn own(organization: OrganizationId) -> Pin {
    Pin::Only(vec![OrganizationKey::Id(organization)])
}
