//! Short addresses that lead to the token list.

use axum::extract::Path;
use latchkey_service::Error;

use crate::{
    page::{Page, PageError},
    page_request::PageRequest,
    paths,
};

/// `/`: the default organization's tokens.
pub(crate) async fn home(request: PageRequest) -> Result<Page, PageError> {
    let service = &request.portal.service;
    if let Ok(name) = service.organizations().resolve(&request.caller, None).await {
        return Ok(Page::redirect(&paths::tokens(&name)));
    }
    // An instance admin needs no membership: the first one, then.
    let names = service.organizations().names(&request.caller).await?;
    let name = names.first().ok_or(Error::NotFound("organization"))?;
    Ok(Page::redirect(&paths::tokens(name)))
}

/// `/orgs/{organization}`: its tokens, which check whether there is one.
pub(crate) async fn organization(_: PageRequest, Path(organization): Path<String>) -> Result<Page, PageError> {
    Ok(Page::redirect(&paths::tokens(&organization)))
}
