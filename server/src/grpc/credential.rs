//! Who calls. Checked before the message is read, so that nobody without a credential learns what is wrong with one.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use latchkey_app::portal::Portal;
use latchkey_service::{AuthenticationError, OrganizationAccess};
use tonic::Status;

use super::status::{exceeded, status};
use crate::middleware::{admission, limit};
pub(super) use crate::rest::credential::Credential;

/// Puts a [`Credential`] into the call's extensions, or refuses the call. The message has come whole before anybody looks
/// at the credential: see `middleware/body.rs`. (It is a small one: `verification::read_body` has bounded it.)
pub(super) async fn layer(State(portal): State<Portal>, mut request: Request, next: Next) -> Response {
    match admit(&portal, request.headers(), request.extensions()).await {
        Ok(credential) => {
            request.extensions_mut().insert(credential);
            next.run(request).await
        }
        Err(refused) => refused.into_http::<Body>().into_response(),
    }
}

async fn admit(portal: &Portal, headers: &HeaderMap, extensions: &Extensions) -> Result<Credential, Status> {
    let credential = Credential::read(portal, headers, extensions).await.map_err(status)?;
    admission::recognize(extensions, &credential.caller.principal);
    limit::count(extensions, &credential.caller.principal, portal.service.now()).map_err(exceeded)?;
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
    portal: &Portal,
    request: tonic::Request<T>,
) -> Result<(OrganizationAccess, T), Status> {
    let (credential, message) = read(request)?;
    let access = credential.access(&portal.service).await.map_err(status)?;
    Ok((access, message))
}

/// The same for calls about tokens, which may belong to the instance instead.
pub(super) async fn read_access_or_instance<T>(
    portal: &Portal,
    request: tonic::Request<T>,
) -> Result<(OrganizationAccess, T), Status> {
    let (credential, message) = read(request)?;
    let access = credential.access_or_instance(&portal.service).await.map_err(status)?;
    Ok((access, message))
}
