//! The value types and rules of Latchkey.
//!
//! Nothing here does I/O, asks the clock or draws random numbers, so the server and the browser run the same code.
//! A value that exists is valid: constructors check, fields are private.

mod audit;
mod catalogue;
mod expiry;
mod forwarded;
mod ids;
mod name;
mod network;
mod original;
mod pin;
mod repository;
mod role;
#[cfg(feature = "files")]
mod routes;
mod scope;
#[cfg(feature = "unicode")]
mod search;
mod secret;
mod signing;
#[cfg(feature = "unicode")]
mod text;
mod threshold;
mod timestamp;
mod token;
pub mod words;

pub use audit::AuditAction;
pub use catalogue::{Catalogue, CatalogueError, Group, GroupLevel, Preset, ScopeInfo};
pub use expiry::{Expiry, ExpiryError};
pub use forwarded::{client_address, read_address};
pub use ids::{
    AuditEventId, CredentialId, InvitationId, MembershipId, OrganizationId, OutboxMessageId, ProjectId, RepositoryId,
    SweepId, TokenId, UserId,
};
pub use name::{Description, Email, NameError, OrganizationName, Password, ProjectName, TokenName};
pub use network::{AllowedNetworks, NetworkError};
pub use original::{OriginalError, OriginalRequest};
pub use pin::{OrganizationKey, Pin, PinError};
pub use repository::{RepositoryAccess, RepositoryAccessError, RepositoryName};
pub use role::Role;
#[cfg(feature = "files")]
pub use routes::{NoRule, RouteAccess, Routes, RoutesError};
pub use scope::{Scope, ScopeError, ScopeSet};
#[cfg(feature = "unicode")]
pub use search::{SearchTerm, prefix_entry, search_terms, search_words};
pub use secret::{Secret, SecretError, SecretHash, SecretKind, SecretPrefix, sha256};
pub use signing::{Signature, SignatureError, SignedRequest, from_hex, may_have_body, to_hex};
#[cfg(feature = "unicode")]
pub use text::plain;
pub use threshold::{InactivityThreshold, ThresholdError};
pub use timestamp::{Timestamp, TimestampError};
pub use token::{Level, LevelKind, RevocationReason, TokenState};
