//! `APITokenService`.

use latchkey_domain::LevelKind;
use latchkey_proto::v1::api_token_service_create_response::ApiTokenFull;
use latchkey_proto::v1::api_token_service_list_request::{Scope, StatusFilter};
use latchkey_proto::v1::api_token_service_server::ApiTokenService;
use latchkey_proto::v1::{
    ApiTokenItem, ApiTokenServiceCreateRequest, ApiTokenServiceCreateResponse, ApiTokenServiceListRequest,
    ApiTokenServiceListResponse, ApiTokenServiceRevokeRequest, ApiTokenServiceRevokeResponse,
    ApiTokenServiceRotateRequest, ApiTokenServiceRotateResponse, IdentityReference, ScopedEntity,
};
use latchkey_service::{
    CreateToken, CreatedToken, Error, ExpiresIn, ListTokens, Position, RotateToken, Sort, SortKey, StateFilter,
    TokenDetail, cursor,
};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::list_all::list_all;
use super::status::{invalid_field, status};
use super::{PAGE, convert, credential};
use crate::state::ServerState;

pub(super) struct ApiTokens(pub(super) ServerState);

#[async_trait]
impl ApiTokenService for ApiTokens {
    async fn create(
        &self,
        request: Request<ApiTokenServiceCreateRequest>,
    ) -> Result<Response<ApiTokenServiceCreateResponse>, Status> {
        let (access, asked) = credential::read_access(&self.0.service, request).await?;
        let asked = self.asked(asked)?;
        let created = self.0.service.tokens().create(&access, asked).await.map_err(status)?;
        Ok(Response::new(ApiTokenServiceCreateResponse { result: full(created) }))
    }

    async fn list(
        &self,
        request: Request<ApiTokenServiceListRequest>,
    ) -> Result<Response<ApiTokenServiceListResponse>, Status> {
        let (access, asked) = credential::read_access(&self.0.service, request).await?;
        let paged = asked.page_size != 0;
        let list = listing(asked)?;
        let page = async |list: ListTokens| {
            let page = self.0.service.tokens().list(&access, list).await.map_err(status)?;
            Ok::<_, Status>((page.tokens.into_iter().map(item).collect::<Vec<_>>(), page.next))
        };
        let (result, next) = if paged {
            page(list).await?
        } else {
            let after =
                |next: Option<Position>| page(ListTokens { cursor: next.or(list.cursor.clone()), ..list.clone() });
            (list_all("ask for pages, with page_size and page_token", after).await?, None)
        };
        let next_page_token = next.as_ref().map(cursor::encode).unwrap_or_default();
        Ok(Response::new(ApiTokenServiceListResponse { result, next_page_token }))
    }

    async fn revoke(
        &self,
        request: Request<ApiTokenServiceRevokeRequest>,
    ) -> Result<Response<ApiTokenServiceRevokeResponse>, Status> {
        let (access, asked) = credential::read_access_or_instance(&self.0.service, request).await?;
        check_id(&asked.id)?;
        // Unlike in REST, revoking a revoked token is an error: so not the same use case.
        let done = self.0.service.tokens().revoke_many(&access, &[asked.id]).await.map_err(status)?;
        if done.revoked.is_empty() {
            return Err(status(Error::NotFound("token")));
        }
        Ok(Response::new(ApiTokenServiceRevokeResponse {}))
    }

    async fn rotate(
        &self,
        request: Request<ApiTokenServiceRotateRequest>,
    ) -> Result<Response<ApiTokenServiceRotateResponse>, Status> {
        let (access, asked) = credential::read_access_or_instance(&self.0.service, request).await?;
        let rotation = RotateToken { overlap: duration(asked.overlap, "overlap")?, ..RotateToken::default() };
        check_id(&asked.id)?;
        let rotated = self.0.service.tokens().rotate(&access, &asked.id, rotation).await;
        Ok(Response::new(ApiTokenServiceRotateResponse { result: full(rotated.map_err(status)?) }))
    }
}

fn check_id(id: &str) -> Result<(), Status> {
    Uuid::try_parse(id).map(|_| ()).map_err(|_| invalid_field("id", "must be a UUID"))
}

impl ApiTokens {
    fn asked(&self, asked: ApiTokenServiceCreateRequest) -> Result<CreateToken, Status> {
        let mut scopes = asked.scopes;
        if scopes.is_empty() {
            let known = self.0.service.catalogue().scopes().map(|info| info.name.as_str());
            scopes = known.filter(|name| name.ends_with(":read")).map(str::to_owned).collect();
        }
        let expires = duration(asked.expires_in, "expires_in")?.map_or(ExpiresIn::Never, ExpiresIn::Duration);
        Ok(CreateToken {
            name: asked.name,
            description: asked.description.unwrap_or_default(),
            scopes,
            all_repositories: asked.all_repositories.unwrap_or(asked.repositories.is_empty()),
            repositories: asked.repositories,
            expires,
            project: asked.project_reference.map(|project| named(project, "project_reference")).transpose()?,
            ..CreateToken::default()
        })
    }
}

/// A duration as the use cases take it, in whole seconds.
fn duration(given: Option<prost_types::Duration>, field: &'static str) -> Result<Option<String>, Status> {
    let Some(prost_types::Duration { seconds, nanos }) = given else { return Ok(None) };
    // The range of a Duration (google/protobuf/duration.proto): 10,000 years, and both parts have the same sign.
    let in_range =
        (-315_576_000_000..=315_576_000_000).contains(&seconds) && (-999_999_999..=999_999_999).contains(&nanos);
    if !in_range || seconds.signum() * i64::from(nanos.signum()) < 0 {
        let message = "is no Duration: at most 10,000 years, nanos below a second, and both of the same sign";
        return Err(invalid_field(field, message));
    }
    if seconds < 0 || nanos < 0 {
        return Err(invalid_field(field, "must not be negative"));
    }
    Ok(Some(format!("{seconds}s")))
}

/// A token and its new secret.
fn full(CreatedToken { detail, secret }: CreatedToken) -> Option<ApiTokenFull> {
    Some(ApiTokenFull { item: Some(item(detail)), jwt: secret.reveal().to_owned() })
}

fn listing(asked: ApiTokenServiceListRequest) -> Result<ListTokens, Status> {
    let unknown = |field| move |_| invalid_field(field, "is unknown");
    let project = asked.project.map(|project| named(project, "project")).transpose()?;
    let kind = match (Scope::try_from(asked.scope).map_err(unknown("scope"))?, &project) {
        (Scope::Global, Some(_)) => return Err(invalid_field("scope", "is SCOPE_GLOBAL, but a project is named")),
        (Scope::Global, None) => Some(LevelKind::Organization),
        (Scope::Project, _) | (Scope::Unspecified, Some(_)) => Some(LevelKind::Project),
        (Scope::Unspecified, None) => None,
    };
    #[allow(deprecated, reason = "old clients still send it")]
    let state = match StatusFilter::try_from(asked.status_filter).map_err(unknown("status_filter"))? {
        StatusFilter::Active if !asked.include_revoked => StateFilter::Active,
        StatusFilter::Active | StatusFilter::All => StateFilter::All,
        StatusFilter::Revoked => StateFilter::Revoked,
    };
    let after = Some(asked.page_token).filter(|token| !token.is_empty());
    Ok(ListTokens {
        state,
        query: String::new(),
        scope: None,
        kind,
        level: project,
        repository: None,
        creator: None,
        sort: Sort { key: SortKey::Created, descending: true },
        cursor: after.as_deref().map(cursor::decode).transpose().map_err(|_| {
            let message = "must be the next_page_token of an earlier answer";
            invalid_field("page_token", message)
        })?,
        // The use case refuses more than 100, and 0, which stands for negative sizes.
        limit: if asked.page_size == 0 { PAGE } else { u32::try_from(asked.page_size).unwrap_or(0) },
    })
}

/// The id or name of a reference. An empty one is refused: it would mean no project, and the token could access all.
fn named(reference: IdentityReference, field: &'static str) -> Result<String, Status> {
    let one = match (reference.id, reference.name) {
        (Some(id), None) if Uuid::try_parse(&id).is_err() => return Err(invalid_field(field, "the id must be a UUID")),
        (Some(one), None) | (None, Some(one)) => one,
        _ => return Err(invalid_field(field, "must have either an id or a name")),
    };
    if one.trim().is_empty() { Err(invalid_field(field, "must not be empty")) } else { Ok(one) }
}

fn item(detail: TokenDetail) -> ApiTokenItem {
    let TokenDetail { token, repositories, .. } = detail;
    let project = token.level.project().map(|id| ScopedEntity {
        r#type: "project".to_owned(),
        id: id.to_string(),
        name: token.project_name,
    });
    ApiTokenItem {
        id: token.id.to_string(),
        description: token.description,
        organization_id: token.level.organization().map(|id| id.to_string()).unwrap_or_default(),
        created_at: Some(convert::time(token.created_at)),
        revoked_at: token.revocation.map(|revocation| convert::time(revocation.at)),
        expires_at: token.expires_at.map(convert::time),
        name: token.name,
        organization_name: token.organization_name,
        scoped_entity: project,
        last_used_at: token.last_use.map(|last| convert::time(last.at)),
        scopes: token.scopes.iter().map(ToString::to_string).collect(),
        all_repositories: token.all_repositories,
        repositories: repositories.into_iter().map(|(id, _)| id.to_string()).collect(),
    }
}
