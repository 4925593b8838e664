//! What the form calls while it is open.

#[cfg(feature = "hydrate")]
pub(super) use browser::{preview_auto_revoke, set_auto_revoke};
#[cfg(feature = "ssr")]
use leptos::{prelude::*, server_fn::codec::Json};
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::answers::Answer;

/// A preview that the page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewUpdate {
    /// The threshold that it is about.
    pub days: u16,
    /// How many tokens the next sweep would revoke.
    pub would_revoke: u32,
    /// The sentence with the number, for screen readers.
    pub sentence: String,
    /// The preview with its table and its question.
    pub html: String,
}

/// What became of a setting that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Saved {
    Done,
    /// It would revoke more tokens than were confirmed. Nothing is saved until that number is.
    Unconfirmed(PreviewUpdate),
}

/// What the next sweep would do with a threshold.
#[cfg(feature = "ssr")]
#[server(prefix = "/_fn", endpoint = "preview_auto_revoke", input = Json)]
pub async fn preview_auto_revoke(organization: String, days: u16) -> Answer<PreviewUpdate> {
    Ok(answer::preview(&organization, days).await)
}

/// Turns auto-revoke on with a threshold, or off without one. `confirmed` is how many tokens somebody agreed to lose.
#[cfg(feature = "ssr")]
#[server(prefix = "/_fn", endpoint = "set_auto_revoke", input = Json)]
pub async fn set_auto_revoke(organization: String, days: Option<u16>, confirmed: u32) -> Answer<Saved> {
    Ok(answer::set(&organization, days, confirmed).await)
}

#[cfg(feature = "hydrate")]
mod browser {
    use wasm_bindgen::JsValue;

    use super::{PreviewUpdate, Saved};
    use crate::{
        answers::Failure,
        islands::{
            call,
            json::{FromJson, ToJson, field, readable},
        },
    };

    readable!(PreviewUpdate { days, would_revoke, sentence, html });

    impl FromJson for Saved {
        fn from_json(json: &JsValue) -> Self {
            match json.as_string().as_deref() {
                Some("Done") => Self::Done,
                _ => Self::Unconfirmed(FromJson::from_json(&field(json, "Unconfirmed"))),
            }
        }
    }

    pub(crate) async fn preview_auto_revoke(organization: String, days: u16) -> Result<PreviewUpdate, Failure> {
        call("preview_auto_revoke", &[("organization", organization.to_json()), ("days", days.into())]).await
    }

    pub(crate) async fn set_auto_revoke(
        organization: String,
        days: Option<u16>,
        confirmed: u32,
    ) -> Result<Saved, Failure> {
        let days = days.map_or(JsValue::NULL, JsValue::from);
        let organization = organization.to_json();
        let arguments = [("organization", organization), ("days", days), ("confirmed", confirmed.into())];
        call("set_auto_revoke", &arguments).await
    }
}

#[cfg(feature = "ssr")]
pub(super) mod answer {
    use latchkey_service::Error;
    use leptos::prelude::*;

    use super::{
        super::{preview, sweep_preview::SweepPreview},
        PreviewUpdate, Saved,
    };
    use crate::{
        answers::Failure,
        page_request::PageRequest,
        server_fns::{failure, request},
    };

    pub(super) async fn preview(organization: &str, days: u16) -> Result<PreviewUpdate, Failure> {
        let request = request()?;
        let preview = load_preview(&request, organization, days).await;
        preview.map(|preview| update(&preview, false)).map_err(|error| failure(&request.caller, &error))
    }

    pub(super) async fn set(organization: &str, days: Option<u16>, confirmed: u32) -> Result<Saved, Failure> {
        let request = request()?;
        match save(&request, organization, days, confirmed).await {
            Ok(None) => Ok(Saved::Done),
            Ok(Some(preview)) => Ok(Saved::Unconfirmed(update(&preview, confirmed > 0))),
            Err(error) => Err(failure(&request.caller, &error)),
        }
    }

    fn update(preview: &SweepPreview, has_grown: bool) -> PreviewUpdate {
        let (before, number, after) = preview.sentence();
        PreviewUpdate {
            days: preview.days,
            would_revoke: preview.would_revoke,
            sentence: [before, number, after].concat(),
            html: preview::preview(preview, has_grown).to_html(),
        }
    }

    /// What the server function and the form without scripts do. A preview comes back when nothing was saved, because
    /// more tokens would go than were confirmed.
    pub(crate) async fn save(
        request: &PageRequest,
        organization: &str,
        days: Option<u16>,
        confirmed: u32,
    ) -> Result<Option<SweepPreview>, Error> {
        let service = &request.portal.service;
        let access = service.organizations().access(&request.caller, organization).await?;
        if let Some(days) = days {
            let preview = load_preview(request, organization, days).await?;
            // Who may not change it is told that, and not asked.
            if preview.would_revoke > confirmed && service.auto_revoke().get(&access).await?.changeable {
                return Ok(Some(preview));
            }
        }
        service.auto_revoke().set(&access, days.unwrap_or(0).into()).await?;
        Ok(None)
    }

    /// What the next sweep would do with a threshold of so many days.
    pub(crate) async fn load_preview(
        request: &PageRequest,
        organization: &str,
        days: u16,
    ) -> Result<SweepPreview, Error> {
        let service = &request.portal.service;
        let access = service.organizations().access(&request.caller, organization).await?;
        let preview = service.auto_revoke().preview(&access, days.into()).await?;
        Ok(SweepPreview::new(preview, service.now()))
    }
}
