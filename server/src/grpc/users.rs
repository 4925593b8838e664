//! `UserService`: the caller's own memberships.

use latchkey_proto::v1::user_service_server::UserService;
use latchkey_proto::v1::{
    DeleteMembershipRequest, DeleteMembershipResponse, SetCurrentMembershipRequest, SetCurrentMembershipResponse,
    UserServiceListMembershipsRequest, UserServiceListMembershipsResponse,
};
use tonic::{Request, Response, Status, async_trait};

use super::list_all::list_all;
use super::status::status;
use super::{PAGE, convert, credential};
use crate::state::ServerState;

pub(super) struct Users(pub(super) ServerState);

#[async_trait]
impl UserService for Users {
    async fn list_memberships(
        &self,
        request: Request<UserServiceListMembershipsRequest>,
    ) -> Result<Response<UserServiceListMembershipsResponse>, Status> {
        let (credential, _) = credential::read(request)?;
        let page = async |after: Option<String>| {
            let own = self.0.service.memberships().list(&credential.caller, after.as_deref(), PAGE).await;
            let own = own.map_err(status)?.map(convert::membership);
            Ok((own.items, own.next))
        };
        let result = list_all("GET /api/orgs of REST has pages", page).await?;
        Ok(Response::new(UserServiceListMembershipsResponse { result }))
    }

    async fn set_current_membership(
        &self,
        request: Request<SetCurrentMembershipRequest>,
    ) -> Result<Response<SetCurrentMembershipResponse>, Status> {
        let (credential, asked) = credential::read(request)?;
        let own = self.0.service.memberships().set_current(&credential.caller, &asked.membership_id).await;
        let result = Some(convert::membership(own.map_err(status)?));
        Ok(Response::new(SetCurrentMembershipResponse { result }))
    }

    async fn delete_membership(
        &self,
        request: Request<DeleteMembershipRequest>,
    ) -> Result<Response<DeleteMembershipResponse>, Status> {
        let (credential, asked) = credential::read(request)?;
        self.0.service.memberships().leave(&credential.caller, &asked.membership_id).await.map_err(status)?;
        Ok(Response::new(DeleteMembershipResponse {}))
    }
}
