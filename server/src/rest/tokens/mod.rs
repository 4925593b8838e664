//! `/api/auth/cli-tokens`

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod json;
pub(crate) mod read;
pub(crate) mod revoke;
pub(crate) mod rotate;

use latchkey_service::{Error, ExpiresIn, FieldError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ServerState;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new()
        .routes(routes!(read::list, create::create))
        .routes(routes!(read::get, change::change, revoke::revoke))
        .routes(routes!(rotate::rotate))
        .routes(routes!(revoke::revoke_many))
}

/// The expiry of a token, from two optional fields that exclude each other.
fn expires(at: Option<String>, after: Option<String>) -> Result<ExpiresIn, Error> {
    match (at, after) {
        (None, None) => Ok(ExpiresIn::Never),
        (Some(moment), None) => Ok(ExpiresIn::Moment(moment)),
        (None, Some(duration)) => Ok(ExpiresIn::Duration(duration)),
        (Some(_), Some(_)) => Err(field("expiresAt", "can't be sent together with expiresIn")),
    }
}

fn field(field: &'static str, message: &str) -> Error {
    Error::Invalid(vec![FieldError { field, message: message.to_owned() }])
}
