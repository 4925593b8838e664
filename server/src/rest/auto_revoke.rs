//! `/api/orgs/{name}/auto-revoke`

use axum::Json;
use axum::extract::{Path, State};
use latchkey_domain::{InactivityThreshold, Timestamp};
use latchkey_service::{AutoRevoke, Error, FieldError, Preview, Sweep};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tokens::json::TokenJson;
use crate::http::credential::Credential;
use crate::http::json::{JsonBody, whole_number};
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

/// The setting of an organization, and what came of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AutoRevoke)]
pub(crate) struct AutoRevokeJson {
    /// 0: auto-revoke is off.
    #[schema(maximum = 365)]
    days: u16,
    #[schema(value_type = String, format = DateTime)]
    next_sweep_at: Timestamp,
    /// Newest first, 10 at most.
    sweeps: Vec<SweepJson>,
}

/// One run of auto-revoke.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Sweep)]
struct SweepJson {
    days: u16,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    finished_at: Timestamp,
    revoked: u32,
}

/// What the next sweep would revoke.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AutoRevokePreview)]
pub(crate) struct PreviewJson {
    days: u16,
    /// 1,001 for more than 1,000, as `active`.
    would_revoke: u32,
    active: u32,
    /// Longest idle first, 50 at most.
    tokens: Vec<TokenJson>,
    #[schema(value_type = String, format = DateTime)]
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

/// Shows the setting of auto-revoke.
///
/// With its last sweeps.
#[utoipa::path(
    get, path = "/api/orgs/{name}/auto-revoke", operation_id = "getAutoRevoke", tag = "Auto-revoke",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    responses((status = 200, description = "The setting", body = AutoRevokeJson, example = json!({
        "days": 90, "nextSweepAt": "2026-11-22T09:00:00Z",
        "sweeps": [{ "days": 90, "startedAt": "2026-11-22T08:00:00Z", "finishedAt": "2026-11-22T08:00:01Z", "revoked": 2 }],
    }))),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<Json<AutoRevokeJson>, Problem> {
    Ok(Json(state.service.auto_revoke(&credential.caller, &name).await?.into()))
}

/// A threshold: tokens are revoked that were not used for so many days.
#[derive(Deserialize, ToSchema, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Days {
    /// 1 to 365; 0 for off.
    #[schema(minimum = 0, maximum = 365)]
    #[param(minimum = 0, maximum = 365)]
    #[serde(deserialize_with = "whole_number")]
    days: i64,
}

/// Sets auto-revoke.
///
/// People only. What the next sweep would revoke can be seen before.
#[utoipa::path(
    put, path = "/api/orgs/{name}/auto-revoke", operation_id = "setAutoRevoke", tag = "Auto-revoke",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    request_body(content = Days, example = json!({ "days": 90 })),
    responses((status = 200, description = "The setting as it is now", body = AutoRevokeJson, example = json!({
        "days": 90, "nextSweepAt": "2026-11-22T09:00:00Z",
        "sweeps": [{ "days": 90, "startedAt": "2026-11-22T08:00:00Z", "finishedAt": "2026-11-22T08:00:01Z", "revoked": 2 }],
    }))),
)]
pub(crate) async fn set(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
    JsonBody(set): JsonBody<Days>,
) -> Result<Json<AutoRevokeJson>, Problem> {
    state.service.set_auto_revoke(&credential.caller, &name, set.days).await.map_err(named)?;
    Ok(Json(state.service.auto_revoke(&credential.caller, &name).await?.into()))
}

/// Shows what auto-revoke would do.
///
/// Exactly what the next sweep would revoke with a threshold.
#[utoipa::path(
    get, path = "/api/orgs/{name}/auto-revoke/preview", operation_id = "previewAutoRevoke", tag = "Auto-revoke",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), Days),
    responses((status = 200, description = "What would be revoked", body = PreviewJson, example = json!({
        "days": 90, "wouldRevoke": 1, "active": 12, "tokens": [schema::token(false)],
        "nextSweepAt": "2026-11-22T09:00:00Z",
    }))),
)]
pub(crate) async fn preview(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
    QueryParams(preview): QueryParams<Days>,
) -> Result<Json<PreviewJson>, Problem> {
    let preview = state.service.preview_auto_revoke(&credential.caller, &name, preview.days).await.map_err(named)?;
    Ok(Json(PreviewJson::new(preview, state.service.now())))
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
