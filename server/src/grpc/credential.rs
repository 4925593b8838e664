//! The credential of a call. It is checked before the message is decoded, so that callers without a credential learn
//! nothing about messages.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use latchkey_service::{AuthenticationError, OrganizationAccess, Service};
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

/// The access to the organization that a call acts on, and its message.
pub(super) async fn read_access<T>(
    service: &Service,
    request: tonic::Request<T>,
) -> Result<(OrganizationAccess, T), Status> {
    let (credential, message) = read(request)?;
    let access = credential.access(service).await.map_err(status)?;
    Ok((access, message))
}

/// The same for calls about tokens, which may belong to the instance instead.
pub(super) async fn read_access_or_instance<T>(
    service: &Service,
    request: tonic::Request<T>,
) -> Result<(OrganizationAccess, T), Status> {
    let (credential, message) = read(request)?;
    let access = credential.access_or_instance(service).await.map_err(status)?;
    Ok((access, message))
}
