//! The rule of containment: nobody makes, widens or takes over a token that can do more than they can.

use latchkey_domain::{Level, TokenSettings};

use crate::{AuthorizationError, Error, OrganizationAccess, Principal, Tokens};

impl Tokens<'_> {
    /// Refuses a token that the caller may not make.
    pub(super) fn contain(
        self,
        access: &OrganizationAccess,
        level: Level,
        settings: &TokenSettings,
    ) -> Result<(), Error> {
        match access.principal() {
            Principal::ApiToken(own) => {
                let own_settings = TokenSettings { repositories: access.principal().reach(), ..own.settings([]) };
                let beyond = if own.level.contains(level) {
                    settings.beyond(&own_settings)
                } else {
                    Some("its level".to_owned())
                };
                beyond.map_or(Ok(()), |beyond| Err(AuthorizationError::Exceeds(beyond).into()))
            }
            Principal::Session(_) | Principal::UserToken(_) => {
                settings.scopes.iter().try_for_each(|scope| access.allow_scope(scope, level.kind()))
            }
        }
    }
}
