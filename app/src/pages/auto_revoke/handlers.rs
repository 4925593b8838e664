//! GET and POST of the page's address. Everything here works without scripts.

use axum::extract::Path;
use http::StatusCode;
use latchkey_domain::InactivityThreshold;
use latchkey_service::{AutoRevoke, Error};

use super::{
    days::parse_days,
    form::Setting,
    sweep_preview::SweepPreview,
    views::{self, AutoRevokePage},
};
use crate::{
    fields::Fields,
    page::{Page, PageError},
    page_request::PageRequest,
    paths,
    submission::Submission,
};

/// What the form offers where nothing is set.
const DEFAULT_DAYS: u16 = 90;

/// The setting, with a preview of it, or of the days in the query.
pub(crate) async fn show(
    request: PageRequest,
    Path(organization): Path<String>,
    asked: Fields,
) -> Result<Page, PageError> {
    let current = request.portal.service.auto_revoke(&request.caller, &organization).await?;
    let mut setting = stored(&current);
    if let Some(days) = asked.some("days").filter(|_| current.changeable) {
        days.clone_into(&mut setting.days);
        // A link with days means them to hold; the form says itself whether it is on.
        setting.on = asked.has("on") || !asked.has("preview");
    }
    let mut page = load(&request, &organization, current, setting).await?;
    page.saved = match asked.text("saved") {
        "on" if page.current.threshold.is_some() => Some(true),
        "off" if page.current.threshold.is_none() => Some(false),
        _ => None,
    };
    Ok(views::page(&request, &organization, page).await?)
}

/// Saves; or asks first, when the next sweep would revoke something.
pub(crate) async fn save(Path(organization): Path<String>, sent: Submission) -> Result<Page, PageError> {
    let (request, fields) = (&sent.request, &sent.fields);
    let service = &request.portal.service;
    let on = fields.has("on");
    let days = if on { parse_days(fields.text("days")) } else { Some(0) };
    let days = match days {
        Some(days) if !sent.restored => days,
        _ => {
            let current = service.auto_revoke(&request.caller, &organization).await?;
            let setting = Setting { on, days: fields.text("days").to_owned(), changeable: current.changeable };
            let page = load(request, &organization, current, setting).await?;
            let page = AutoRevokePage { notice: sent.notice(), ..page };
            let status = if sent.restored { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
            return Ok(views::page(request, &organization, page).await?.with_status(status));
        }
    };
    if on {
        let preview = load_preview(request, &organization, days).await?;
        // What was confirmed was a number; if more would go by now, the question is another one.
        let confirmed = fields.text("confirm").parse().unwrap_or(0_u32);
        if preview.would_revoke > confirmed {
            let current = service.auto_revoke(&request.caller, &organization).await?;
            if current.changeable {
                let setting = Setting { on, days: days.to_string(), changeable: true };
                let has_grown = confirmed > 0;
                let page = AutoRevokePage { asks: true, has_grown, ..AutoRevokePage::new(current, setting, preview) };
                return Ok(views::page(request, &organization, page).await?);
            }
        }
    }
    service.set_auto_revoke(&request.caller, &organization, days.into()).await?;
    let saved = if on { "on" } else { "off" };
    Ok(Page::redirect(&[&paths::auto_revoke(&organization), "?saved=", saved].concat()))
}

fn stored(current: &AutoRevoke) -> Setting {
    let days = current.threshold.map_or(DEFAULT_DAYS, InactivityThreshold::days);
    Setting { on: current.threshold.is_some(), days: days.to_string(), changeable: current.changeable }
}

/// The page of a setting; for one that can't be, with the preview of the stored one.
async fn load(
    request: &PageRequest,
    organization: &str,
    current: AutoRevoke,
    setting: Setting,
) -> Result<AutoRevokePage, Error> {
    let days = parse_days(&setting.days);
    let shown = days.or_else(|| parse_days(&stored(&current).days)).unwrap_or(DEFAULT_DAYS);
    let preview = load_preview(request, organization, shown).await?;
    Ok(AutoRevokePage { is_invalid: days.is_none(), ..AutoRevokePage::new(current, setting, preview) })
}

async fn load_preview(request: &PageRequest, organization: &str, days: u16) -> Result<SweepPreview, Error> {
    let service = &request.portal.service;
    let preview = service.preview_auto_revoke(&request.caller, organization, days.into()).await?;
    Ok(SweepPreview::new(preview, service.now()))
}
