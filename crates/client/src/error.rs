use std::time::Duration;

use latchkey_api_types::{FieldProblem, OAuthError, Problem};
use latchkey_domain::SecretError;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use thiserror::Error;

use crate::response::Response;

/// Why a call failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not `http://host` or `https://host`, with nothing after it.
    #[error("the address of Latchkey must be an http or https URL without user, path or query")]
    Url,
    /// The credential can't be sent, or can't sign.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A value that can't stand in a header.
    #[error("{0} has characters that a header can't have")]
    Header(&'static str),
    /// A value that can't stand in a path: empty, `.` or `..`. Name the object by its id.
    #[error("{0:?} can't stand in a path")]
    PathSegment(String),
    /// The request could not be serialized.
    #[error("the request can't be written: {0}")]
    Serialize(String),
    /// The server has refused the request.
    #[error(transparent)]
    Api(#[from] Box<ApiError>),
    /// The response is larger than the client takes, in bytes.
    #[error("the response has more than {0} bytes")]
    TooLarge(usize),
    /// The response is none that Latchkey sends; something between may have answered.
    #[error("unexpected response with status {status}: {detail}")]
    Unexpected {
        /// The status.
        status: u16,
        /// What is wrong with it.
        detail: String,
    },
    /// There was no response, or not in time.
    #[error(transparent)]
    Transport(#[from] reqwest::Error),
}

/// What the server says of a request that it has refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{detail} ({status} {code})")]
#[non_exhaustive]
pub struct ApiError {
    /// The status.
    pub status: u16,
    /// A word that never changes, such as `token-revoked`: the end of a problem's `type`, or the error of OAuth.
    pub code: String,
    /// The same for people.
    pub detail: String,
    /// Each field of the request that is wrong.
    pub fields: Vec<FieldProblem>,
    /// The scope that the credential lacks.
    pub missing_scope: Option<String>,
    /// Id of the repository that the credential does not reach; `*` for all.
    pub missing_repository: Option<String>,
    /// Names the request in the server's log.
    pub request_id: Option<String>,
    /// After how long to try again.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// What the server says, if it has refused the request.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// The status of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api(error) => Some(error.status),
            Self::Unexpected { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The word for what is wrong; see [`ApiError::code`].
    pub fn code(&self) -> Option<&str> {
        self.api().map(|error| &*error.code)
    }

    /// After how long to try again, if the server says so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.api()?.retry_after
    }

    /// Whether there was no response in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Transport(error) if error.is_timeout())
    }

    pub(crate) fn unexpected(response: &Response, detail: impl Into<String>) -> Self {
        Self::Unexpected { status: response.status, detail: detail.into() }
    }

    /// The error that a response stands for.
    pub(crate) fn of(response: &Response) -> Self {
        let header = |name: &str| response.headers.get(name).and_then(|value| value.to_str().ok());
        let retry_after = header(RETRY_AFTER.as_str()).and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let request_id = header("x-request-id").map(str::to_owned);
        let media_type =
            header(CONTENT_TYPE.as_str()).and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        let error = match media_type {
            "application/problem+json" => {
                serde_json::from_slice::<Problem>(&response.body).ok().map(|problem| ApiError {
                    status: response.status,
                    code: problem.code().to_owned(),
                    detail: problem.detail,
                    fields: problem.errors,
                    missing_scope: problem.missing_scope,
                    missing_repository: problem.missing_repository,
                    request_id: problem.request_id.or(request_id),
                    retry_after,
                })
            }
            "application/json" => serde_json::from_slice::<OAuthError>(&response.body).ok().map(|error| ApiError {
                status: response.status,
                code: error.error,
                detail: error.error_description,
                fields: Vec::new(),
                missing_scope: None,
                missing_repository: None,
                request_id,
                retry_after,
            }),
            _ => None,
        };
        error.map_or_else(|| Self::unexpected(response, "no problem document"), |error| Self::Api(Box::new(error)))
    }
}
