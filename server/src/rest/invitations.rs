//! `/api/orgs/{name}/invitations` and, for those who are invited, `/api/invitations`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use latchkey_api_types as api;
use latchkey_service::Invitation;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::orgs;
use crate::http::credential::Credential;
use crate::http::json::JsonBody;
use crate::http::page::page;
use crate::http::problem::Problem;
use crate::http::query::QueryParams;
use crate::http::schema;
use crate::state::ServerState;

pub(super) fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new()
        .routes(routes!(sent, create))
        .routes(routes!(revoke))
        .routes(routes!(received))
        .routes(routes!(accept))
}

fn invitation(invitation: Invitation) -> api::Invitation {
    let accepted = invitation.accepted_at.is_some();
    api::Invitation {
        id: invitation.id,
        organization: invitation.organization_name,
        email: invitation.email,
        role: invitation.role,
        status: if accepted { api::InvitationStatus::Accepted } else { api::InvitationStatus::Pending },
        sender: invitation.sender.name,
        created_at: invitation.created_at,
        accepted_at: invitation.accepted_at,
    }
}

/// List the invitations of an organization
///
/// Pending and accepted invitations, the newest first.
#[utoipa::path(
    get, path = "/api/orgs/{name}/invitations", operation_id = "listSentInvitations", tag = "Invitations",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), api::PageQuery),
    responses((status = 200, description = "A page of invitations", body = api::Page<api::Invitation>,
        example = json!({ "items": [schema::invitation(false)], "nextCursor": null }))),
)]
pub(crate) async fn sent(
    State(state): State<ServerState>,
    credential: Credential,
    Path(organization): Path<String>,
    QueryParams(list): QueryParams<api::PageQuery>,
) -> Result<Json<api::Page<api::Invitation>>, Problem> {
    let (limit, before) = (list.limit.unwrap_or(50), list.cursor.as_deref());
    let access = state.service.organizations().access(&credential.caller, &organization).await?;
    Ok(page(state.service.invitations().list_sent(&access, before, limit).await?, invitation))
}

/// Invite a person
///
/// A person with an account finds the invitation in the portal. For a person without an account, callers that act on the
/// whole instance receive a `link` to pass on. It creates the account, is valid for 7 days, and is shown only once.
#[utoipa::path(
    post, path = "/api/orgs/{name}/invitations", operation_id = "createInvitation", tag = "Invitations",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization")),
    request_body(content = api::NewInvitation, example = json!({ "email": "grace@example.com", "role": "member" })),
    responses(
        (status = 201, description = "The invitation", body = api::InvitationWithLink, example = json!(schema::invitation(true))),
        (status = 409, description = "The person is already a member or already invited"),
    ),
)]
pub(crate) async fn create(
    State(state): State<ServerState>,
    credential: Credential,
    Path(organization): Path<String>,
    JsonBody(create): JsonBody<api::NewInvitation>,
) -> Result<impl IntoResponse, Problem> {
    let access = state.service.organizations().access(&credential.caller, &organization).await?;
    let made = state.service.invitations().create(&access, &create.email, create.role).await?;
    let link = made.link.map(|link| state.site.join_url(&link).into());
    let body = api::InvitationWithLink { link, invitation: invitation(made.invitation) };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store, no-transform")], Json(body)))
}

/// Revoke an invitation
///
/// Only a pending invitation can be revoked.
#[utoipa::path(
    delete, path = "/api/orgs/{name}/invitations/{id}", operation_id = "revokeInvitation", tag = "Invitations",
    params(("name" = schema::OrganizationName, Path, description = "Name of the organization"), ("id" = String, Path, description = "Id of the invitation", format = "uuid")),
    responses((status = 204, description = "Revoked")),
)]
pub(crate) async fn revoke(
    State(state): State<ServerState>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let access = state.service.organizations().access(&credential.caller, &organization).await?;
    state.service.invitations().revoke(&access, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List received invitations
///
/// Users only. Pending invitations to the caller's email address, the newest first.
#[utoipa::path(
    get, path = "/api/invitations", operation_id = "listReceivedInvitations", tag = "Invitations",
    params(api::PageQuery),
    responses((status = 200, description = "A page of invitations", body = api::Page<api::Invitation>,
        example = json!({ "items": [schema::invitation(false)], "nextCursor": null }))),
)]
pub(crate) async fn received(
    State(state): State<ServerState>,
    credential: Credential,
    QueryParams(list): QueryParams<api::PageQuery>,
) -> Result<Json<api::Page<api::Invitation>>, Problem> {
    let (limit, before) = (list.limit.unwrap_or(50), list.cursor.as_deref());
    Ok(page(state.service.invitations().list_received(&credential.caller, before, limit).await?, invitation))
}

/// Accept an invitation
///
/// Users only. The caller becomes a member of the organization.
#[utoipa::path(
    post, path = "/api/invitations/{id}/accept", operation_id = "acceptInvitation", tag = "Invitations",
    params(("id" = String, Path, description = "Id of the invitation", format = "uuid")),
    responses(
        (status = 200, description = "The organization, with the role of the caller", body = api::Organization, example = json!(schema::organization(false))),
        (status = 409, description = "The caller is already a member"),
    ),
)]
pub(crate) async fn accept(
    State(state): State<ServerState>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<Json<api::Organization>, Problem> {
    let joined = state.service.invitations().accept(&credential.caller, &id).await?;
    Ok(Json(orgs::organization(joined.organization, Some(joined.member.role))))
}
