//! What is around the calls: health, limits, deadlines, origins of pages, services that there are not.

use std::process::Command;
use std::time::{Duration, Instant};

use latchkey_proto::v1::status_service_client::StatusServiceClient;
use latchkey_proto::v1::{ApiTokenServiceListRequest, InfozRequest, OrganizationServiceCreateRequest, StatuszRequest};
use reqwest::{Method, Response};
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::calls::{Calls, by, code};
use crate::common::Server;

on_both_engines!(anybody_may_ask_how_it_is, limits_hold);

const LIST: &str = "/controlplane.v1.APITokenService/List";

async fn anybody_may_ask_how_it_is(server: Server) {
    let channel = Calls::to(&server).await.channel;
    let mut status = StatusServiceClient::<Channel>::new(channel.clone());
    let info = status.infoz(InfozRequest {}).await.unwrap();
    assert!(info.metadata().get("x-request-id").is_some());
    let info = info.into_inner();
    assert_eq!((info.login_url, info.version.as_str()), (format!("{}/login", server.url), env!("CARGO_PKG_VERSION")));
    assert_eq!((info.ui_dashboard_url, info.restricted_org_creation), (server.url.clone(), false));
    for readiness in [false, true] {
        status.statusz(StatuszRequest { readiness }).await.unwrap();
    }
    let mut health = HealthClient::<Channel>::new(channel);
    server.execute("ALTER TABLE write_probe RENAME TO gone").await;
    let refused = loop {
        // An answer is given again for a second.
        if let Err(refused) = status.statusz(StatuszRequest { readiness: true }).await {
            break refused;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((refused.code(), refused.message()), (Code::Unavailable, "the database can't be written"));
    status.statusz(StatuszRequest { readiness: false }).await.unwrap();
    for service in ["", "controlplane.v1.APITokenService", "controlplane.v1.StatusService"] {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let unknown = HealthCheckRequest { service: "controlplane.v1.CASBackendService".to_owned() };
    assert_eq!(code(health.check(unknown).await), Code::NotFound);
}

async fn limits_hold(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let large = OrganizationServiceCreateRequest { name: "x".repeat(1024 * 1024) };
    assert_eq!(code(calls.organizations.create(by(&user, large)).await), Code::OutOfRange);
    let below = OrganizationServiceCreateRequest { name: "x".repeat(1024 * 1024 - 100) };
    assert_eq!(code(calls.organizations.create(by(&user, below)).await), Code::InvalidArgument);
    // The connection lives on.
    calls.tokens.list(by(&user, ApiTokenServiceListRequest::default())).await.unwrap();

    let web = async |headers: &[(&str, &str)], body: Vec<u8>| -> Response {
        let request = server.request(Method::POST, LIST, &user).header("content-type", "application/grpc-web+proto");
        headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value))
            .body(body)
            .send()
            .await
            .unwrap()
    };
    let status =
        |response: &Response| response.headers().get("grpc-status").map(|status| status.to_str().unwrap().to_owned());
    let empty = vec![0_u8; 5];
    let answer = web(&[("accept-encoding", "gzip, br"), ("grpc-accept-encoding", "gzip")], empty.clone()).await;
    assert_eq!((status(&answer), answer.headers().get("content-encoding")), (None, None));
    assert!(answer.headers().get("grpc-encoding").is_none());
    // A deadline that is over before the call begins; and one that can't be read counts as none.
    assert_eq!(status(&web(&[("grpc-timeout", "0S")], empty.clone()).await), Some("4".to_owned()));
    assert_eq!(status(&web(&[("grpc-timeout", "soon")], empty.clone()).await), None);
    // A compressed message could be larger than it looks.
    let compressed = web(&[("grpc-encoding", "gzip")], vec![1, 0, 0, 0, 1, 0]).await;
    assert_eq!(status(&compressed), Some("12".to_owned()));
    // Five bytes that announce four gigabytes.
    assert_eq!(status(&web(&[], vec![0, 255, 255, 255, 255, 1]).await), Some("11".to_owned()));
}

/// By curl, which speaks HTTP/2 without TLS.
fn h2c(server: &Server, path: &str) -> String {
    let options = ["-s", "-i", "--http2-prior-knowledge", "-X", "POST", "-H", "content-type: application/grpc"];
    let output = Command::new("curl").args(options).arg(format!("{}{path}", server.url)).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_unimplemented() {
    let server = Server::start();
    for path in ["/controlplane.v1.CASBackendService/List", "/no.such.Service/Call", "/login", "/"] {
        let answer = h2c(&server, path);
        assert!(answer.starts_with("HTTP/2 200") && answer.contains("grpc-status: 12"), "{path}: {answer}");
    }
    // Of a service that there is, nobody learns the methods without a credential.
    let answer = h2c(&server, "/controlplane.v1.APITokenService/Rotate");
    assert!(answer.contains("grpc-status: 16"), "{answer}");
    // Pages and REST are on the same port in both versions of HTTP.
    let page =
        Command::new("curl").args(["-s", "--http2-prior-knowledge"]).arg(format!("{}/healthz", server.url)).output();
    assert_eq!(page.unwrap().stdout, b"{\"status\":\"live\"}");
    assert!(server.page("/login").await.1.contains("<form"));
    // gRPC needs HTTP/2, and a page can't pass a form off as a call.
    for kind in ["application/grpc", "text/plain", "application/json"] {
        let request = server.http.post(format!("{}{LIST}", server.url)).header("content-type", kind);
        assert_eq!(request.send().await.unwrap().status(), 400, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_named_origins_use_grpc_web() {
    let preflight = async |server: &Server, origin: &str| {
        let request = server.http.request(Method::OPTIONS, format!("{}{LIST}", server.url)).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization,content-type,x-grpc-web").send().await.unwrap()
    };
    let allowed = |response: &Response| {
        let allowed = response.headers().get("access-control-allow-origin");
        allowed.map(|origin| origin.to_str().unwrap().to_owned())
    };
    let plain = Server::start();
    assert_eq!(allowed(&preflight(&plain, "https://console.example.com").await), None);

    let directory = plain.directory.join("other");
    let url = format!("sqlite://{}", directory.join("latchkey.db").display());
    let origins = "https://console.example.com,http://localhost:5173";
    let server = Server::start_with(directory, url, &[("LATCHKEY_CORS_ORIGINS", origins)], true);
    for origin in origins.split(',') {
        let answer = preflight(&server, origin).await;
        assert_eq!(allowed(&answer), Some(origin.to_owned()));
        assert_eq!(answer.headers()["access-control-allow-methods"], "POST");
        // A page sends its own token: the portal's cookie is not for it.
        assert!(answer.headers().get("access-control-allow-credentials").is_none());
    }
    for origin in
        ["https://evil.example", "null", "https://console.example.com.evil.example", "http://console.example.com"]
    {
        assert_eq!(allowed(&preflight(&server, origin).await), None, "{origin}");
    }
    // Nothing but gRPC: REST and pages stay closed.
    for path in ["/api/auth/whoami", "/login", "/healthz"] {
        let request = server.http.get(format!("{}{path}", server.url)).header("origin", "https://console.example.com");
        assert_eq!(allowed(&request.send().await.unwrap()), None, "{path}");
    }
    let user = server.log_in().await;
    let mut calls = Calls::to(&server).await;
    let mut request: Request<_> = by(&user, ApiTokenServiceListRequest::default());
    request.metadata_mut().insert("origin", "https://console.example.com".parse().unwrap());
    assert!(calls.tokens.list(request).await.unwrap().metadata().get("access-control-expose-headers").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_does_not_keep_the_server_from_stopping() {
    let mut server = Server::start();
    let mut health = HealthClient::<Channel>::new(Calls::to(&server).await.channel);
    let mut watched = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let stopping = Instant::now();
    server.stop();
    // It waits 20 seconds for calls that do not end.
    assert!(stopping.elapsed() < Duration::from_secs(15));
}
