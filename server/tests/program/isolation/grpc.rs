//! The methods of gRPC, from the server's reflection. Whether a field of a request names an object stands in [`field`];
//! one that is not known there fails, until somebody says what it is.

use std::collections::BTreeMap;

use prost::Message;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use reqwest::Method;
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::operation::{Body, Kind, Operation, Place, Reference, UNIQUE};
use super::world::World;

enum Field {
    Object(Kind),
    /// An object that need not be named.
    Optional(Kind),
    Value(Value),
    /// Not sent: a filter, a position in a list, or something for later.
    Left,
    /// A message with fields of its own.
    Nested,
}

pub(crate) async fn operations(world: &World) -> Vec<Operation> {
    let channel = Endpoint::from_shared(world.server.url.clone()).unwrap().connect().await.unwrap();
    let mut reflection = Reflection(ServerReflectionClient::new(channel));
    let mut operations = Vec::new();
    let services = reflection.services().await;
    let pool = reflection.descriptors(&services).await;
    for name in services {
        let service = pool.get_service_by_name(&name).unwrap();
        // The protocol's own services, which know nothing of organizations, and what tells how the server is.
        let open = name.starts_with("grpc.") || name == "controlplane.v1.StatusService";
        for method in service.methods() {
            let streams = method.is_client_streaming() || method.is_server_streaming();
            assert!(open || !streams, "{}: say how to call a stream", method.full_name());
            let (mut references, mut content) = (Vec::new(), json!({}));
            if !open {
                fields(&method.input(), &mut Vec::new(), &mut references, &mut content);
            }
            operations.push(Operation {
                name: format!("{}/{}", name.trim_start_matches("controlplane.v1."), method.name()),
                method: Method::POST,
                path: format!("/{name}/{}", method.name()),
                query: Vec::new(),
                headers: Vec::new(),
                body: Body::Message(method.input(), content),
                references,
                open,
                streams,
            });
        }
    }
    operations
}

fn fields(message: &MessageDescriptor, way: &mut Vec<String>, references: &mut Vec<Reference>, content: &mut Value) {
    for of in message.fields() {
        let name = of.name().to_owned();
        way.push(name.clone());
        let place = || {
            let mut way = way.clone();
            way.extend(of.is_list().then(|| "0".to_owned()));
            Place::Body(way)
        };
        match field(message.name(), &name) {
            Field::Object(kind) => references.push(Reference { place: place(), kind, required: true }),
            Field::Optional(kind) => references.push(Reference { place: place(), kind, required: false }),
            Field::Value(value) => content[&name] = value,
            Field::Left => {}
            Field::Nested => fields(of.kind().as_message().unwrap(), way, references, &mut json!({})),
        }
        way.pop();
    }
}

fn field(message: &str, field: &str) -> Field {
    use Field::{Left, Nested, Object, Optional, Value};
    match (message, field) {
        ("APITokenServiceCreateRequest", "name") => Value(json!("Made by gRPC")),
        ("APITokenServiceCreateRequest", "scopes") => Value(json!(["scans:read"])),
        ("APITokenServiceCreateRequest", "all_repositories") => Value(json!(true)),
        ("APITokenServiceCreateRequest", "repositories") => Optional(Kind::Repository),
        ("APITokenServiceCreateRequest", "project_reference") | ("APITokenServiceListRequest", "project") => Nested,
        ("IdentityReference", "id") => Optional(Kind::ProjectId),
        ("IdentityReference", "name") => Optional(Kind::ProjectName),
        ("APITokenServiceRotateRequest" | "APITokenServiceRevokeRequest", "id") => Object(Kind::TokenId),
        ("OrgInvitationServiceCreateRequest", "organization_id") => Optional(Kind::OrganizationId),
        ("OrgInvitationServiceCreateRequest", "receiver_email") => Value(json!("grace@example.com")),
        ("OrgInvitationServiceRevokeRequest", "id") => Object(Kind::Invitation),
        ("OrgInvitationServiceCreateRequest" | "OrganizationServiceUpdateMembershipRequest", "role") => {
            Value(json!("MEMBERSHIP_ROLE_ORG_MEMBER"))
        }
        ("OrganizationServiceCreateRequest", "name") => Value(json!(UNIQUE)),
        ("OrganizationServiceUpdateRequest" | "OrganizationServiceDeleteRequest", "name") => {
            Object(Kind::OrganizationName)
        }
        ("OrganizationServiceUpdateRequest", "api_token_max_days_inactive") => Value(json!(90)),
        ("OrganizationServiceListMembershipsRequest", "membership_id") => Optional(Kind::Membership),
        ("OrganizationServiceUpdateMembershipRequest", "membership_id")
        | ("OrganizationServiceDeleteMembershipRequest", "membership_id") => Object(Kind::Membership),
        ("SetCurrentMembershipRequest" | "DeleteMembershipRequest", "membership_id") => Object(Kind::OwnMembership),
        ("OrganizationServiceListMembershipsRequest", "name" | "email" | "role" | "pagination") => Left,
        ("APITokenServiceCreateRequest", "description" | "expires_in") => Left,
        ("APITokenServiceRotateRequest", "overlap") => Left,
        ("APITokenServiceListRequest", "include_revoked" | "scope" | "status_filter" | "page_size" | "page_token") => {
            Left
        }
        _ => panic!("say whether {field} of {message} names an object"),
    }
}

struct Reflection(ServerReflectionClient<Channel>);

impl Reflection {
    async fn ask(&mut self, message: MessageRequest) -> MessageResponse {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(message) };
        let stream = futures::stream::iter([request]);
        let mut answers = self.0.server_reflection_info(stream).await.unwrap().into_inner();
        answers.message().await.unwrap().unwrap().message_response.unwrap()
    }

    async fn services(&mut self) -> Vec<String> {
        match self.ask(MessageRequest::ListServices(String::new())).await {
            MessageResponse::ListServicesResponse(list) => list.service.into_iter().map(|one| one.name).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// The files of these services, and all that they import.
    async fn descriptors(&mut self, services: &[String]) -> DescriptorPool {
        let mut wanted: Vec<_> = services.iter().cloned().map(MessageRequest::FileContainingSymbol).collect();
        let mut files = BTreeMap::new();
        while let Some(next) = wanted.pop() {
            let MessageResponse::FileDescriptorResponse(found) = self.ask(next).await else { panic!("no such file") };
            for bytes in found.file_descriptor_proto {
                let file = FileDescriptorProto::decode(&*bytes).unwrap();
                let missing = file.dependency.iter().filter(|name| !files.contains_key(*name));
                wanted.extend(missing.cloned().map(MessageRequest::FileByFilename));
                files.insert(file.name().to_owned(), file);
            }
        }
        DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file: files.into_values().collect() }).unwrap()
    }
}
