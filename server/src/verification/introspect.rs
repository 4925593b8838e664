//! `POST /oauth/introspect` (RFC 7662).

use axum::Json;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use latchkey_app::portal::Portal;
use latchkey_service::Introspected;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::credential::Credential;
use crate::rest::problem::Problem;

/// What to tell about, as a form.
#[derive(Deserialize, ToSchema)]
#[schema(as = Introspection)]
pub(crate) struct Asked {
    /// The token.
    token: String,
}

/// RFC 7662, section 2.2. A token that is not the caller's to know is answered with `{"active":false}` and no more.
#[derive(Serialize, Default, ToSchema)]
#[schema(as = Introspected)]
pub(crate) struct Answer {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
}

/// Tells about a token.
///
/// OAuth 2.0 token introspection (RFC 7662). The credential needs `tokens:introspect`. This is not a use of the token.
#[utoipa::path(
    post, path = "/oauth/introspect", operation_id = "introspect", tag = "Verification",
    request_body(content = Asked, content_type = "application/x-www-form-urlencoded",
        example = json!({ "token": "ci_7Qm2xEXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE" })),
    responses((status = 200, description = "What it is; of one that is not active, nothing more", body = Answer,
        example = json!({ "active": false }))),
)]
pub(crate) async fn introspect(
    State(portal): State<Portal>,
    credential: Credential,
    asked: Result<Form<Asked>, FormRejection>,
) -> Result<Json<Answer>, Problem> {
    let Form(asked) = asked.map_err(|rejection| match rejection.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "Send the body as Content-Type: application/x-www-form-urlencoded",
        ),
        status => Problem::new(status, "malformed-body", "Send a form with the parameter token"),
    })?;
    let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    Ok(Json(match portal.service.introspect(&credential.caller, &asked.token).await? {
        Introspected::Inactive => Answer::default(),
        Introspected::Active(token) => Answer {
            active: true,
            scope: Some(token.scopes.to_string()),
            token_type: Some("Bearer"),
            exp: token.expires_at.map(|at| at.seconds()),
            iat: Some(token.created_at.seconds()),
            sub: Some(token.id.to_string()),
            jti: Some(token.id.to_string()),
            iss: Some(portal.site.public_url.clone()),
            organization: named(&token.organization_name),
            project: named(&token.project_name),
        },
    }))
}
