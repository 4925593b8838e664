//! `OrgInvitationService`.

use latchkey_proto::v1::org_invitation_service_server::OrgInvitationService;
use latchkey_proto::v1::{
    OrgInvitationItem, OrgInvitationServiceCreateRequest, OrgInvitationServiceCreateResponse,
    OrgInvitationServiceListSentRequest, OrgInvitationServiceListSentResponse, OrgInvitationServiceRevokeRequest,
    OrgInvitationServiceRevokeResponse, OrgItem, User,
};
use latchkey_service::Invitation;
use tonic::{Request, Response, Status, async_trait};

use super::credential::{self, Credential};
use super::list_all::list_all;
use super::status::{invalid_field, status};
use super::{PAGE, convert};
use crate::state::ServerState;

pub(super) struct Invitations(pub(super) ServerState);

#[async_trait]
impl OrgInvitationService for Invitations {
    async fn create(
        &self,
        request: Request<OrgInvitationServiceCreateRequest>,
    ) -> Result<Response<OrgInvitationServiceCreateResponse>, Status> {
        let (credential, organization, asked) = credential::read_with_organization(request)?;
        #[allow(deprecated, reason = "old clients still send it")]
        self.same_organization(&credential, &organization, &asked.organization_id).await?;
        let role = convert::required_role(asked.role)?;
        let made = self.0.service.invite(&credential.caller, &organization, &asked.receiver_email, role).await;
        let made = made.map_err(status)?;
        let join_url = made.link.map(|link| self.0.site.join_url(&link));
        Ok(Response::new(OrgInvitationServiceCreateResponse { result: Some(item(made.invitation)), join_url }))
    }

    async fn revoke(
        &self,
        request: Request<OrgInvitationServiceRevokeRequest>,
    ) -> Result<Response<OrgInvitationServiceRevokeResponse>, Status> {
        let (credential, organization, asked) = credential::read_with_organization(request)?;
        self.0.service.revoke_invitation(&credential.caller, &organization, &asked.id).await.map_err(status)?;
        Ok(Response::new(OrgInvitationServiceRevokeResponse {}))
    }

    async fn list_sent(
        &self,
        request: Request<OrgInvitationServiceListSentRequest>,
    ) -> Result<Response<OrgInvitationServiceListSentResponse>, Status> {
        let (credential, organization, _) = credential::read_with_organization(request)?;
        let page = async |before: Option<String>| {
            let sent =
                self.0.service.sent_invitations(&credential.caller, &organization, before.as_deref(), PAGE).await;
            let sent = sent.map_err(status)?.map(item);
            Ok((sent.items, sent.next))
        };
        let result = list_all("GET /api/orgs/{name}/invitations of REST has pages", page).await?;
        Ok(Response::new(OrgInvitationServiceListSentResponse { result }))
    }
}

impl Invitations {
    /// Refuses an id that names another organization than the request acts on: ignoring it would invite somebody to
    /// where nobody meant.
    async fn same_organization(&self, credential: &Credential, organization: &str, id: &str) -> Result<(), Status> {
        if id.is_empty() {
            return Ok(());
        }
        let access = self.0.service.organization(&credential.caller, organization).await.map_err(status)?;
        if access.organization.id.to_string() == id {
            return Ok(());
        }
        let other = "is not that of the organization of the request; name it in the header latchkey-organization";
        Err(invalid_field("organization_id", other))
    }
}

fn item(invitation: Invitation) -> OrgInvitationItem {
    let sender = User {
        id: invitation.sender.id.map(|id| id.hyphenated().to_string()).unwrap_or_default(),
        email: invitation.sender.name,
        ..User::default()
    };
    let organization = OrgItem {
        id: invitation.organization_id.to_string(),
        name: invitation.organization_name,
        ..OrgItem::default()
    };
    let status = if invitation.accepted_at.is_some() { "accepted" } else { "pending" };
    OrgInvitationItem {
        id: invitation.id.to_string(),
        created_at: Some(convert::time(invitation.created_at)),
        receiver_email: invitation.email,
        sender: (invitation.sender.kind == "user").then_some(sender),
        organization: Some(organization),
        status: status.to_owned(),
        role: convert::role(invitation.role),
    }
}
