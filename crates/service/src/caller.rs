use std::net::IpAddr;
use std::sync::Arc;

use latchkey_domain::{CredentialId, Level, ProjectId, RepositoryAccess, Scope, UserId};
use latchkey_store::tokens::Actor;
use latchkey_store::users::User;

use crate::token_cache::CachedToken;
use crate::{AuthorizationError, Error};

/// Who asks, and from where.
#[derive(Clone, Debug)]
pub struct Caller {
    pub principal: Principal,
    pub origin: Origin,
}

/// Whom a credential stands for.
#[derive(Clone, Debug)]
pub enum Principal {
    /// A person in a signed-in browser.
    Session(Person),
    /// A person with a 24-hour user token.
    UserToken(Person),
    /// A pipeline or a script.
    ApiToken(Arc<CachedToken>),
}

/// A user who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: UserId,
    pub email: String,
    pub instance_admin: bool,
    /// The session or user token that they have signed in with.
    pub credential: CredentialId,
}

/// Where a request came from; kept with audit events and last uses.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub address: Option<IpAddr>,
    user_agent: String,
    request_id: String,
}

impl Origin {
    /// Longest part of a user agent that is kept, in characters.
    const USER_AGENT_MAX: usize = 300;

    /// What a request says of itself; cut to what is worth keeping.
    pub fn new(address: Option<IpAddr>, user_agent: &str, request_id: &str) -> Self {
        // Nearly all are kept as they are.
        let user_agent =
            if user_agent.len() <= Self::USER_AGENT_MAX && user_agent.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                user_agent.to_owned()
            } else {
                user_agent.chars().filter(|c| !c.is_control()).take(Self::USER_AGENT_MAX).collect()
            };
        Self { address, user_agent, request_id: request_id.to_owned() }
    }

    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }

    pub fn request_id(&self) -> &str {
        &self.request_id
    }
}

impl Person {
    pub(crate) fn new(user: User, credential: CredentialId) -> Self {
        Self { id: user.id, email: user.email, instance_admin: user.instance_admin, credential }
    }
}

impl Principal {
    /// The person behind a session or user token.
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Session(person) | Self::UserToken(person) => Some(person),
            Self::ApiToken(_) => None,
        }
    }

    /// How audit events and tokens name the caller.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Session(person) | Self::UserToken(person) => {
                Actor { kind: "user", id: Some(person.id.0), name: person.email.clone() }
            }
            Self::ApiToken(token) => Actor { kind: "api_token", id: Some(token.id.0), name: token.name.clone() },
        }
    }

    /// Refuses an API token without `scope`; what people may do is a matter of their role.
    pub(crate) fn needs_scope(&self, scope: &'static str) -> Result<(), Error> {
        match self {
            Self::ApiToken(token) if !token.scopes.contains(scope) => {
                Err(AuthorizationError::MissingScope(Scope::stored(scope)).into())
            }
            _ => Ok(()),
        }
    }

    /// The repositories that the caller reaches: all for people, its own for an API token.
    pub(crate) fn reach(&self) -> RepositoryAccess {
        match self {
            Self::ApiToken(token) => token.reach(),
            Self::Session(_) | Self::UserToken(_) => RepositoryAccess::All,
        }
    }

    /// The project that an API token is confined to.
    pub(crate) fn project(&self) -> Option<ProjectId> {
        self.level().and_then(Level::project)
    }

    /// The level that an API token is confined to; people have none.
    pub(crate) fn level(&self) -> Option<Level> {
        match self {
            Self::ApiToken(token) => Some(token.level),
            _ => None,
        }
    }
}
