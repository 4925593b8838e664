//! `/api/auth/cli-tokens`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use latchkey_app::portal::Portal;
use latchkey_domain::{LevelKind, ScopeSet, Timestamp, TokenState};
use latchkey_service::{
    CreateToken, Error, ExpiresIn, FieldError, ListTokens, Sort, SortKey, StateFilter, TokenDetail, cursor,
};
use serde::{Deserialize, Serialize};

use super::Page;
use super::credential::Credential;
use super::json::{Body, Parameters};
use super::problem::Problem;

/// A token as the API shows it. Never its secret, but in the answer that creates it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenJson {
    id: String,
    name: String,
    description: String,
    /// The first 8 characters of the secret.
    prefix: String,
    level: LevelKind,
    organization: Option<String>,
    project: Option<String>,
    scopes: ScopeSet,
    all_repositories: bool,
    repositories: Vec<String>,
    allowed_networks: Vec<String>,
    status: TokenState,
    created_at: Timestamp,
    created_by: String,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    last_used_from: Option<String>,
    revoked_at: Option<Timestamp>,
    revoked_by: Option<String>,
    revoked_reason: Option<&'static str>,
}

/// The answer to a creation.
#[derive(Serialize)]
struct CreatedJson {
    /// The secret, for the one time.
    token: String,
    #[serde(flatten)]
    detail: TokenJson,
}

impl From<TokenDetail> for TokenJson {
    fn from(detail: TokenDetail) -> Self {
        let TokenDetail { token, state, repositories, .. } = detail;
        let named = |name: String| Some(name).filter(|name| !name.is_empty());
        let (last_used_at, last_used_from) = token.last_use.map(|last| (last.at, last.address)).unzip();
        let revocation = token.revocation;
        Self {
            id: token.id.to_string(),
            name: token.name,
            description: token.description,
            prefix: token.prefix,
            level: token.level.kind(),
            organization: named(token.organization_name),
            project: named(token.project_name),
            scopes: token.scopes,
            all_repositories: token.all_repositories,
            repositories: repositories.into_iter().map(|(id, _)| id.to_string()).collect(),
            allowed_networks: token.allowed_networks.iter().collect(),
            status: state,
            created_at: token.created_at,
            created_by: token.created_by.name,
            expires_at: token.expires_at,
            last_used_at,
            last_used_from: last_used_from.flatten().map(|address| address.to_string()),
            revoked_at: revocation.as_ref().map(|revocation| revocation.at),
            revoked_reason: revocation.as_ref().map(|revocation| revocation.reason.as_str()),
            revoked_by: revocation.map(|revocation| revocation.by.name),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Create {
    name: String,
    #[serde(default)]
    description: String,
    scopes: Vec<String>,
    #[serde(default)]
    all_repositories: bool,
    /// Ids or full names.
    #[serde(default)]
    repositories: Vec<String>,
    /// A moment of RFC 3339.
    expires_at: Option<String>,
    /// A duration such as `720h` or `30d`.
    expires_in: Option<String>,
    /// Id or name.
    project: Option<String>,
    /// `instance` for a token of the whole instance.
    level: Option<LevelKind>,
    #[serde(default)]
    allowed_networks: Vec<String>,
}

impl Create {
    fn asked(self) -> Result<CreateToken, Error> {
        let expires = match (self.expires_at, self.expires_in) {
            (None, None) => ExpiresIn::Never,
            (Some(moment), None) => ExpiresIn::Moment(moment),
            (None, Some(duration)) => ExpiresIn::Duration(duration),
            (Some(_), Some(_)) => return Err(field("expiresAt", "can't be sent together with expiresIn")),
        };
        match (self.level, &self.project) {
            (Some(LevelKind::Project), None) => return Err(field("project", "is missing for the level project")),
            (Some(LevelKind::Organization), Some(_)) => {
                return Err(field("level", "is organization, but a project is named"));
            }
            _ => {}
        }
        Ok(CreateToken {
            name: self.name,
            description: self.description,
            scopes: self.scopes,
            all_repositories: self.all_repositories,
            repositories: self.repositories,
            expires,
            project: self.project,
            instance: self.level == Some(LevelKind::Instance),
            allowed_networks: self.allowed_networks,
            creation_key: None,
        })
    }
}

/// `POST /api/auth/cli-tokens`
pub(crate) async fn create(
    State(portal): State<Portal>,
    credential: Credential,
    Body(create): Body<Create>,
) -> Result<Response, Problem> {
    let organization = credential.organization()?;
    let created = portal.service.create_token(&credential.caller, organization, create.asked()?).await?;
    let location = format!("/api/auth/cli-tokens/{}", created.detail.token.id);
    let body = CreatedJson { token: created.secret.reveal().to_owned(), detail: created.detail.into() };
    let mut response = (StatusCode::CREATED, [(header::LOCATION, location)], Json(body)).into_response();
    let cache = HeaderValue::from_static("no-store, no-transform");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    limit: Option<u32>,
    cursor: Option<String>,
    status: Option<Status>,
    #[serde(default)]
    query: String,
    scope: Option<String>,
    project: Option<String>,
    repository: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Expired,
    Revoked,
    All,
}

/// `GET /api/auth/cli-tokens?limit=&cursor=&status=&query=&scope=&project=&repository=`: newest first; all states when
/// no `status` is named.
pub(crate) async fn list(
    State(portal): State<Portal>,
    credential: Credential,
    Parameters(list): Parameters<List>,
) -> Result<Json<Page<TokenJson>>, Problem> {
    let asked = ListTokens {
        state: match list.status {
            None | Some(Status::All) => StateFilter::All,
            Some(Status::Active) => StateFilter::Active,
            Some(Status::Expired) => StateFilter::Expired,
            Some(Status::Revoked) => StateFilter::Revoked,
        },
        query: list.query,
        scope: list.scope,
        kind: None,
        level: list.project,
        repository: list.repository,
        creator: None,
        sort: Sort { key: SortKey::Created, descending: true },
        cursor: list.cursor.as_deref().map(cursor::decode).transpose()?,
        limit: list.limit.unwrap_or(50),
    };
    let page = portal.service.tokens(&credential.caller, credential.organization()?, asked).await?;
    Ok(Json(Page {
        items: page.tokens.into_iter().map(TokenJson::from).collect(),
        next_cursor: page.next.as_ref().map(cursor::encode),
    }))
}

/// `GET /api/auth/cli-tokens/{id}`
pub(crate) async fn get(
    State(portal): State<Portal>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<Json<TokenJson>, Problem> {
    let detail = portal.service.token(&credential.caller, credential.organization()?, &id).await?;
    Ok(Json(detail.into()))
}

/// `DELETE /api/auth/cli-tokens/{id}`: revokes the token; again `204` if it was revoked before.
pub(crate) async fn revoke(
    State(portal): State<Portal>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    portal.service.revoke_token(&credential.caller, credential.organization()?, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn field(field: &'static str, message: &str) -> Error {
    Error::Invalid(vec![FieldError { field, message: message.to_owned() }])
}
