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
    let (text, retry_after) = (error.to_string(), error.retry_after());
    let code = match error {
        Error::Unauthenticated(error) => return unauthenticated(error),
        Error::Forbidden(error) => return forbidden(&error),
        Error::Invalid(errors) => return invalid(errors.into_iter().map(renamed).collect()),
        Error::Conflict(error) => {
            let taken = matches!(error.field, "name" | "email");
            return Status::new(if taken { Code::AlreadyExists } else { Code::FailedPrecondition }, sentence(&error));
        }
        Error::Precondition(error) => return Status::new(precondition(error), text),
        Error::Internal(source) => {
            tracing::error!(%source, "internal error");
            return internal();
        }
        Error::NotFound(_) => Code::NotFound,
        Error::Ambiguous(_) => Code::InvalidArgument,
        Error::AlreadyCreated(_) => Code::AlreadyExists,
        Error::TooManyAttempts { .. } | Error::TooManyAtOnce { .. } | Error::TooManyTokens { .. } => {
            Code::ResourceExhausted
        }
        Error::Busy { .. }
        | Error::Unavailable
        | Error::GivenUp
        | Error::NoncesUnavailable
        | Error::NoncesLost { .. } => Code::Unavailable,
    };
    match retry_after {
        Some(seconds) => again_in(code, text, seconds),
        None => Status::new(code, text),
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

fn unauthenticated(error: AuthenticationError) -> Status {
    let message = match error {
        AuthenticationError::Missing => "JWT token is missing",
        AuthenticationError::Expired => "JWT token has expired",
        AuthenticationError::Revoked => "API token revoked",
        AuthenticationError::Password => "email or password is wrong",
        AuthenticationError::Rotated
        | AuthenticationError::Malformed
        | AuthenticationError::Checksum
        | AuthenticationError::Unknown
        | AuthenticationError::Network
        | AuthenticationError::Unsigned
        | AuthenticationError::Signature(_)
        | AuthenticationError::Replayed
        | AuthenticationError::SessionEnded
        | AuthenticationError::Locked => "Token is invalid",
    };
    info(Code::Unauthenticated, message, &reason(error.code()), &error.to_string(), HashMap::new())
}

/// The code of an error as reasons of `google.rpc` are written: `TOKEN_EXPIRED` for `token-expired`.
fn reason(code: &str) -> String {
    code.to_ascii_uppercase().replace('-', "_")
}

/// Who may send the same again is told to (`ABORTED`); who may not, is not (`FAILED_PRECONDITION`).
fn precondition(error: PreconditionError) -> Code {
    match error {
        PreconditionError::Changed | PreconditionError::RequestInProgress => Code::Aborted,
        PreconditionError::Ended
        | PreconditionError::KeyReused
        | PreconditionError::SenderLost
        | PreconditionError::Spent => Code::FailedPrecondition,
    }
}

fn forbidden(error: &AuthorizationError) -> Status {
    let text = error.to_string();
    let mut more = HashMap::new();
    let mut more_of = |name: &str, value: String| drop(more.insert(name.to_owned(), value));
    let mut reason = reason(error.code());
    match error {
        AuthorizationError::MissingScope(scope) => more_of("missing_scope", scope.to_string()),
        AuthorizationError::MissingRepository(repository) => {
            more_of("missing_repository", repository.map_or_else(|| "*".to_owned(), |id| id.to_string()));
        }
        AuthorizationError::MissingRole(role) => more_of("missing_role", (*role).to_owned()),
        AuthorizationError::ScopeNeedsRole(scope, role) => {
            more_of("scope", scope.to_string());
            more_of("missing_role", role.clone());
        }
        // REST tells it as a missing role; clients of gRPC know it by this.
        AuthorizationError::InstanceAdminOnly => "INSTANCE_ADMIN_ONLY".clone_into(&mut reason),
        AuthorizationError::NoOrganization => {
            return info(Code::FailedPrecondition, &text, &reason, &text, more);
        }
        _ => {}
    }
    info(Code::PermissionDenied, "operation not allowed", &reason, &text, more)
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
        let refused = |error: AuthenticationError| of(error.into());
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
