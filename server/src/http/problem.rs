//! Errors as problem details (RFC 9457).

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use latchkey_api_types as api;
use latchkey_service::{AuthenticationError, AuthorizationError, Error, FieldError, Origin, PreconditionError};

use super::rate_limit::RateLimitExceeded;

const MIB: usize = 1024 * 1024;

/// An error on its way to be a problem document.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    body: api::Problem,
    status: StatusCode,
    /// In seconds.
    retry_after: Option<u64>,
    challenge: Option<Challenge>,
}

/// What `WWW-Authenticate` says (RFC 6750, section 3).
#[derive(Clone, Debug)]
enum Challenge {
    Missing,
    InvalidToken,
    InsufficientScope(Option<String>),
}

/// Takes the place of a body until [`complete`] writes it.
#[derive(Clone)]
struct Pending(Box<Problem>);

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        let body = api::Problem {
            r#type: [api::Problem::TYPE_PREFIX, kind].concat(),
            title: title(status).to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            ..api::Problem::default()
        };
        Self { body, status, retry_after: None, challenge: None }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The word after `urn:latchkey:problem:`.
    pub(crate) fn kind(&self) -> &str {
        self.body.code()
    }

    pub(crate) fn detail(&self) -> &str {
        &self.body.detail
    }

    pub(crate) fn missing_scope(&self) -> Option<&str> {
        self.body.missing_scope.as_deref()
    }

    pub(crate) fn missing_repository(&self) -> Option<&str> {
        self.body.missing_repository.as_deref()
    }

    /// Each field that is wrong.
    pub(crate) fn errors(&self) -> &[api::FieldProblem] {
        &self.body.errors
    }

    /// Seconds after which to try again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// The value of `WWW-Authenticate`.
    pub(crate) fn challenge(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.challenge.as_ref()?.text(&self.body.detail)).ok()
    }

    /// For a proxy, which takes anything but `401` and `403` for a fault of ours: what is not there may not be used.
    pub(crate) fn for_proxy(mut self) -> Self {
        if self.status == StatusCode::NOT_FOUND {
            self.status = StatusCode::FORBIDDEN;
            self.body.status = self.status.as_u16();
            self.body.title = title(self.status).to_owned();
        }
        self
    }

    /// With what is known of the request only where it is answered.
    fn of_request(mut self, path: String, request_id: Option<String>) -> Self {
        self.body.instance = Some(path);
        self.body.request_id = request_id;
        self
    }

    /// `max` in bytes.
    pub(crate) fn too_large(max: usize) -> Self {
        let max = if max.is_multiple_of(MIB) { format!("{} MiB", max / MIB) } else { format!("{} KiB", max / 1024) };
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", format!("A body has at most {max}"))
    }

    pub(crate) fn too_slow(deadline: Duration) -> Self {
        let detail = format!("The body did not arrive within {} s", deadline.as_secs());
        Self::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", detail)
    }

    pub(crate) fn unreadable() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-body", "The body could not be read")
    }

    fn unauthenticated(error: AuthenticationError) -> Self {
        let challenge =
            if error == AuthenticationError::Missing { Challenge::Missing } else { Challenge::InvalidToken };
        let problem = Self::new(StatusCode::UNAUTHORIZED, error.code(), sentence(&error));
        Self { challenge: Some(challenge), ..problem }
    }

    fn forbidden(error: &AuthorizationError) -> Self {
        let mut problem = Self::new(StatusCode::FORBIDDEN, error.code(), sentence(error));
        match error {
            AuthorizationError::MissingScope(scope) => {
                problem.body.missing_scope = Some(scope.to_string());
                problem.challenge = Some(Challenge::InsufficientScope(Some(scope.to_string())));
            }
            AuthorizationError::MissingRepository(repository) => {
                problem.body.missing_repository = Some(repository.map_or_else(|| "*".to_owned(), |id| id.to_string()));
                problem.challenge = Some(Challenge::InsufficientScope(None));
            }
            _ => {}
        }
        problem
    }

    fn invalid(status: StatusCode, kind: &str, errors: Vec<FieldError>) -> Self {
        let detail: Vec<_> = errors.iter().map(|error| error.to_string()).collect();
        let fields = errors.into_iter();
        let fields = fields.map(|error| api::FieldProblem { field: error.field.to_owned(), message: error.message });
        let mut problem = Self::new(status, kind, detail.join("; "));
        problem.body.errors = fields.collect();
        problem
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (code, detail, retry_after) = (error.code(), sentence(&error), error.retry_after());
        let status = match error {
            Error::Unauthenticated(error) => return Self::unauthenticated(error),
            Error::Forbidden(error) => return Self::forbidden(&error),
            Error::Invalid(errors) => return Self::invalid(StatusCode::UNPROCESSABLE_ENTITY, code, errors),
            Error::Conflict(field) => return Self::invalid(StatusCode::CONFLICT, code, vec![field]),
            Error::Internal(source) => {
                tracing::error!(%source, "internal error");
                let detail = "Something went wrong on our side; the request id helps the operator to find out what";
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, detail);
            }
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Ambiguous(_) => StatusCode::BAD_REQUEST,
            Error::AlreadyCreated(_) | Error::TooManyTokens { .. } => StatusCode::CONFLICT,
            Error::Precondition(error) => match error {
                PreconditionError::Changed => StatusCode::PRECONDITION_FAILED,
                PreconditionError::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
                PreconditionError::Ended
                | PreconditionError::RequestInProgress
                | PreconditionError::SenderLost
                | PreconditionError::Spent => StatusCode::CONFLICT,
            },
            Error::TooManyAttempts { .. } | Error::TooManyAtOnce { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Busy { .. }
            | Error::Unavailable
            | Error::GivenUp
            | Error::NoncesUnavailable
            | Error::NoncesLost { .. } => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self { retry_after, ..Self::new(status, code, detail) }
    }
}

impl From<RateLimitExceeded> for Problem {
    fn from(RateLimitExceeded { whose, per_minute, retry_after }: RateLimitExceeded) -> Self {
        let detail = format!("At most {per_minute} requests a minute of {whose}; try again in {retry_after} s");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail);
        Self { retry_after: Some(retry_after), ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Pending(Box::new(self)));
        response
    }
}

/// Writes the bodies of problems, with the path and the request id that only this layer knows; and says of every
/// answer of the API that it is not to be kept.
pub(crate) async fn complete(request: Request, next: Next) -> Response {
    let path: String = request.uri().path().chars().take(300).collect();
    let id = request.extensions().get::<Origin>().map(|origin| origin.request_id().to_owned());
    let mut response = next.run(request).await;
    if let Some(problem) = take_pending(&mut response) {
        response = written(problem.of_request(path, id), response);
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The problem of an answer that has not been written yet.
pub(crate) fn take_pending(response: &mut Response) -> Option<Problem> {
    let pending = response.extensions_mut().remove::<Pending>().map(|Pending(problem)| *problem);
    pending.or_else(|| refused_before(response))
}

/// A problem as a whole answer, for handlers outside [`complete`].
pub(crate) fn complete_response(problem: Problem, target: &str, request_id: &str) -> Response {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let reason = HeaderValue::from_str(problem.kind());
    let problem = problem.of_request(path.chars().take(300).collect(), Some(request_id.to_owned()));
    let mut response = written(problem, Response::default());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(reason.map(|reason| (HeaderName::from_static("x-latchkey-reason"), reason)));
    headers.extend(HeaderValue::from_str(request_id).map(|id| (HeaderName::from_static("x-request-id"), id)));
    response
}

/// The problem for what the layers below refuse by themselves with a plain text or nothing: a path that is not UTF-8, a
/// panic, no answer in time.
fn refused_before(response: &Response) -> Option<Problem> {
    let status = response.status();
    let json = |kind: &HeaderValue| kind.as_bytes().starts_with(b"application/json");
    if response.headers().get(header::CONTENT_TYPE).is_some_and(json) {
        return None;
    }
    match status {
        StatusCode::SERVICE_UNAVAILABLE => Some(Error::Unavailable.into()),
        _ if status.is_server_error() => {
            Some(Problem::new(status, "internal", "Something went wrong on our side; the request id helps to find it"))
        }
        _ if status.is_client_error() => {
            Some(Problem::new(status, "malformed-request", "The request could not be read"))
        }
        _ => None,
    }
}

fn written(problem: Problem, empty: Response) -> Response {
    let body = serde_json::to_vec(&problem.body).unwrap_or_default();
    let mut response = (problem.status, body).into_response();
    let headers = response.headers_mut();
    // Keeps what axum set, such as `Allow` for a wrong method.
    headers.extend(
        empty
            .headers()
            .iter()
            .filter(|(name, _)| **name != header::CONTENT_LENGTH)
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(challenge) = problem.challenge() {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

impl Challenge {
    fn text(&self, detail: &str) -> String {
        // RFC 6750, section 3: neither quotes nor backslashes, nor anything beyond ASCII, which would take the whole
        // header away.
        let described = |error: &str| {
            let detail = detail.replace(['"', '\\', '`'], "'").replace(|c| !matches!(c, ' '..='~'), "?");
            format!("Bearer realm=\"latchkey\", error=\"{error}\", error_description=\"{detail}\"")
        };
        match self {
            Self::Missing => "Bearer realm=\"latchkey\"".to_owned(),
            Self::InvalidToken => described("invalid_token"),
            Self::InsufficientScope(None) => described("insufficient_scope"),
            Self::InsufficientScope(Some(scope)) => format!("{}, scope=\"{scope}\"", described("insufficient_scope")),
        }
    }
}

/// An error's text with a capital letter.
fn sentence(error: &impl ToString) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}
