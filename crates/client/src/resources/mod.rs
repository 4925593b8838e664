//! One file a resource, named as in the address.

mod audit;
mod auto_revoke;
mod health;
mod invitations;
mod members;
mod organizations;
mod projects;
mod repositories;
mod tokens;
mod users;
mod verification;

pub use audit::AuditClient;
pub use auto_revoke::AutoRevokeClient;
pub use health::HealthClient;
pub use invitations::{InvitationsClient, ReceivedInvitationsClient};
pub use members::MembersClient;
pub use organizations::OrganizationsClient;
pub use projects::ProjectsClient;
pub use repositories::RepositoriesClient;
pub use tokens::TokensClient;
pub use users::UsersClient;
pub use verification::{ForwardAuth, VerificationClient};
