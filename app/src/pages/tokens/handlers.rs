use axum::{
    extract::{Path, Query},
    response::Response,
};
use latchkey_service::Error;

use super::{load::List, view};
use crate::{fields::Fields, page_request::PageRequest, render};

/// `GET /orgs/{organization}/settings/tokens`
pub(crate) async fn show(
    visit: PageRequest,
    Path(organization): Path<String>,
    Query(fields): Query<Fields>,
) -> Response {
    visit.answer(list(&visit, &organization, &fields).await).await
}

async fn list(visit: &PageRequest, organization: &str, fields: &Fields) -> Result<Response, Error> {
    let list = List::load(visit, organization, fields).await?;
    Ok(render::page(move || view::page(list)))
}
