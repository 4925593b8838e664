//! The credential of a call. It is checked before the message is decoded, so that callers without a credential learn
//! nothing about messages.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use latchkey_service::AuthenticationError;
use tonic::Status;

use super::status::{exceeded, status};
pub(super) use crate::http::credential::Credential;
use crate::http::{admission, rate_limit};
use crate::state::ServerState;

/// Puts a [`Credential`] into the call's extensions, or refuses the call. The message has been read by then: see
/// `http/body.rs`.
pub(super) async fn layer(State(state): State<ServerState>, mut request: Request, next: Next) -> Response {
    match authenticate(&state, request.headers(), request.extensions()).await {
        Ok(credential) => {
            request.extensions_mut().insert(credential);
            next.run(request).await
        }
        Err(refused) => refused.into_http::<Body>().into_response(),
    }
}

async fn authenticate(state: &ServerState, headers: &HeaderMap, extensions: &Extensions) -> Result<Credential, Status> {
    let credential = Credential::read(&state.service, headers, extensions).await.map_err(status)?;
    admission::mark_authenticated(extensions, &credential.caller.principal);
    rate_limit::count(extensions, &credential.caller.principal).map_err(exceeded)?;
    Ok(credential)
}

/// A call's credential and message.
pub(super) fn read<T>(request: tonic::Request<T>) -> Result<(Credential, T), Status> {
    let (_, mut extensions, message) = request.into_parts();
    let credential = extensions.remove::<Credential>().ok_or_else(|| status(AuthenticationError::Missing.into()))?;
    Ok((credential, message))
}

/// The same with the organization to act on.
pub(super) fn read_with_organization<T>(request: tonic::Request<T>) -> Result<(Credential, String, T), Status> {
    let (credential, message) = read(request)?;
    let organization = credential.organization().map_err(status)?.to_owned();
    Ok((credential, organization, message))
}

/// The same for what may concern an instance token, which belongs to no organization.
pub(super) fn read_with_optional_organization<T>(
    request: tonic::Request<T>,
) -> Result<(Credential, String, T), Status> {
    let (credential, message) = read(request)?;
    let organization = credential.organization_if_any().to_owned();
    Ok((credential, organization, message))
}
