//! `POST /oauth/introspect` (RFC 7662).

use axum::Json;
use axum::extract::{Request, State};
use latchkey_api_types as api;
use latchkey_service::{Bearer, Introspected};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::oauth::{Form, client};
use crate::http::body::already_read;
use crate::http::problem::Problem;
use crate::state::ServerState;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new().routes(routes!(introspect))
}

/// Introspect a token
///
/// OAuth 2.0 token introspection (RFC 7662). The caller needs the scope `tokens:introspect`. It authenticates with its own
/// token as a bearer token or as client credentials (`client_secret_basic`, `client_secret_post`): the client id is the id
/// of the token, the client secret is the token. Errors are OAuth errors. Introspection does not count as a use of the
/// token.
#[utoipa::path(
    post, path = "/oauth/introspect", operation_id = "introspect", tag = "Verification",
    security(("bearer" = []), ("client" = [])),
    request_body(content = api::Introspection, content_type = "application/x-www-form-urlencoded",
        example = json!({ "token": "ci_7Qm2xEXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE" })),
    responses((status = 200, description = "The token; `active` alone if it is not active", body = api::Introspected,
        example = json!({ "active": false }))),
)]
pub(crate) async fn introspect(
    State(state): State<ServerState>,
    request: Request,
) -> Result<Json<api::Introspected>, Problem> {
    let (parts, body) = already_read(request).await?;
    let form = Form::read(&parts.headers, &body, &["token", "token_type_hint", "client_id", "client_secret"])?;
    let caller = client(&state, &parts, &form).await?;
    let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    Ok(Json(match state.service.verification().introspect(&caller, &Bearer::parse(form.required("token")?)).await? {
        Introspected::Inactive => api::Introspected::default(),
        Introspected::Active(token) => api::Introspected {
            active: true,
            scope: Some(token.scopes.to_string()),
            token_type: Some("Bearer".to_owned()),
            exp: token.expires_at.map(|at| at.seconds()),
            iat: Some(token.created_at.seconds()),
            sub: Some(token.id.to_string()),
            jti: Some(token.id.to_string()),
            iss: Some(state.site.public_url.clone()),
            organization: named(&token.organization_name),
            organization_id: token.level.organization(),
            project: named(&token.project_name),
            project_id: token.level.project(),
        },
    }))
}
