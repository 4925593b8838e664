//! OAuth 2.0 (RFC 6749): forms, client authentication, and errors.

use axum::Json;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use latchkey_api_types::OAuthError;
use latchkey_service::{AuthenticationError, Bearer, Caller, Error, Origin, PresentedCredential, Principal};
use percent_encoding::percent_decode_str;

use crate::http::credential::Credential;
use crate::http::problem::{self, Problem};
use crate::http::signature::ReceivedSignature;
use crate::state::ServerState;

const FORM: &str = "application/x-www-form-urlencoded";
/// The `type` of a problem with the client's own credentials.
const INVALID_CLIENT: &str = "invalid-client";

/// Turns the problems of the routes below into OAuth errors.
pub(crate) async fn errors(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let Some(problem) = problem::take_pending(&mut response) else { return response };
    let (status, error) = code(&problem);
    let error_description = problem.detail().chars().map(described).collect();
    let mut answer = (status, Json(OAuthError { error: error.to_owned(), error_description })).into_response();
    // Keep what axum set, such as `Allow` for a wrong method.
    let kept = response.headers().iter().filter(|(name, _)| *name == "allow");
    answer.headers_mut().extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    if let Some(seconds) = problem.retry_after() {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    let basic = || HeaderValue::from_static("Basic realm=\"latchkey\", charset=\"UTF-8\"");
    if problem.kind() != INVALID_CLIENT
        && let Some(challenge) = problem.challenge()
    {
        answer.headers_mut().append(WWW_AUTHENTICATE, challenge);
    }
    if error == "invalid_client" {
        answer.headers_mut().append(WWW_AUTHENTICATE, basic());
    }
    answer
}

/// The status and the OAuth error code of a problem.
fn code(problem: &Problem) -> (StatusCode, &'static str) {
    let status = problem.status();
    match (status.as_u16(), problem.kind()) {
        (401, INVALID_CLIENT) => (status, "invalid_client"),
        (401, code) if code == AuthenticationError::Missing.code() => (status, "invalid_client"),
        (401, _) => (status, "invalid_token"),
        (403, _) if problem.missing_scope().is_some() => (status, "insufficient_scope"),
        (403, _) => (status, "unauthorized_client"),
        (405 | 413 | 415, _) => (status, "invalid_request"),
        (429 | 503, _) => (status, "temporarily_unavailable"),
        (500.., _) => (status, "server_error"),
        _ => (StatusCode::BAD_REQUEST, "invalid_request"),
    }
}

/// A character of `error_description`: ASCII without quotes and backslashes.
fn described(char: char) -> char {
    match char {
        '"' | '`' | '\\' => '\'',
        ' '..='~' => char,
        _ => '?',
    }
}

/// What is wrong with a form.
#[derive(Debug)]
pub(super) enum FormError {
    /// The body is not a form.
    Type,
    Invalid(String),
}

impl From<FormError> for Problem {
    fn from(error: FormError) -> Self {
        match error {
            FormError::Type => {
                let detail = format!("Send the body as Content-Type: {FORM}");
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
            }
            FormError::Invalid(detail) => Self::new(StatusCode::BAD_REQUEST, "invalid-request", detail),
        }
    }
}

fn invalid_request(detail: &str) -> FormError {
    FormError::Invalid(detail.to_owned())
}

/// The parameters of a form. A parameter without a value counts as missing, an unknown one is ignored, and none may be
/// repeated (RFC 6749, section 3.2).
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads those of `known`.
    pub(super) fn read(headers: &HeaderMap, body: &[u8], known: &[&str]) -> Result<Self, FormError> {
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let is_form = match (types.next(), types.next()) {
            (Some(kind), None) => kind
                .to_str()
                .is_ok_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM))),
            (None, _) => body.is_empty(),
            (Some(_), Some(_)) => false,
        };
        if !is_form {
            return Err(FormError::Type);
        }
        let unreadable = || invalid_request("The body is not a form: an escape or its UTF-8 is wrong");
        let text = std::str::from_utf8(body).map_err(|_| unreadable())?;
        let mut found: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = decoded(name).zip(decoded(value)).ok_or_else(unreadable)?;
            if !known.contains(&name.as_str()) {
                continue;
            }
            if found.iter().any(|(other, _)| *other == name) {
                return Err(invalid_request(&format!("The parameter {name} is there twice")));
            }
            found.push((name, value));
        }
        Ok(Self(found))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// A required parameter.
    pub(super) fn required(&self, name: &str) -> Result<&str, FormError> {
        self.get(name).ok_or_else(|| invalid_request(&format!("The parameter {name} is missing")))
    }
}

/// Decodes a part of a form; `None` if an escape is invalid or the result is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let is_escape =
        |rest: &str| rest.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(Into::into)
}

/// Who asks: a bearer, or a client that presents itself as RFC 6749, section 2.3.1, has it, in `Authorization: Basic` or
/// in the form. A client's id is the id of a token, its secret is the token.
pub(super) async fn client(state: &ServerState, parts: &Parts, form: &Form) -> Result<Caller, Problem> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let (authorization, more) = (values.next(), values.next());
    let secret = form.get("client_secret");
    if more.is_some() || authorization.is_some() && secret.is_some() {
        return Err(invalid_request("The client presents itself in two ways").into());
    }
    let basic = authorization.and_then(|value| value.to_str().ok()?.split_once(' '));
    let basic = basic.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let (id, secret) = match (basic, secret) {
        (Some((_, encoded)), _) => {
            let wrong = || invalid_client("The credentials are not of the form of Authorization: Basic");
            basic_credentials(encoded).ok_or_else(wrong)?
        }
        (None, Some(secret)) => (form.required("client_id")?.to_owned(), secret.to_owned()),
        (None, None) => {
            let caller = Credential::read(&state.service, &parts.headers, &parts.extensions).await?.caller;
            let own = match &caller.principal {
                Principal::ApiToken(token) => Some(token.id.to_string()),
                Principal::Session(_) | Principal::UserToken(_) => None,
            };
            same_client(form, own.as_deref())?;
            return Ok(caller);
        }
    };
    same_client(form, Some(&id))?;
    let origin = parts.extensions.get::<Origin>().cloned().unwrap_or_default();
    let signature = parts.extensions.get::<ReceivedSignature>().map(ReceivedSignature::parts).transpose();
    let signature = signature.map_err(|error| invalid_client(&AuthenticationError::Signature(error).to_string()))?;
    let presented = PresentedCredential { bearer: &Bearer::parse(&secret), origin: &origin, signature };
    match state.service.authentication().authenticate_client(&id, &presented).await {
        Ok(principal) => Ok(Caller { principal, origin }),
        Err(Error::Unauthenticated(refusal)) => Err(invalid_client(&refusal.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn invalid_client(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, INVALID_CLIENT, detail)
}

/// `client_id` in the form must be that of the credentials.
fn same_client(form: &Form, id: Option<&str>) -> Result<(), FormError> {
    match form.get("client_id") {
        Some(named) if Some(named) != id => Err(invalid_request("The parameter client_id names another client")),
        _ => Ok(()),
    }
}

/// Id and secret, each written as in a form before they were put together.
fn basic_credentials(encoded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    decoded(id).zip(decoded(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_strictly() {
        for (text, read) in [
            ("", Some("")),
            ("a+b%20c", Some("a b c")),
            ("%c3%A9", Some("é")),
            ("%2", None),
            ("%", None),
            ("%zz", None),
            ("%+1", None),
            ("%2é", None),
            ("%C3", None),
            ("%FF", None),
        ] {
            assert_eq!(decoded(text).as_deref(), read, "{text}");
        }
    }

    #[test]
    fn a_description_stays_in_its_quotes() {
        let text: String = "a \"b\" \\ `c` é\n~".chars().map(described).collect();
        assert_eq!(text, "a 'b' ' 'c' ??~");
    }
}
