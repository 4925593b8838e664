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
    let service = request.portal.service.clone();
    // Boxed: a future of this size would be moved by each layer that it passes.
    let reading = Box::pin(async move {
        let list = List::load(&request, &organization, &fields).await?;
        let layout = request.layout(Some(&organization)).await?;
        Ok((Box::new(list), layout, organization))
    });
    let (list, layout, organization) = service.reading(reading).await?;
    Ok(Page::render(move || view::page(layout, &organization, &list)))
}
