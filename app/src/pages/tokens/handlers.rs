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
    let (list, layout) =
        futures::try_join!(List::load(&request, &organization, &fields), request.layout(Some(&organization)))?;
    Ok(Page::render(move || view::page(layout, &organization, &list)))
}
