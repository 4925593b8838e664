//! `POST /oauth/introspect` (RFC 7662).

use axum::Json;
use axum::extract::{Request, State};
use latchkey_service::Introspected;
use serde::Serialize;
use utoipa::ToSchema;

use super::oauth::{Form, client};
use crate::http::body::already_read;
use crate::http::problem::Problem;
use crate::state::ServerState;

/// What to tell about, as a form. Unknown parameters are ignored.
#[derive(ToSchema)]
#[schema(as = Introspection)]
#[expect(dead_code, reason = "read one by one, since none may be there twice")]
pub(crate) struct Asked {
    /// The token.
    #[schema(min_length = 1)]
    token: String,
    /// Makes no difference.
    token_type_hint: Option<String>,
    /// Id of the token that asks, when `client_secret` is that token.
    client_id: Option<String>,
    /// The token that asks, when it is not in `Authorization`.
    client_secret: Option<String>,
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
    organization_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<String>,
}

/// Tells about a token.
///
/// OAuth 2.0 token introspection (RFC 7662). Who asks needs `tokens:introspect`, and presents its own token as a bearer or
/// as a client does: the token's id is the client's id, the token its secret (`client_secret_basic`,
/// `client_secret_post`). Errors are those of OAuth. This is not a use of the token that is asked about.
#[utoipa::path(
    post, path = "/oauth/introspect", operation_id = "introspect", tag = "Verification",
    security(("bearer" = []), ("client" = [])),
    request_body(content = Asked, content_type = "application/x-www-form-urlencoded",
        example = json!({ "token": "ci_7Qm2xEXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE" })),
    responses((status = 200, description = "What it is; of one that is not active, nothing more", body = Answer,
        example = json!({ "active": false }))),
)]
pub(crate) async fn introspect(State(state): State<ServerState>, request: Request) -> Result<Json<Answer>, Problem> {
    let (parts, body) = already_read(request).await?;
    let form = Form::read(&parts.headers, &body, &["token", "token_type_hint", "client_id", "client_secret"])?;
    let caller = client(&state, &parts, &form).await?;
    let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    Ok(Json(match state.service.introspect(&caller, form.required("token")?).await? {
        Introspected::Inactive => Answer::default(),
        Introspected::Active(token) => Answer {
            active: true,
            scope: Some(token.scopes.to_string()),
            token_type: Some("Bearer"),
            exp: token.expires_at.map(|at| at.seconds()),
            iat: Some(token.created_at.seconds()),
            sub: Some(token.id.to_string()),
            jti: Some(token.id.to_string()),
            iss: Some(state.site.public_url.clone()),
            organization: named(&token.organization_name),
            organization_id: token.level.organization().map(|id| id.to_string()),
            project: named(&token.project_name),
            project_id: token.level.project().map(|id| id.to_string()),
        },
    }))
}
