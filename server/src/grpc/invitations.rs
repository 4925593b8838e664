//! `OrgInvitationService`.

use latchkey_proto::v1::org_invitation_service_server::OrgInvitationService;
use latchkey_proto::v1::{
    OrgInvitationItem, OrgInvitationServiceCreateRequest, OrgInvitationServiceCreateResponse,
    OrgInvitationServiceListSentRequest, OrgInvitationServiceListSentResponse, OrgInvitationServiceRevokeRequest,
    OrgInvitationServiceRevokeResponse, OrgItem, User,
};
use latchkey_service::{Invitation, OrganizationAccess};
use tonic::{Request, Response, Status, async_trait};

use super::credential;
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
        let (access, asked) = credential::read_access(&self.0.service, request).await?;
        #[allow(deprecated, reason = "old clients still send it")]
        self.same_organization(&access, &asked.organization_id)?;
        let role = convert::required_role(asked.role)?;
        let made = self.0.service.invitations().create(&access, &asked.receiver_email, role).await;
        let made = made.map_err(status)?;
        let join_url = made.link.map(|link| self.0.site.join_url(&link));
        Ok(Response::new(OrgInvitationServiceCreateResponse { result: Some(item(made.invitation)), join_url }))
    }

    async fn revoke(
        &self,
        request: Request<OrgInvitationServiceRevokeRequest>,
    ) -> Result<Response<OrgInvitationServiceRevokeResponse>, Status> {
        let (access, asked) = credential::read_access(&self.0.service, request).await?;
        self.0.service.invitations().revoke(&access, &asked.id).await.map_err(status)?;
        Ok(Response::new(OrgInvitationServiceRevokeResponse {}))
    }

    async fn list_sent(
        &self,
        request: Request<OrgInvitationServiceListSentRequest>,
    ) -> Result<Response<OrgInvitationServiceListSentResponse>, Status> {
        let (access, _) = credential::read_access(&self.0.service, request).await?;
        let page = async |before: Option<String>| {
            let sent = self.0.service.invitations().list_sent(&access, before.as_deref(), PAGE).await;
            let sent = sent.map_err(status)?.map(item);
            Ok((sent.items, sent.next))
        };
        let result = list_all("GET /api/orgs/{name}/invitations of REST has pages", page).await?;
        Ok(Response::new(OrgInvitationServiceListSentResponse { result }))
    }
}

impl Invitations {
    /// Refuses the id of another organization than that of the request. If it were ignored, the invitation would be to the
    /// wrong organization.
    fn same_organization(&self, access: &OrganizationAccess, id: &str) -> Result<(), Status> {
        if id.is_empty() {
            return Ok(());
        }
        let organization = self.0.service.organizations().get(access).map_err(status)?;
        if organization.id.to_string() == id {
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
