//! Short addresses that lead to the token list.

use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use latchkey_service::Error;

use crate::{page_request::PageRequest, paths};

/// `/`: the default organization's tokens.
pub(crate) async fn home(visit: PageRequest) -> Response {
    let service = &visit.portal.service;
    let result = match service.organizations().resolve(&visit.caller, None).await {
        Ok(name) => Ok(Redirect::to(&paths::tokens(&name)).into_response()),
        // An instance admin needs no membership: the first one, then.
        Err(_) => service.organizations().names(&visit.caller).await.and_then(|names| match names.first() {
            Some(name) => Ok(Redirect::to(&paths::tokens(name)).into_response()),
            None => Err(Error::NotFound("organization")),
        }),
    };
    visit.answer(result).await
}

/// `/orgs/{organization}`: its tokens, which check whether there is one.
pub(crate) async fn organization(visit: PageRequest, Path(organization): Path<String>) -> Response {
    visit.answer(Ok(Redirect::to(&paths::tokens(&organization)).into_response())).await
}
