//! The JSON of the REST API, once: the server writes it, clients read it, and the other way round.
//!
//! Requests refuse fields that they don't know, so that a misspelt one has no silent effect. Responses take them, so that
//! an older client can talk to a newer server. Credentials are a [`SecretString`], which has no readable `Debug`.

mod audit;
mod auto_revoke;
mod credentials;
mod invitations;
mod members;
mod number;
mod oauth;
mod operations;
mod organizations;
mod page;
mod problem;
mod projects;
mod repositories;
#[cfg(feature = "openapi")]
pub mod schema;
mod secret;
mod tokens;
mod users;
mod verification;

pub use audit::{Event, EventLevel, EventObject, EventQuery};
pub use auto_revoke::{AutoRevoke, AutoRevokePreview, Days, Sweep};
pub use credentials::{Login, UserToken, WhoAmI};
pub use invitations::{Invitation, InvitationStatus, InvitationWithLink, NewInvitation};
pub use latchkey_domain::{CredentialId, InvitationId};
/// What the fields of these types are made of.
pub use latchkey_domain::{
    LevelKind, MembershipId, OrganizationId, OrganizationKey, Pin, PinError, ProjectId, RepositoryId, Role, Scope,
    ScopeSet, Timestamp, TokenId, TokenState, UserId,
};
pub use members::{Member, MemberChanges, MemberQuery};
pub use oauth::{Introspected, Introspection, OAuthError};
pub use operations::{Info, Readiness, Status, StatusQuery};
pub use organizations::{DeletedOrganization, ListedOrganization, NewOrganization, Organization};
pub use page::{Page, PageQuery};
pub use problem::{FieldProblem, Problem};
pub use projects::{NewProject, Project};
pub use repositories::{NewRepository, Repository, RepositoryQuery};
pub use secret::SecretString;
pub use tokens::{
    NewToken, RevokedToken, RevokedTokens, Rotation, Token, TokenChanges, TokenQuery, TokenStatusFilter,
    TokenWithSecret, TokensToRevoke,
};
pub use users::{Credential, CredentialKind, NewPassword, User, UserChanges};
pub use verification::{DecidedToken, Decision, Decisions, RequestToDecide, RequestsToDecide, SignatureHeaders};
