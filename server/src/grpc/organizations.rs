//! `OrganizationService`.

use latchkey_proto::v1::organization_service_server::OrganizationService;
use latchkey_proto::v1::{
    OffsetPaginationRequest, OffsetPaginationResponse, OrgItem, OrganizationServiceCreateRequest,
    OrganizationServiceCreateResponse, OrganizationServiceDeleteMembershipRequest,
    OrganizationServiceDeleteMembershipResponse, OrganizationServiceDeleteRequest, OrganizationServiceDeleteResponse,
    OrganizationServiceListMembershipsRequest, OrganizationServiceListMembershipsResponse,
    OrganizationServiceUpdateMembershipRequest, OrganizationServiceUpdateMembershipResponse,
    OrganizationServiceUpdateRequest, OrganizationServiceUpdateResponse,
};
use latchkey_service::{ListMembers, OrganizationAccess};
use tonic::{Request, Response, Status, async_trait};

use super::credential;
use super::status::{invalid_field, status};
use super::{PAGE, convert};
use crate::state::ServerState;

pub(super) struct Organizations(pub(super) ServerState);

#[async_trait]
impl OrganizationService for Organizations {
    async fn create(
        &self,
        request: Request<OrganizationServiceCreateRequest>,
    ) -> Result<Response<OrganizationServiceCreateResponse>, Status> {
        let (credential, asked) = credential::read(request)?;
        let made = self.0.service.organizations().create(&credential.caller, &asked.name).await.map_err(status)?;
        let result = Some(convert::organization(made));
        Ok(Response::new(OrganizationServiceCreateResponse { result }))
    }

    async fn update(
        &self,
        request: Request<OrganizationServiceUpdateRequest>,
    ) -> Result<Response<OrganizationServiceUpdateResponse>, Status> {
        let (credential, asked) = credential::read(request)?;
        if let Some(number) = asked.unsupported.first() {
            let message = format!("field {number} is a setting that Latchkey does not have; nothing was changed");
            return Err(invalid_field("settings", &message));
        }
        if let Some(days) = asked.api_token_max_days_inactive {
            let access =
                self.0.service.organizations().access(&credential.caller, &asked.name).await.map_err(status)?;
            self.0.service.auto_revoke().set(&access, days.into()).await.map_err(status)?;
        }
        let access = self.0.service.organizations().access(&credential.caller, &asked.name).await.map_err(status)?;
        let result = Some(self.item(&access)?);
        Ok(Response::new(OrganizationServiceUpdateResponse { result }))
    }

    async fn delete(
        &self,
        request: Request<OrganizationServiceDeleteRequest>,
    ) -> Result<Response<OrganizationServiceDeleteResponse>, Status> {
        let (credential, asked) = credential::read(request)?;
        let access = self.0.service.organizations().access(&credential.caller, &asked.name).await.map_err(status)?;
        self.0.service.organizations().delete(&access).await.map_err(status)?;
        Ok(Response::new(OrganizationServiceDeleteResponse {}))
    }

    async fn list_memberships(
        &self,
        request: Request<OrganizationServiceListMembershipsRequest>,
    ) -> Result<Response<OrganizationServiceListMembershipsResponse>, Status> {
        let (access, asked) = credential::read_access(&self.0.service, request).await?;
        let first = OffsetPaginationRequest { page: 1, page_size: PAGE.cast_signed() };
        let OffsetPaginationRequest { page, page_size } = asked.pagination.unwrap_or(first);
        let list = ListMembers {
            email: asked.email,
            name: asked.name,
            role: asked.role.map_or(Ok(None), convert::asked_role)?,
            id: asked.membership_id,
        };
        // What is below zero is refused like zero.
        let (number, size) = (u32::try_from(page).unwrap_or(0), u32::try_from(page_size).unwrap_or(0));
        let found = self.0.service.members().list_numbered(&access, &list, number, size).await;
        let found = found.map_err(status)?;
        let item = self.item(&access)?;
        let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let pagination = OffsetPaginationResponse {
            page,
            page_size,
            total_count: count(found.total),
            total_pages: count(found.total.div_ceil(size.max(1))),
        };
        let members = found.members.into_iter().map(|member| convert::member(member, item.clone(), false));
        let result = members.collect();
        Ok(Response::new(OrganizationServiceListMembershipsResponse { result, pagination: Some(pagination) }))
    }

    async fn delete_membership(
        &self,
        request: Request<OrganizationServiceDeleteMembershipRequest>,
    ) -> Result<Response<OrganizationServiceDeleteMembershipResponse>, Status> {
        let (access, asked) = credential::read_access(&self.0.service, request).await?;
        let removed = self.0.service.members().remove(&access, &asked.membership_id).await;
        removed.map_err(status)?;
        Ok(Response::new(OrganizationServiceDeleteMembershipResponse {}))
    }

    async fn update_membership(
        &self,
        request: Request<OrganizationServiceUpdateMembershipRequest>,
    ) -> Result<Response<OrganizationServiceUpdateMembershipResponse>, Status> {
        let (access, asked) = credential::read_access(&self.0.service, request).await?;
        let role = convert::required_role(asked.role)?;
        let changed = self.0.service.members().set_role(&access, &asked.membership_id, role).await;
        let changed = changed.map_err(status)?;
        let item = self.item(&access)?;
        let result = Some(convert::member(changed, item, false));
        Ok(Response::new(OrganizationServiceUpdateMembershipResponse { result }))
    }
}

impl Organizations {
    fn item(&self, access: &OrganizationAccess) -> Result<OrgItem, Status> {
        let organization = self.0.service.organizations().get(access).map_err(status)?;
        Ok(convert::organization(organization.clone()))
    }
}
