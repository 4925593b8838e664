//! GET and POST of the page's address. Everything here works without scripts.

use axum::extract::Path;
use http::StatusCode;
use latchkey_domain::InactivityThreshold;
use latchkey_service::{AutoRevokeSetting, Error};

use super::{
    days::parse_days,
    form::Setting,
    server::answer,
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
    let access = request.portal.service.organizations().access(&request.caller, &organization).await?;
    let current = request.portal.service.auto_revoke().get(&access).await?;
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
    let access = service.organizations().access(&request.caller, &organization).await?;
    let on = fields.has("on");
    let typed = fields.text("days");
    let days = parse_days(typed);
    let setting = |current: &AutoRevokeSetting| Setting { on, days: typed.to_owned(), changeable: current.changeable };
    if sent.restored || (on && days.is_none()) {
        let current = service.auto_revoke().get(&access).await?;
        let setting = setting(&current);
        let page = load(request, &organization, current, setting).await?;
        let page = AutoRevokePage { notice: sent.notice(), ..page };
        let status = if sent.restored { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        return Ok(views::page(request, &organization, page).await?.with_status(status));
    }
    // What was confirmed was a number. If more would go by now, the question is another one.
    let confirmed = fields.text("confirm").parse().unwrap_or(0_u32);
    if let Some(preview) = answer::save(request, &organization, days.filter(|_| on), confirmed).await? {
        let current = service.auto_revoke().get(&access).await?;
        let (setting, has_grown) = (setting(&current), confirmed > 0);
        let page = AutoRevokePage { asks: true, has_grown, ..AutoRevokePage::new(current, setting, preview) };
        return Ok(views::page(request, &organization, page).await?);
    }
    let saved = if on { "on" } else { "off" };
    Ok(Page::redirect(&[&paths::auto_revoke(&organization), "?saved=", saved].concat()))
}

fn stored(current: &AutoRevokeSetting) -> Setting {
    let days = current.threshold.map_or(DEFAULT_DAYS, InactivityThreshold::days);
    Setting { on: current.threshold.is_some(), days: days.to_string(), changeable: current.changeable }
}

/// The page of a setting; for one that can't be, with the preview of the stored one.
async fn load(
    request: &PageRequest,
    organization: &str,
    current: AutoRevokeSetting,
    setting: Setting,
) -> Result<AutoRevokePage, Error> {
    let days = parse_days(&setting.days);
    let shown = days.or_else(|| parse_days(&stored(&current).days)).unwrap_or(DEFAULT_DAYS);
    let preview = answer::load_preview(request, organization, shown).await?;
    Ok(AutoRevokePage { is_invalid: days.is_none(), ..AutoRevokePage::new(current, setting, preview) })
}
