//! What server functions answer to islands when they don't do what they were asked: small, typed, and nothing of ours
//! that is not meant for people.

#[cfg(feature = "ssr")]
use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
use serde::{Deserialize, Serialize};

/// A server function's result: what it did or why not, unless the answer was lost on the way.
///
/// A refusal travels as an ordinary answer, because browsers report every other status as an error of the page.
#[cfg(feature = "ssr")]
pub type Answer<T> = Result<Result<T, Failure>, Failure>;

/// Why a server function did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub code: Code,
    /// What is wrong with the form, by field.
    pub problems: Vec<Problem>,
    /// With [`Code::AlreadyCreated`], the id of the token.
    pub token: Option<String>,
}

/// What the island has to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Code {
    /// Show the problems.
    Invalid,
    /// The form has made a token before.
    AlreadyCreated,
    /// The session has ended.
    SignedOut,
    /// The role does not allow it.
    Forbidden,
    /// The organization, or what was asked for in it, is not there.
    NotFound,
    /// The question can't be read: the page is of another version than the server.
    Malformed,
    /// Worth another try: the server or the network is not there for a moment.
    Unavailable,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Name of the field in the form.
    pub field: String,
    /// A sentence without its full stop.
    pub message: String,
}

impl Problem {
    pub fn new(field: &str, message: &str) -> Self {
        Self { field: field.to_owned(), message: message.to_owned() }
    }
}

impl Failure {
    /// Nothing to show beside a field.
    pub fn new(code: Code) -> Self {
        Self { code, problems: Vec::new(), token: None }
    }

    pub fn invalid(problems: Vec<Problem>) -> Self {
        Self { code: Code::Invalid, problems, token: None }
    }

    /// What to tell when there is no field to blame.
    pub fn message(&self) -> &'static str {
        match self.code {
            Code::Invalid | Code::AlreadyCreated => "",
            Code::SignedOut => "Your session has ended. Sign in again in another tab, then try again here",
            Code::Forbidden => "Your role does not allow this. Ask an admin of the organization",
            Code::NotFound => "This is not there any more. Reload the page",
            Code::Malformed => "Latchkey has changed since this page was loaded. Reload it, and try again",
            Code::Unavailable => "Latchkey could not be reached. Check your connection, and try again",
        }
    }
}

#[cfg(feature = "ssr")]
impl FromServerFnError for Failure {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        Self::new(match error {
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) | ServerFnErrorErr::Deserialization(_) => {
                Code::Malformed
            }
            _ => Code::Unavailable,
        })
    }
}

#[cfg(feature = "hydrate")]
mod json {
    use wasm_bindgen::JsValue;

    use super::{Code, Failure, Problem};
    use crate::islands::json::{FromJson, readable};

    readable!(Failure { code, problems, token });
    readable!(Problem { field, message });

    impl FromJson for Code {
        fn from_json(json: &JsValue) -> Self {
            match &*String::from_json(json) {
                "Invalid" => Self::Invalid,
                "AlreadyCreated" => Self::AlreadyCreated,
                "SignedOut" => Self::SignedOut,
                "Forbidden" => Self::Forbidden,
                "NotFound" => Self::NotFound,
                "Malformed" => Self::Malformed,
                _ => Self::Unavailable,
            }
        }
    }
}
