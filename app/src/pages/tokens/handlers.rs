use axum::extract::Path;

use super::{load::List, view};
use crate::{
    fields::Fields,
    page::{Page, PageError},
    page_request::PageRequest,
};

/// `GET /orgs/{organization}/settings/tokens`
pub(crate) async fn show(
    request: PageRequest,
    Path(organization): Path<String>,
    fields: Fields,
) -> Result<Page, PageError> {
    let list = List::load(&request, &organization, &fields).await?;
    Ok(Page::render(move || view::page(list)))
}
