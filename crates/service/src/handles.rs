//! The use cases by the object that they are about: `service.tokens().revoke(…)`.

use crate::Service;

macro_rules! handles {
    ($($(#[$doc:meta])* $method:ident: $handle:ident,)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy)]
            pub struct $handle<'a> {
                pub(crate) service: &'a Service,
            }
        )*

        impl Service {
            $(
                $(#[$doc])*
                pub fn $method(&self) -> $handle<'_> {
                    $handle { service: self }
                }
            )*
        }
    };
}

handles! {
    /// API tokens.
    tokens: Tokens,
    /// Repositories of an organization.
    repositories: Repositories,
    /// Projects of an organization.
    projects: Projects,
    /// Organizations, and the access of a caller to one.
    organizations: Organizations,
    /// Members of an organization.
    members: Members,
    /// A person's own memberships.
    memberships: Memberships,
    /// Invitations to an organization.
    invitations: Invitations,
    /// Accounts of people.
    users: Users,
    /// Sessions of people in a browser.
    sessions: Sessions,
    /// Sessions and user tokens of an account.
    credentials: Credentials,
    /// Audit events.
    audit: Audit,
    /// The setting of auto-revoke, and its sweeps.
    auto_revoke: AutoRevoke,
    /// Checks of presented credentials.
    authentication: Authentication,
    /// Decisions about requests with a presented credential.
    verification: Verification,
    /// Messages to the outside that wait to be delivered.
    outbox: Outbox,
    /// The first start of an instance.
    setup: Setup,
    /// What an operator does from the server's shell. Authorized by having that shell.
    operator: Operator,
    /// What the server does by itself, from time to time.
    maintenance: Maintenance,
    /// The state of this process and its database.
    health: Health,
}
