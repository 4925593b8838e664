//! Errors as gRPC statuses, with details of `google.rpc` (<https://google.aip.dev/193>).

use std::collections::HashMap;
use std::time::Duration;

use latchkey_service::{AuthenticationError, AuthorizationError, Error, FieldError, PreconditionError, Unready};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::http::rate_limit::RateLimitExceeded;

/// Whose reasons they are, in `google.rpc.ErrorInfo`.
const DOMAIN: &str = "latchkey";

/// The messages of the first four are what existing clients look at.
pub(crate) fn status(error: Error) -> Status {
    let text = error.to_string();
    match error {
        Error::Unauthenticated(refusal) => unauthenticated(refusal),
        Error::Forbidden(AuthorizationError::NoOrganization) => {
            info(Code::FailedPrecondition, &text, "NO_ORGANIZATION", &text, HashMap::new())
        }
        Error::Forbidden(denial) => denied(&denial),
        Error::NotFound(_) => Status::not_found(text),
        Error::Invalid(errors) => invalid(errors.into_iter().map(renamed).collect()),
        Error::Ambiguous(_) => Status::invalid_argument(text),
        Error::Conflict(error) => {
            let taken = matches!(error.field, "name" | "email");
            Status::new(if taken { Code::AlreadyExists } else { Code::FailedPrecondition }, sentence(&error))
        }
        Error::AlreadyCreated(_) => Status::already_exists(text),
        Error::Precondition(clash) => Status::new(clashing(clash), text),
        Error::TooManyAttempts { retry_after } => again_in(Code::ResourceExhausted, text, retry_after),
        Error::TooManyAtOnce { retry_after, .. } => again_in(Code::ResourceExhausted, text, retry_after),
        Error::Busy { retry_after } => again_in(Code::Unavailable, text, retry_after),
        Error::Unavailable | Error::NoncesUnavailable | Error::GivenUp => again_in(Code::Unavailable, text, 5),
        Error::NoncesLost { retry_after } => again_in(Code::Unavailable, text, retry_after),
        Error::TooManyTokens { .. } => Status::resource_exhausted(text),
        Error::Internal(source) => {
            tracing::error!(%source, "internal error");
            internal()
        }
    }
}

/// A credential has sent too many requests.
pub(super) fn exceeded(RateLimitExceeded { whose, per_minute, retry_after }: RateLimitExceeded) -> Status {
    let text = format!("at most {per_minute} requests a minute of {whose}; try again in {retry_after} s");
    again_in(Code::ResourceExhausted, text, retry_after)
}

/// Requests can't be served for now.
pub(super) fn unready(unready: Unready) -> Status {
    again_in(Code::Unavailable, unready.to_string(), 5)
}

/// A fault of ours.
pub(super) fn internal() -> Status {
    Status::internal("something went wrong on our side; the request id helps the operator to find out what")
}

/// A field of the message that can't be used.
pub(super) fn invalid_field(field: &'static str, message: &str) -> Status {
    invalid(vec![FieldError { field, message: message.to_owned() }])
}

/// A status that says after how many seconds it is worth trying again.
fn again_in(code: Code, text: String, seconds: u64) -> Status {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(seconds)));
    Status::with_error_details(code, text, details)
}

fn unauthenticated(refusal: AuthenticationError) -> Status {
    let (message, reason) = match refusal {
        AuthenticationError::Missing => ("JWT token is missing", "CREDENTIAL_MISSING"),
        AuthenticationError::Expired => ("JWT token has expired", "TOKEN_EXPIRED"),
        AuthenticationError::Revoked => ("API token revoked", "TOKEN_REVOKED"),
        AuthenticationError::Rotated => ("Token is invalid", "TOKEN_ROTATED"),
        AuthenticationError::Malformed => ("Token is invalid", "TOKEN_MALFORMED"),
        AuthenticationError::Checksum => ("Token is invalid", "TOKEN_CHECKSUM"),
        AuthenticationError::Unknown => ("Token is invalid", "TOKEN_UNKNOWN"),
        AuthenticationError::Network => ("Token is invalid", "TOKEN_NETWORK"),
        AuthenticationError::Unsigned => ("Token is invalid", "TOKEN_UNSIGNED"),
        AuthenticationError::Signature(_) => ("Token is invalid", "SIGNATURE"),
        AuthenticationError::Replayed => ("Token is invalid", "REPLAYED"),
        AuthenticationError::SessionEnded => ("Token is invalid", "SESSION_ENDED"),
        AuthenticationError::Locked => ("Token is invalid", "ACCOUNT_LOCKED"),
        AuthenticationError::Password => ("email or password is wrong", "WRONG_PASSWORD"),
    };
    info(Code::Unauthenticated, message, reason, &refusal.to_string(), HashMap::new())
}

/// Who may send the same again is told to (`ABORTED`); who may not, is not (`FAILED_PRECONDITION`).
fn clashing(clash: PreconditionError) -> Code {
    match clash {
        PreconditionError::Changed | PreconditionError::RequestInProgress => Code::Aborted,
        PreconditionError::Ended
        | PreconditionError::KeyReused
        | PreconditionError::SenderLost
        | PreconditionError::Spent => Code::FailedPrecondition,
    }
}

fn denied(denial: &AuthorizationError) -> Status {
    let mut more = HashMap::new();
    let reason = match denial {
        AuthorizationError::MissingScope(scope) => {
            more.insert("missing_scope".to_owned(), scope.to_string());
            "MISSING_SCOPE"
        }
        AuthorizationError::MissingRepository(repository) => {
            let repository = repository.map_or_else(|| "*".to_owned(), |id| id.to_string());
            more.insert("missing_repository".to_owned(), repository);
            "MISSING_REPOSITORY"
        }
        AuthorizationError::MissingRole(role) => {
            more.insert("missing_role".to_owned(), (*role).to_owned());
            "MISSING_ROLE"
        }
        AuthorizationError::ScopeNeedsRole(scope, role) => {
            more.insert("scope".to_owned(), scope.to_string());
            more.insert("missing_role".to_owned(), role.clone());
            "MISSING_ROLE"
        }
        AuthorizationError::InstanceAdminOnly => "INSTANCE_ADMIN_ONLY",
        AuthorizationError::BeyondProject => "BEYOND_PROJECT",
        AuthorizationError::PeopleOnly => "PEOPLE_ONLY",
        AuthorizationError::ApiTokensOnly => "API_TOKENS_ONLY",
        AuthorizationError::NoRoute => "NO_ROUTE",
        AuthorizationError::OtherOrganization => "OTHER_ORGANIZATION",
        AuthorizationError::NoOrganization => "NO_ORGANIZATION",
        AuthorizationError::NotPinned => "ORGANIZATION_NOT_PINNED",
        AuthorizationError::PinnedToNone => "PINNED_ORGANIZATION_UNKNOWN",
        AuthorizationError::OrganizationUnsigned => "ORGANIZATION_UNSIGNED",
        AuthorizationError::Exceeds(_) => "EXCEEDS_OWN",
    };
    info(Code::PermissionDenied, "operation not allowed", reason, &denial.to_string(), more)
}

/// A status with `google.rpc.ErrorInfo`, whose metadata says in a sentence what the message keeps short.
fn info(code: Code, message: &str, reason: &str, detail: &str, mut more: HashMap<String, String>) -> Status {
    more.insert("detail".to_owned(), detail.to_owned());
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, more))
}

fn invalid(errors: Vec<FieldError>) -> Status {
    let text = errors.iter().map(sentence).collect::<Vec<_>>().join("; ");
    let violations: Vec<_> = errors.into_iter().map(|error| FieldViolation::new(error.field, error.message)).collect();
    Status::with_error_details(Code::InvalidArgument, text, ErrorDetails::with_bad_request(violations))
}

/// Use cases name fields as REST does.
fn renamed(error: FieldError) -> FieldError {
    let field = match error.field {
        "expires" => "expires_in",
        "project" => "project_reference",
        "apiTokenMaxDaysInactive" => "api_token_max_days_inactive",
        "limit" => "page_size",
        field => field,
    };
    FieldError { field, ..error }
}

/// Some messages name the field themselves.
fn sentence(error: &FieldError) -> String {
    if error.message.starts_with(error.field) { error.message.clone() } else { error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_existing_clients_look_at() {
        let of = |error: Error| {
            let status = status(error);
            (status.code(), status.message().to_owned())
        };
        let refused = |refusal: AuthenticationError| of(refusal.into());
        assert_eq!(refused(AuthenticationError::Missing), (Code::Unauthenticated, "JWT token is missing".to_owned()));
        assert_eq!(refused(AuthenticationError::Unknown), (Code::Unauthenticated, "Token is invalid".to_owned()));
        assert_eq!(refused(AuthenticationError::Expired), (Code::Unauthenticated, "JWT token has expired".to_owned()));
        assert_eq!(refused(AuthenticationError::Revoked), (Code::Unauthenticated, "API token revoked".to_owned()));
        assert_eq!(
            of(AuthorizationError::PeopleOnly.into()),
            (Code::PermissionDenied, "operation not allowed".to_owned())
        );
        let threshold = "api_token_max_days_inactive must be between 0 and 365";
        let field = FieldError { field: "apiTokenMaxDaysInactive", message: threshold.to_owned() };
        assert_eq!(of(Error::Invalid(vec![field])), (Code::InvalidArgument, threshold.to_owned()));
        let last_owner = FieldError { field: "role", message: "is that of the last owner".to_owned() };
        assert_eq!(of(Error::Conflict(last_owner)).0, Code::FailedPrecondition);
    }

    #[test]
    fn a_status_says_what_is_missing() {
        let status = status(AuthorizationError::MissingScope(latchkey_domain::Scope::stored("tokens:read")).into());
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.metadata["missing_scope"].as_str()), ("MISSING_SCOPE", "tokens:read"));
        assert_eq!(
            invalid_field("id", "must be a UUID").get_details_bad_request().unwrap().field_violations[0].field,
            "id"
        );
    }
}
