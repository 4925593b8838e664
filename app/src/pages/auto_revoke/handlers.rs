//! GET and POST of the page's address. Everything here works without scripts.

use axum::{
    extract::{Path, Query},
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use latchkey_domain::InactivityThreshold;
use latchkey_service::{AutoRevokeSetting, Error};

use super::{
    days::parse_days,
    form::Setting,
    sweep_preview::SweepPreview,
    views::{self, Page},
};
use crate::{fields::Fields, page_request::PageRequest, paths, submission::Submission};

/// What the form offers where nothing is set.
const DEFAULT_DAYS: u16 = 90;

/// The setting, with a preview of it, or of the days in the query.
pub(crate) async fn show(
    visit: PageRequest,
    Path(organization): Path<String>,
    Query(asked): Query<Fields>,
) -> Response {
    let result = get(&visit, &organization, &asked).await;
    visit.answer(result).await
}

/// Saves; or asks first, when the next sweep would revoke something.
pub(crate) async fn save(Path(organization): Path<String>, sent: Submission) -> Response {
    let result = post(&organization, &sent).await;
    sent.answer(result).await
}

async fn get(visit: &PageRequest, organization: &str, asked: &Fields) -> Result<Response, Error> {
    let access = visit.portal.service.organizations().access(&visit.caller, organization).await?;
    let current = visit.portal.service.auto_revoke().get(&access).await?;
    let mut setting = stored(&current);
    if let Some(days) = asked.some("days").filter(|_| current.changeable) {
        days.clone_into(&mut setting.days);
        // A link with days means them to hold; the form says itself whether it is on.
        setting.on = asked.has("on") || !asked.has("preview");
    }
    let mut page = page(visit, organization, current, setting).await?;
    page.saved = match asked.text("saved") {
        "on" if page.current.threshold.is_some() => Some(true),
        "off" if page.current.threshold.is_none() => Some(false),
        _ => None,
    };
    views::page(visit, organization, page).await
}

async fn post(organization: &str, submission: &Submission) -> Result<Response, Error> {
    let (visit, sent) = (&submission.visit, &submission.fields);
    let service = &visit.portal.service;
    let access = service.organizations().access(&visit.caller, organization).await?;
    let on = sent.has("on");
    if submission.restored {
        let current = service.auto_revoke().get(&access).await?;
        let setting = Setting { on, days: sent.text("days").to_owned(), changeable: current.changeable };
        let page = page(visit, organization, current, setting).await?;
        return views::page(visit, organization, Page { notice: submission.notice(), ..page }).await;
    }
    let days = if on { parse_days(sent.text("days")) } else { Some(0) };
    let Some(days) = days else {
        let current = service.auto_revoke().get(&access).await?;
        let setting = Setting { on, days: sent.text("days").to_owned(), changeable: current.changeable };
        let page = page(visit, organization, current, setting).await?;
        let mut response = views::page(visit, organization, page).await?;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(response);
    };
    if on {
        let outlook = preview(visit, organization, days).await?;
        // What was confirmed was a number; if more would go by now, the question is another one.
        let confirmed = sent.text("confirm").parse().unwrap_or(0_u32);
        if outlook.would_revoke > confirmed {
            let current = service.auto_revoke().get(&access).await?;
            if current.changeable {
                let setting = Setting { on, days: days.to_string(), changeable: true };
                let grown = confirmed > 0;
                let page = Page { asks: true, grown, ..Page::new(current, setting, outlook) };
                return views::page(visit, organization, page).await;
            }
        }
    }
    service.auto_revoke().set(&access, days.into()).await?;
    let saved = if on { "on" } else { "off" };
    let address = [&paths::tokens(organization), "/auto-revoke?saved=", saved].concat();
    Ok(Redirect::to(&address).into_response())
}

fn stored(current: &AutoRevokeSetting) -> Setting {
    let days = current.threshold.map_or(DEFAULT_DAYS, InactivityThreshold::days);
    Setting { on: current.threshold.is_some(), days: days.to_string(), changeable: current.changeable }
}

/// The page of a setting; for one that can't be, the preview of the stored one.
async fn page(
    visit: &PageRequest,
    organization: &str,
    current: AutoRevokeSetting,
    setting: Setting,
) -> Result<Page, Error> {
    let days = parse_days(&setting.days);
    let shown = days.or_else(|| parse_days(&stored(&current).days)).unwrap_or(DEFAULT_DAYS);
    let outlook = preview(visit, organization, shown).await?;
    Ok(Page { wrong: days.is_none(), ..Page::new(current, setting, outlook) })
}

async fn preview(visit: &PageRequest, organization: &str, days: u16) -> Result<SweepPreview, Error> {
    let service = &visit.portal.service;
    let access = service.organizations().access(&visit.caller, organization).await?;
    let preview = service.auto_revoke().preview(&access, days.into()).await?;
    Ok(SweepPreview::new(preview, service.now()))
}
