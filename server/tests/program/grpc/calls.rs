//! One client of everything.

use latchkey_proto::v1::api_token_service_client::ApiTokenServiceClient;
use latchkey_proto::v1::context_service_client::ContextServiceClient;
use latchkey_proto::v1::org_invitation_service_client::OrgInvitationServiceClient;
use latchkey_proto::v1::organization_service_client::OrganizationServiceClient;
use latchkey_proto::v1::user_service_client::UserServiceClient;
use latchkey_proto::v1::{
    ApiTokenItem, ApiTokenServiceCreateRequest, ApiTokenServiceListRequest, ApiTokenServiceRevokeRequest,
    ApiTokenServiceRotateRequest, IdentityReference,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::common::Server;

/// Clients on one connection, h2c.
pub(crate) struct Calls {
    pub(crate) channel: Channel,
    pub(crate) tokens: ApiTokenServiceClient<Channel>,
    pub(crate) organizations: OrganizationServiceClient<Channel>,
    pub(crate) invitations: OrgInvitationServiceClient<Channel>,
    pub(crate) users: UserServiceClient<Channel>,
    pub(crate) context: ContextServiceClient<Channel>,
}

impl Calls {
    pub(crate) async fn to(server: &Server) -> Self {
        let channel = Endpoint::from_shared(server.url.clone()).unwrap().connect().await.unwrap();
        Self {
            tokens: ApiTokenServiceClient::new(channel.clone()),
            organizations: OrganizationServiceClient::new(channel.clone()),
            invitations: OrgInvitationServiceClient::new(channel.clone()),
            users: UserServiceClient::new(channel.clone()),
            context: ContextServiceClient::new(channel.clone()),
            channel,
        }
    }

    pub(crate) async fn create(
        &mut self,
        bearer: &str,
        asked: ApiTokenServiceCreateRequest,
    ) -> Result<(ApiTokenItem, String), Status> {
        let created = self.tokens.create(by(bearer, asked)).await?.into_inner().result.unwrap();
        Ok((created.item.unwrap(), created.jwt))
    }

    /// The new secret; the old one stays for so many seconds.
    pub(crate) async fn rotate(&mut self, bearer: &str, id: &str, overlap: Option<i64>) -> Result<String, Status> {
        let overlap = overlap.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        let asked = ApiTokenServiceRotateRequest { id: id.to_owned(), overlap };
        let rotated = self.tokens.rotate(by(bearer, asked)).await?.into_inner().result.unwrap();
        assert_eq!(rotated.item.unwrap().id, id);
        Ok(rotated.jwt)
    }

    /// Names of the tokens in a list.
    pub(crate) async fn names(&mut self, bearer: &str, asked: ApiTokenServiceListRequest) -> Vec<String> {
        let listed = self.tokens.list(by(bearer, asked)).await.unwrap().into_inner();
        listed.result.into_iter().map(|item| item.name).collect()
    }

    pub(crate) async fn revoke(&mut self, bearer: &str, id: &str) -> Result<(), Status> {
        let asked = ApiTokenServiceRevokeRequest { id: id.to_owned() };
        self.tokens.revoke(by(bearer, asked)).await.map(|_| ())
    }
}

/// A call with a credential.
pub(crate) fn by<T>(bearer: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {bearer}").parse().unwrap());
    request
}

/// The same in an organization.
pub(crate) fn by_in<T>(bearer: &str, organization: &str, message: T) -> Request<T> {
    let mut request = by(bearer, message);
    request.metadata_mut().insert("chainloop-organization", organization.parse().unwrap());
    request
}

pub(crate) fn named(name: &str) -> ApiTokenServiceCreateRequest {
    ApiTokenServiceCreateRequest { name: name.to_owned(), ..ApiTokenServiceCreateRequest::default() }
}

pub(crate) fn project(name: &str) -> Option<IdentityReference> {
    Some(IdentityReference { id: None, name: Some(name.to_owned()) })
}

/// Code and message of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned())
}

pub(crate) fn code<T: std::fmt::Debug>(answer: Result<T, Status>) -> Code {
    answer.unwrap_err().code()
}
