//! `/api/orgs/{name}/invitations` and, for those who are invited, `/api/invitations`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use latchkey_app::portal::Portal;
use latchkey_domain::{Role, Timestamp};
use latchkey_service::Invitation;
use serde::{Deserialize, Serialize};

use super::Page;
use super::credential::Credential;
use super::json::{Body, Parameters};
use super::orgs::{List, OrganizationJson};
use super::problem::Problem;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvitationJson {
    id: String,
    organization: String,
    email: String,
    role: Role,
    status: Status,
    sender: String,
    created_at: Timestamp,
    accepted_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Pending,
    Accepted,
}

/// The answer to an invitation.
#[derive(Serialize)]
struct CreatedJson {
    /// For somebody without an account, to be passed on to them: makes the account. Shown once, and only to those who
    /// act on the whole instance.
    link: Option<String>,
    #[serde(flatten)]
    invitation: InvitationJson,
}

impl From<Invitation> for InvitationJson {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id.to_string(),
            organization: invitation.organization_name,
            email: invitation.email,
            role: invitation.role,
            status: if invitation.accepted_at.is_some() { Status::Accepted } else { Status::Pending },
            sender: invitation.sender.name,
            created_at: invitation.created_at,
            accepted_at: invitation.accepted_at,
        }
    }
}

/// `GET /api/orgs/{name}/invitations?limit=&cursor=`: newest first.
pub(crate) async fn sent(
    State(portal): State<Portal>,
    credential: Credential,
    Path(organization): Path<String>,
    Parameters(list): Parameters<List>,
) -> Result<Json<Page<InvitationJson>>, Problem> {
    let (limit, before) = (list.limit.unwrap_or(50), list.cursor.as_deref());
    let page = portal.service.sent_invitations(&credential.caller, &organization, before, limit).await?;
    Ok(Json(page.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    email: String,
    role: Role,
}

/// `POST /api/orgs/{name}/invitations`
pub(crate) async fn create(
    State(portal): State<Portal>,
    credential: Credential,
    Path(organization): Path<String>,
    Body(create): Body<Create>,
) -> Result<impl IntoResponse, Problem> {
    let made = portal.service.invite(&credential.caller, &organization, &create.email, create.role).await?;
    let link = made.link.map(|link| portal.site.join_url(&link));
    let body = CreatedJson { link, invitation: made.invitation.into() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store, no-transform")], Json(body)))
}

/// `DELETE /api/orgs/{name}/invitations/{id}`: takes a pending one back.
pub(crate) async fn revoke(
    State(portal): State<Portal>,
    credential: Credential,
    Path((organization, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    portal.service.revoke_invitation(&credential.caller, &organization, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/invitations?limit=&cursor=`: pending ones to the caller's email, newest first.
pub(crate) async fn received(
    State(portal): State<Portal>,
    credential: Credential,
    Parameters(list): Parameters<List>,
) -> Result<Json<Page<InvitationJson>>, Problem> {
    let (limit, before) = (list.limit.unwrap_or(50), list.cursor.as_deref());
    let page = portal.service.received_invitations(&credential.caller, before, limit).await?;
    Ok(Json(page.into()))
}

/// `POST /api/invitations/{id}/accept`: answers with the organization that the caller is now a member of.
pub(crate) async fn accept(
    State(portal): State<Portal>,
    credential: Credential,
    Path(id): Path<String>,
) -> Result<Json<OrganizationJson>, Problem> {
    let joined = portal.service.accept_invitation(&credential.caller, &id).await?;
    Ok(Json(OrganizationJson::new(joined.organization, Some(joined.member.role))))
}
