use latchkey_domain::{RepositoryId, Scope, SignatureError, TokenId};
use latchkey_store::StoreError;
use thiserror::Error;

/// Why a use case did not do what it was asked. Each transport turns it into its own form in one exhaustive `match`.
#[derive(Debug, Error)]
pub enum Error {
    /// The credential is missing or not accepted.
    #[error("{0}")]
    Unauthenticated(#[from] AuthenticationError),
    /// The credential is good, but may not do this.
    #[error("{0}")]
    Forbidden(#[from] AuthorizationError),
    /// There is no such thing, or it is another organization's: nobody learns which.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What was sent can't be used; every field that is wrong, at once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
    /// A header that may be there once is there more than once, or another that means the same says something else:
    /// nothing is decided by which came first.
    #[error("the request has more than one {0}, or headers for it that differ; send one")]
    Ambiguous(&'static str),
    /// The name is taken, or what is there now stands against it.
    #[error("{0}")]
    Conflict(FieldError),
    /// The form was sent before and has made this token; its secret was in that answer.
    #[error("this form was sent before and has created a token already; its secret was shown then")]
    AlreadyCreated(TokenId),
    /// What is there now is not what the request takes it for.
    #[error("{0}")]
    Precondition(#[from] PreconditionError),
    /// Too many wrong passwords or links for the account or from the network.
    #[error("too many attempts; try again in {retry_after} seconds")]
    TooManyAttempts { retry_after: u64 },
    /// So much is under way, such as passwords to hash or bodies to read, that there is no room for more.
    #[error("too much is under way at this moment; try again in {retry_after} seconds")]
    Busy { retry_after: u64 },
    /// More of the same source is under way than there is room for; nobody else is kept waiting by it.
    #[error("too many {of} at once; try again in {retry_after} seconds")]
    TooManyAtOnce { of: &'static str, retry_after: u64 },
    /// The database does not answer; the same request may work in a moment.
    #[error("the service is not available for a moment")]
    Unavailable,
    /// The database has undone this because of another change; the same request may work at once.
    #[error("another change was in the way; try again in a moment")]
    GivenUp,
    /// The store of nonces does not answer, so nobody can tell a signed request from its replay.
    #[error("signed requests can't be checked for a moment, because the store of nonces does not answer")]
    NoncesUnavailable,
    /// The nonce of a signature may have been used and forgotten; a later signature is good.
    #[error(
        "nobody can tell any more whether this was sent before, because nonces were lost; sign the request again in \
         {retry_after} seconds"
    )]
    NoncesLost { retry_after: u64 },
    /// So many tokens that work as an organization may have.
    #[error(
        "the organization has {most} tokens that are neither revoked nor expired, which is as many as it may have; revoke some first"
    )]
    TooManyTokens { most: u32 },
    /// A fault of ours; the text is for the log only.
    #[error("internal error")]
    Internal(#[source] StoreError),
}

impl Error {
    /// What kind of error it is, in a word that stays the same: what `type`, `reason` and metrics of every transport
    /// are made of. The sentence is its `Display`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(error) => error.code(),
            Self::Forbidden(error) => error.code(),
            Self::NotFound(_) => "not-found",
            Self::Invalid(_) => "invalid",
            Self::Ambiguous(_) => "ambiguous-request",
            Self::Conflict(_) => "conflict",
            Self::AlreadyCreated(_) => "already-created",
            Self::Precondition(error) => error.code(),
            Self::TooManyAttempts { .. } => "too-many-attempts",
            Self::TooManyAtOnce { .. } => "too-many-at-once",
            Self::Busy { .. } => "busy",
            Self::Unavailable | Self::GivenUp => "unavailable",
            Self::NoncesUnavailable => "nonces-unavailable",
            Self::NoncesLost { .. } => "nonces-lost",
            Self::TooManyTokens { .. } => "too-many-tokens",
            Self::Internal(_) => "internal",
        }
    }

    /// Seconds after which the same request may be worth another try.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyAttempts { retry_after }
            | Self::TooManyAtOnce { retry_after, .. }
            | Self::Busy { retry_after }
            | Self::NoncesLost { retry_after } => Some(*retry_after),
            Self::Unavailable | Self::GivenUp | Self::NoncesUnavailable => Some(5),
            Self::Precondition(PreconditionError::RequestInProgress) => Some(1),
            _ => None,
        }
    }
}

impl AuthenticationError {
    /// See [`Error::code`].
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "credential-missing",
            Self::Malformed => "token-malformed",
            Self::Checksum => "token-checksum",
            Self::Unknown => "token-unknown",
            Self::Expired => "token-expired",
            Self::Revoked => "token-revoked",
            Self::Rotated => "token-rotated",
            Self::Network => "token-network",
            Self::Unsigned => "token-unsigned",
            Self::Signature(_) => "signature",
            Self::Replayed => "replayed",
            Self::Password => "wrong-password",
            Self::SessionEnded => "session-ended",
            Self::Locked => "account-locked",
        }
    }
}

impl PreconditionError {
    /// See [`Error::code`].
    pub fn code(self) -> &'static str {
        match self {
            Self::Ended => "token-ended",
            Self::Changed => "changed",
            Self::KeyReused => "idempotency-key-reused",
            Self::RequestInProgress => "idempotency-under-way",
            Self::SenderLost => "invitation-sender-lost",
            Self::Spent => "idempotency-spent",
        }
    }
}

impl AuthorizationError {
    /// See [`Error::code`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingScope(_) => "missing-scope",
            Self::MissingRepository(_) => "missing-repository",
            Self::MissingRole(_) | Self::ScopeNeedsRole(..) | Self::InstanceAdminOnly => "missing-role",
            Self::BeyondProject => "beyond-project",
            Self::PeopleOnly => "people-only",
            Self::ApiTokensOnly => "api-tokens-only",
            Self::NoRoute => "no-route",
            Self::OtherOrganization => "other-organization",
            Self::NoOrganization => "no-organization",
            Self::NotPinned => "organization-not-pinned",
            Self::PinnedToNone => "pinned-organization-unknown",
            Self::OrganizationUnsigned => "organization-unsigned",
            Self::Exceeds(_) => "exceeds-own",
        }
    }
}

/// Why a credential was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AuthenticationError {
    #[error("no credential was sent; send `Authorization: Bearer <token>`")]
    Missing,
    #[error("the token is not of the form of a Latchkey token")]
    Malformed,
    #[error("the token's checksum does not match: it was mistyped or cut")]
    Checksum,
    #[error("the token is unknown")]
    Unknown,
    #[error("the token has expired")]
    Expired,
    #[error("the token was revoked")]
    Revoked,
    #[error("the session has ended; sign in again")]
    SessionEnded,
    #[error("the account is locked; an instance admin can open it again")]
    Locked,
    #[error("the token was rotated: this secret is no longer its own, use the new one")]
    Rotated,
    #[error("the token may not be used from this network")]
    Network,
    #[error("the token requires signed requests")]
    Unsigned,
    #[error("{0}")]
    Signature(SignatureError),
    #[error("this request was sent before: its x-cli-nonce is used up")]
    Replayed,
    #[error("email or password is wrong")]
    Password,
}

/// How a request and the state of things don't go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PreconditionError {
    #[error("the token has ended: it is revoked or expired, and can't be changed any more")]
    Ended,
    #[error("the token was changed since you read it; read it again, and then decide")]
    Changed,
    #[error("this Idempotency-Key was sent before with another request; use a new key for a new request")]
    KeyReused,
    #[error("the request with this Idempotency-Key is still under way; try again in a moment")]
    RequestInProgress,
    #[error("whoever sent this invitation may no longer invite for this role; ask for a new one")]
    SenderLost,
    #[error("this request was done before, but what it made is gone or has another secret by now")]
    Spent,
}

/// What a good credential lacks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuthorizationError {
    #[error("this needs the scope {0}, which the token does not have")]
    MissingScope(Scope),
    #[error("the token does not reach this repository")]
    MissingRepository(Option<RepositoryId>),
    #[error("this needs the role {0}")]
    MissingRole(&'static str),
    #[error("giving a token the scope {0} needs the role {1}")]
    ScopeNeedsRole(Scope, String),
    #[error("this is for people only; an API token can't do it")]
    PeopleOnly,
    #[error("this is for API tokens only")]
    ApiTokensOnly,
    #[error("no rule allows this method and path; see the file of LATCHKEY_ROUTES_FILE")]
    NoRoute,
    #[error("the token belongs to another organization than the request is about")]
    OtherOrganization,
    #[error(
        "this instance has several organizations, and nothing says which of them this is about: name it in the proxy's \
         address of Latchkey (/orgs/{{organization}}/forward-auth), in the route file (organizations = [\"…\"]), in \
         LATCHKEY_FORWARD_AUTH_ORGANIZATIONS or, for /api/verify, in the field organizations"
    )]
    NotPinned,
    #[error("none of the organizations that this is pinned to exists")]
    PinnedToNone,
    #[error("the token is confined to its project")]
    BeyondProject,
    #[error("name the organization in the header latchkey-organization")]
    NoOrganization,
    #[error(
        "the header names the organization that this acts on, and is not signed: end x-cli-nonce with @ and the same text"
    )]
    OrganizationUnsigned,
    #[error("a token can't give more than it has: {0}")]
    Exceeds(String),
    #[error("only instance admins can do this")]
    InstanceAdminOnly,
}

/// What is wrong with one field; completes the sentence "The {field} …" or stands alone beside the field.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// The field's name in the API.
    pub field: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(field: &'static str, message: impl ToString) -> Self {
        Self { field, message: message.to_string() }
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Self::Invalid(vec![error])
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(source) => {
                tracing::error!(%source, "the database is not available");
                Self::Unavailable
            }
            StoreError::Busy => Self::Unavailable,
            StoreError::Aborted(source) => {
                tracing::warn!(%source, "the database gave a transaction up for another one");
                Self::GivenUp
            }
            other => Self::Internal(other),
        }
    }
}
