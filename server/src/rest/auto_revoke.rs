//! `/api/orgs/{name}/auto-revoke`

use axum::Json;
use axum::extract::{Path, State};
use latchkey_api_types as api;
use latchkey_domain::InactivityThreshold;
use latchkey_service::{AutoRevokeSetting, Error, FieldError, Sweep};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::tokens::json::token;
use crate::http::credential::Credential;
use crate::http::json::JsonBody;
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(get, set)).routes(routes!(preview))
}

fn setting(setting: AutoRevokeSetting) -> api::AutoRevoke {
    api::AutoRevoke {
        days: setting.threshold.map_or(0, InactivityThreshold::days),
        next_sweep_at: setting.next_sweep_at,
        sweeps: setting.sweeps.into_iter().map(sweep).collect(),
    }
}

fn sweep(sweep: Sweep) -> api::Sweep {
    api::Sweep {
        days: sweep.threshold_days,
        started_at: sweep.started_at,
        finished_at: sweep.finished_at,
        revoked: sweep.revoked,
    }
}

/// Show the auto-revoke setting
///
/// The answer includes the last sweeps.
#[utoipa::path(
    get, path = "/api/orgs/{name}/auto-revoke", operation_id = "getAutoRevoke", tag = "Auto-revoke",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    responses((status = 200, description = "The setting", body = api::AutoRevoke, example = json!({
        "days": 90, "nextSweepAt": "2026-11-22T09:00:00Z",
        "sweeps": [{ "days": 90, "startedAt": "2026-11-22T08:00:00Z", "finishedAt": "2026-11-22T08:00:01Z", "revoked": 2 }],
    }))),
)]
pub(crate) async fn get(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
) -> Result<Json<api::AutoRevoke>, Problem> {
    let access = state.service.organizations().access(&credential.caller, &name).await?;
    Ok(Json(setting(state.service.auto_revoke().get(&access).await?)))
}

/// Set auto-revoke
///
/// Users only. The preview shows what the next sweep would revoke.
#[utoipa::path(
    put, path = "/api/orgs/{name}/auto-revoke", operation_id = "setAutoRevoke", tag = "Auto-revoke",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    request_body(content = api::Days, example = json!({ "days": 90 })),
    responses((status = 200, description = "The changed setting", body = api::AutoRevoke, example = json!({
        "days": 90, "nextSweepAt": "2026-11-22T09:00:00Z",
        "sweeps": [{ "days": 90, "startedAt": "2026-11-22T08:00:00Z", "finishedAt": "2026-11-22T08:00:01Z", "revoked": 2 }],
    }))),
)]
pub(crate) async fn set(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
    JsonBody(set): JsonBody<api::Days>,
) -> Result<Json<api::AutoRevoke>, Problem> {
    let organizations = state.service.organizations();
    let access = organizations.access(&credential.caller, &name).await?;
    state.service.auto_revoke().set(&access, set.days).await.map_err(named)?;
    // As it is now: an access holds the organization as it was looked up.
    let access = organizations.access(&credential.caller, &name).await?;
    Ok(Json(setting(state.service.auto_revoke().get(&access).await?)))
}

/// Preview auto-revoke
///
/// The answer lists exactly the tokens that the next sweep would revoke with the given threshold.
#[utoipa::path(
    get, path = "/api/orgs/{name}/auto-revoke/preview", operation_id = "previewAutoRevoke", tag = "Auto-revoke",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), api::Days),
    responses((status = 200, description = "The tokens that would be revoked", body = api::AutoRevokePreview, example = json!({
        "days": 90, "wouldRevoke": 1, "active": 12, "tokens": [schema::token(false)],
        "nextSweepAt": "2026-11-22T09:00:00Z",
    }))),
)]
pub(crate) async fn preview(
    State(state): State<ServerState>,
    credential: Credential,
    Path(name): Path<String>,
    QueryParams(preview): QueryParams<api::Days>,
) -> Result<Json<api::AutoRevokePreview>, Problem> {
    let access = state.service.organizations().access(&credential.caller, &name).await?;
    let preview = state.service.auto_revoke().preview(&access, preview.days).await.map_err(named)?;
    let now = state.service.now();
    Ok(Json(api::AutoRevokePreview {
        days: preview.days,
        would_revoke: preview.would_revoke,
        active: preview.active,
        tokens: preview.tokens.into_iter().map(|detail| token(detail, now)).collect(),
        next_sweep_at: preview.next_sweep_at,
    }))
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
