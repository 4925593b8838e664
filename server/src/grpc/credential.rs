//! Who calls. Checked before the message is read, so that nobody without a credential learns what is wrong with one.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use latchkey_app::portal::Portal;
use latchkey_service::Refusal;
use tonic::Status;

use super::status::{exceeded, status};
use crate::middleware::limit;
pub(super) use crate::rest::credential::Credential;

/// As much of a refused message is taken in, in bytes; who sends more loses the connection.
const DRAINED_MAX: usize = 64 * 1024;
/// And for so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Puts a [`Credential`] into the call's extensions, or refuses the call.
pub(super) async fn layer(State(portal): State<Portal>, mut request: Request, next: Next) -> Response {
    match admit(&portal, request.headers(), request.extensions()).await {
        Ok(credential) => {
            request.extensions_mut().insert(credential);
            next.run(request).await
        }
        Err(refused) => {
            drain(request.into_body()).await;
            refused.into_http::<Body>().into_response()
        }
    }
}

async fn admit(portal: &Portal, headers: &HeaderMap, extensions: &Extensions) -> Result<Credential, Status> {
    let credential = Credential::read(portal, headers, extensions).await.map_err(status)?;
    limit::count(extensions, &credential.caller.principal, portal.service.now()).map_err(exceeded)?;
    Ok(credential)
}

/// Takes in the message of a call that is refused. Unread, it would make the server close an HTTP/1.1 connection on which
/// the client's next call is on its way already.
async fn drain(body: Body) {
    let _ = tokio::time::timeout(PATIENCE, to_bytes(body, DRAINED_MAX)).await;
}

/// A call's credential and message.
pub(super) fn read<T>(request: tonic::Request<T>) -> Result<(Credential, T), Status> {
    let (_, mut extensions, message) = request.into_parts();
    let credential = extensions.remove::<Credential>().ok_or_else(|| status(Refusal::Missing.into()))?;
    Ok((credential, message))
}

/// The same with the organization to act on.
pub(super) fn read_with_organization<T>(request: tonic::Request<T>) -> Result<(Credential, String, T), Status> {
    let (credential, message) = read(request)?;
    let organization = credential.organization().map_err(status)?.to_owned();
    Ok((credential, organization, message))
}
