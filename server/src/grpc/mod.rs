//! gRPC, gRPC-Web, reflection and health, on the port of everything else.

mod context;
mod convert;
mod credential;
mod deadline;
mod instance;
mod invitations;
mod list_all;
mod organizations;
mod status;
mod tokens;
mod users;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use latchkey_proto::DESCRIPTORS;
use latchkey_proto::v1::api_token_service_server::ApiTokenServiceServer;
use latchkey_proto::v1::context_service_server::ContextServiceServer;
use latchkey_proto::v1::org_invitation_service_server::OrgInvitationServiceServer;
use latchkey_proto::v1::organization_service_server::OrganizationServiceServer;
use latchkey_proto::v1::status_service_server::StatusServiceServer;
use latchkey_proto::v1::user_service_server::UserServiceServer;
use latchkey_service::Error;
use tokio::sync::watch;
use tonic::Status;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_web::GrpcWebLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::http::admission::{Admission, admit};
use crate::http::body::{self, BodyError};
use crate::http::context as request_context;
use crate::http::problem::Problem;
use crate::http::{rate_limit, signature};
use crate::state::ServerState;

/// Largest message, in bytes: as large as a body of REST.
const MESSAGE_MAX: usize = body::MAX;
/// Largest message of a service that anybody may call, in bytes.
const PUBLIC_MESSAGE_MAX: usize = 8 * 1024;
/// Rows that a use case reads at a time, for lists whose messages have no pages.
const PAGE: u32 = 100;

/// Everything below `/controlplane.v1.…/` and `/grpc.…/`, in layers of its own: never compressed.
pub(crate) async fn router(
    state: ServerState,
    origins: Vec<HeaderValue>,
    stopping: watch::Receiver<bool>,
) -> Result<Router, tonic_reflection::server::Error> {
    let authenticated = authenticated_services(&state)
        .layer(from_fn_with_state(state.clone(), credential::layer))
        .layer(from_fn_with_state(state.rate_limiter.clone(), rate_limit::layer))
        .layer(from_fn(deadline::layer))
        .layer(CatchPanicLayer::custom(panic_response))
        .layer(GrpcWebLayer::new())
        .layer(from_fn_with_state(state.admission.clone(), admission_layer))
        // Outside of what translates gRPC-Web: the signature is over the bytes as they were sent.
        .layer(from_fn(read_signed_message));
    let public = public_services(&state, stopping)
        .await?
        .layer(from_fn(deadline::layer))
        .layer(CatchPanicLayer::custom(panic_response))
        .layer(GrpcWebLayer::new());
    let all = authenticated.merge(public);
    let all = if origins.is_empty() { all } else { all.layer(cors(origins)) };
    Ok(all.layer(from_fn_with_state(state.context.clone(), request_context::layer)))
}

/// Services that need a credential.
fn authenticated_services(state: &ServerState) -> Router {
    let tokens = ApiTokenServiceServer::new(tokens::ApiTokens(state.clone()));
    let organizations = OrganizationServiceServer::new(organizations::Organizations(state.clone()));
    let invitations = OrgInvitationServiceServer::new(invitations::Invitations(state.clone()));
    let users = UserServiceServer::new(users::Users(state.clone()));
    let context = ContextServiceServer::new(context::Contexts(state.clone()));
    Routes::new(tokens.max_decoding_message_size(MESSAGE_MAX))
        .add_service(organizations.max_decoding_message_size(MESSAGE_MAX))
        .add_service(invitations.max_decoding_message_size(MESSAGE_MAX))
        .add_service(users.max_decoding_message_size(MESSAGE_MAX))
        .add_service(context.max_decoding_message_size(MESSAGE_MAX))
        .into_axum_router()
        .reset_fallback()
}

/// Services that need none.
async fn public_services(
    state: &ServerState,
    stopping: watch::Receiver<bool>,
) -> Result<Router, tonic_reflection::server::Error> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // So that clients can show the details of errors.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let status = StatusServiceServer::new(instance::Instance(state.clone()));
    Ok(Routes::new(reflection().build_v1()?.max_decoding_message_size(PUBLIC_MESSAGE_MAX))
        .add_service(reflection().build_v1alpha()?.max_decoding_message_size(PUBLIC_MESSAGE_MAX))
        .add_service(health(stopping).await.max_decoding_message_size(PUBLIC_MESSAGE_MAX))
        .add_service(status.max_decoding_message_size(PUBLIC_MESSAGE_MAX))
        .into_axum_router()
        .reset_fallback())
}

/// Reports every service as serving; `Statusz` and `/readyz` report on the database. When the server stops, the statuses
/// are cleared: a client that watches would keep the server from ending.
async fn health(mut stopping: watch::Receiver<bool>) -> HealthServer<impl Health> {
    let services = [
        "",
        ApiTokenServiceServer::<tokens::ApiTokens>::NAME,
        OrganizationServiceServer::<organizations::Organizations>::NAME,
        OrgInvitationServiceServer::<invitations::Invitations>::NAME,
        UserServiceServer::<users::Users>::NAME,
        ContextServiceServer::<context::Contexts>::NAME,
        StatusServiceServer::<instance::Instance>::NAME,
    ];
    let (mut reporter, service) = tonic_health::server::health_reporter();
    for service in services {
        reporter.set_service_status(service, ServingStatus::Serving).await;
    }
    tokio::spawn(async move {
        let _ = stopping.wait_for(|stop| *stop).await;
        for service in services {
            reporter.clear_service_status(service).await;
        }
    });
    service
}

/// Lets pages of these origins use gRPC-Web. No cookies: a page sends its own token, or nothing.
fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    let asked = [
        "authorization",
        "content-type",
        "x-grpc-web",
        "x-user-agent",
        "grpc-timeout",
        "latchkey-organization",
        "chainloop-organization",
        "x-cli-signature",
        "x-cli-timestamp",
        "x-cli-nonce",
    ];
    let answered =
        ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id", "ratelimit", "ratelimit-policy"];
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::POST])
        .allow_headers(asked.map(HeaderName::from_static))
        .expose_headers(answered.map(HeaderName::from_static))
}

/// Reads the message and its signature before the credential is checked (see `http/body.rs`).
async fn read_signed_message(request: Request, next: Next) -> Response {
    // Twice as much as a message may have: gRPC-Web can send it in Base64. What is too large for a message is refused
    // where it is decoded.
    match body::read_whole(body::without_unauthenticated_body(request), 2 * MESSAGE_MAX).await {
        Ok((parts, bytes)) => next.run(signature::with_signature(parts, bytes)).await,
        Err(BodyError::OverBudget(error)) => error_response(error),
        Err(unread) => {
            let detail = Problem::from(unread);
            let status = Status::out_of_range(format!("the message is too large or broken: {}", detail.detail()));
            status.into_http::<Body>().into_response()
        }
    }
}

/// Lets a call go on when there is a permit for it.
async fn admission_layer(State(admission): State<Arc<Admission>>, mut request: Request, next: Next) -> Response {
    match admit(&admission, &mut request).await {
        Ok(permit) => permit.held_by(next.run(request).await),
        Err(error) => error_response(error),
    }
}

/// Answers calls to unknown services, before the layers of the pages do.
pub(crate) async fn unimplemented(request: Request, next: Next) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        return Status::unimplemented("there is no such service").into_http::<Body>().into_response();
    }
    next.run(request).await
}

/// The answer to a call that failed before it reached a service.
pub(crate) fn error_response(error: Error) -> Response {
    status::status(error).into_http::<Body>().into_response()
}

fn panic_response(_: Box<dyn Any + Send + 'static>) -> axum::http::Response<Body> {
    tracing::error!("a call panicked");
    status::internal().into_http()
}
