//! `/api/orgs/{name}/auto-revoke`

use axum::Json;
use axum::extract::{Path, State};
use latchkey_app::portal::Portal;
use latchkey_domain::{InactivityThreshold, Timestamp};
use latchkey_service::{AutoRevoke, Error, FieldError, Preview, Sweep};
use serde::{Deserialize, Serialize};

use super::credential::Credential;
use super::json::{Body, Parameters};
use super::problem::Problem;
use super::tokens::json::TokenJson;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AutoRevokeJson {
    /// 0: auto-revoke is off.
    days: u16,
    next_sweep_at: Timestamp,
    /// Newest first, 10 at most.
    sweeps: Vec<SweepJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SweepJson {
    days: u16,
    started_at: Timestamp,
    finished_at: Timestamp,
    revoked: u32,
}

/// What the next sweep would revoke.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewJson {
    days: u16,
    /// 1,001 for more than 1,000, as `active`.
    would_revoke: u32,
    active: u32,
    /// Longest idle first, 50 at most.
    tokens: Vec<TokenJson>,
    next_sweep_at: Timestamp,
}

impl From<AutoRevoke> for AutoRevokeJson {
    fn from(setting: AutoRevoke) -> Self {
        Self {
            days: setting.threshold.map_or(0, InactivityThreshold::days),
            next_sweep_at: setting.next_sweep_at,
            sweeps: setting.sweeps.into_iter().map(SweepJson::from).collect(),
        }
    }
}

impl From<Sweep> for SweepJson {
    fn from(sweep: Sweep) -> Self {
        Self {
            days: sweep.threshold_days,
            started_at: sweep.started_at,
            finished_at: sweep.finished_at,
            revoked: sweep.revoked,
        }
    }
}

impl PreviewJson {
    fn new(preview: Preview, now: Timestamp) -> Self {
        Self {
            days: preview.days,
            would_revoke: preview.would_revoke,
            active: preview.active,
            tokens: preview.tokens.into_iter().map(|detail| TokenJson::new(detail, now)).collect(),
            next_sweep_at: preview.next_sweep_at,
        }
    }
}

/// `GET /api/orgs/{name}/auto-revoke`
pub(crate) async fn get(
    State(portal): State<Portal>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<Json<AutoRevokeJson>, Problem> {
    Ok(Json(portal.service.auto_revoke(&credential.caller, &name).await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Days {
    days: i64,
}

/// `PUT /api/orgs/{name}/auto-revoke`: sets the threshold, 1 to 365 days; 0 turns auto-revoke off.
pub(crate) async fn set(
    State(portal): State<Portal>,
    credential: Credential,
    Path(name): Path<String>,
    Body(set): Body<Days>,
) -> Result<Json<AutoRevokeJson>, Problem> {
    portal.service.set_auto_revoke(&credential.caller, &name, set.days).await.map_err(named)?;
    Ok(Json(portal.service.auto_revoke(&credential.caller, &name).await?.into()))
}

/// `GET /api/orgs/{name}/auto-revoke/preview?days=`: exactly what the next sweep would revoke with that threshold.
pub(crate) async fn preview(
    State(portal): State<Portal>,
    credential: Credential,
    Path(name): Path<String>,
    Parameters(preview): Parameters<Days>,
) -> Result<Json<PreviewJson>, Problem> {
    let preview = portal.service.preview_auto_revoke(&credential.caller, &name, preview.days).await.map_err(named)?;
    Ok(Json(PreviewJson::new(preview, portal.service.now())))
}

/// The field as it is called here; the use cases know it by its name in gRPC.
fn named(error: Error) -> Error {
    match error {
        Error::Invalid(_) => {
            let message = format!("must be between 0 and {}", InactivityThreshold::MAX);
            Error::Invalid(vec![FieldError { field: "days", message }])
        }
        other => other,
    }
}
