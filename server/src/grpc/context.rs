//! `ContextService`: the caller.

use latchkey_proto::v1::context_service_current_response::Result as Current;
use latchkey_proto::v1::context_service_server::ContextService;
use latchkey_proto::v1::{ContextServiceCurrentRequest, ContextServiceCurrentResponse, OrgItem, OrgMembershipItem};
use latchkey_service::{CachedToken, Error, Principal};
use tonic::{Request, Response, Status, async_trait};

use super::convert;
use super::credential::{self, Credential};
use super::status::status;
use crate::state::ServerState;

pub(super) struct Contexts(pub(super) ServerState);

#[async_trait]
impl ContextService for Contexts {
    async fn current(
        &self,
        request: Request<ContextServiceCurrentRequest>,
    ) -> Result<Response<ContextServiceCurrentResponse>, Status> {
        let (credential, _) = credential::read(request)?;
        let current = match &credential.caller.principal {
            Principal::Session(person) | Principal::UserToken(person) => Current {
                current_user: Some(convert::person(person)),
                current_membership: self.of_person(&credential).await.map_err(status)?,
                current_cas_backend: None,
            },
            Principal::ApiToken(token) => {
                Current { current_user: None, current_membership: of_token(token), current_cas_backend: None }
            }
        };
        Ok(Response::new(ContextServiceCurrentResponse { result: Some(current) }))
    }
}

impl Contexts {
    /// The user's membership in the organization of the request. An instance admin who is not a member acts as an owner.
    async fn of_person(&self, credential: &Credential) -> Result<Option<OrgMembershipItem>, Error> {
        if credential.organization().is_none() {
            return Ok(None);
        }
        let service = &self.0.service;
        let access = credential.access(service).await?;
        if let Some(own) = service.memberships().get(&access).await? {
            return Ok(Some(convert::membership(own)));
        }
        let org = Some(convert::organization(service.organizations().get(&access)?.clone()));
        let role = access.role().map_or(0, convert::role);
        Ok(Some(OrgMembershipItem { org, role, ..OrgMembershipItem::default() }))
    }
}

/// A token has no membership, but existing clients read here which organization it belongs to.
fn of_token(token: &CachedToken) -> Option<OrgMembershipItem> {
    let id = token.level.organization()?;
    let org = OrgItem { id: id.to_string(), name: token.organization_name.clone(), ..OrgItem::default() };
    Some(OrgMembershipItem { org: Some(org), current: true, ..OrgMembershipItem::default() })
}
