use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Declares an identifier type: a UUID version 7 (RFC 9562, section 5.7) that can't be mistaken for another object's.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

id!(/// Names an organization.
    OrganizationId);
id!(/// Names a project.
    ProjectId);
id!(/// Names a repository configuration.
    RepositoryId);
id!(/// Names a user.
    UserId);
id!(/// Names a session or a user token of a person; not secret.
    CredentialId);
id!(/// Names a user's membership of one organization.
    MembershipId);
id!(/// Names an invitation to an organization.
    InvitationId);
id!(/// Names an API token; not secret.
    TokenId);
id!(/// Names an audit event.
    AuditEventId);
id!(/// Names a message of the outbox; its idempotency key.
    OutboxMessageId);
id!(/// Names one run of auto-revoke.
    SweepId);
