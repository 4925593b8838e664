//! Beside the real programs that people put next to Latchkey: nginx, Redis, Node.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use common::{Server, answer, text};
use latchkey_domain::{Secret, Signature, SignedRequest};
use latchkey_service::{Clock, SystemClock};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A program that is killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &str, arguments: &[&str]) -> Running {
    let child = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Running(child.unwrap_or_else(|error| panic!("{program} is missing, `make test` installs it: {error}")))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn until_listening(port: u16) {
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nothing listens on port {port}");
}

/// A service that answers with the headers it got.
async fn upstream() -> SocketAddr {
    let headers = |headers: HeaderMap| async move {
        let pairs = headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())));
        axum::Json(Value::Object(pairs.collect()))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(headers)).await.unwrap() });
    address
}

/// The file of the documentation, in front of a service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_asks_before_it_passes_on() {
    let server = Server::start();
    let user = server.log_in().await;
    let (id, secret) = server.create_token(&user, "CI").await;
    let (upstream, port) = (upstream().await, free_port());
    let documented = include_str!("../../docs/forward-auth/nginx.conf")
        .replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))
        .replace("http://127.0.0.1:9000", &format!("http://{upstream}"))
        .replace("http://127.0.0.1:3000", &server.url);
    let home = server.directory.join("nginx");
    std::fs::create_dir_all(&home).unwrap();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|path| format!("{path}_temp_path {path};"));
    let user_line = if is_root() { "user root;" } else { "" };
    let configuration = format!(
        "{user_line} daemon off; pid nginx.pid; error_log error.log; events {{}} \
         http {{ access_log off; {} {documented} }}",
        paths.concat()
    );
    std::fs::write(home.join("nginx.conf"), configuration).unwrap();
    let home = home.display().to_string();
    let _nginx = run("nginx", &["-p", &home, "-c", "nginx.conf", "-e", "error.log"]);
    until_listening(port).await;

    let ask = async |method: Method, path: &str, bearer: &str, extra: &[(&'static str, &'static str)]| {
        let mut request = server.http.request(method, format!("http://127.0.0.1:{port}{path}"));
        if !bearer.is_empty() {
            request = request.bearer_auth(bearer);
        }
        for (name, value) in extra {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let reason = response.headers().get("x-latchkey-reason").map(|reason| reason.to_str().unwrap().to_owned());
        let challenge = response.headers().contains_key("www-authenticate");
        let status = response.status();
        (status, reason.unwrap_or_default(), challenge, response.json::<Value>().await.unwrap_or_default())
    };
    let (status, _, _, seen) = ask(Method::GET, "/api/scans/dashboard?x=1", &secret, &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(seen["x-latchkey-token-id"], *id);
    assert_eq!(seen["x-latchkey-scopes"], "repos:read scans:read");
    assert!(seen.get("authorization").is_none(), "the service never sees the token");

    let (status, reason, challenge, _) = ask(Method::GET, "/api/scans", "", &[]).await;
    assert_eq!((status, reason.as_str(), challenge), (StatusCode::UNAUTHORIZED, "credential-missing", true));
    let (status, reason, ..) = ask(Method::POST, "/api/scans/trigger/x", &secret, &[]).await;
    assert_eq!((status, reason.as_str()), (StatusCode::FORBIDDEN, "missing-scope"));

    // What a client makes up: another request to check, and who it is.
    let lies = [
        ("x-original-method", "GET"),
        ("x-original-uri", "/api/scans"),
        ("x-original-url", "/api/scans"),
        ("x-forwarded-method", "GET"),
        ("x-forwarded-uri", "/api/scans"),
    ];
    assert_eq!(ask(Method::POST, "/api/scans/trigger/x", &secret, &lies).await.0, StatusCode::FORBIDDEN);
    let (_, _, _, seen) = ask(Method::GET, "/api/scans", &secret, &[("x-latchkey-project", "Payments")]).await;
    assert!(seen.get("x-latchkey-project").is_none(), "{seen}");
    assert_eq!(ask(Method::GET, "/_latchkey", &secret, &[]).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(Method::GET, "/api/scans/..%2f..%2fapi/runners", &secret, &[]).await.1, "ambiguous-request");

    server.delete(&format!("/api/auth/cli-tokens/{id}"), &user).await;
    let (status, reason, ..) = ask(Method::GET, "/api/scans", &secret, &[]).await;
    assert_eq!((status, reason.as_str()), (StatusCode::UNAUTHORIZED, "token-revoked"));
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.starts_with(b"0\n")
}

fn redis(port: u16, home: &Path) -> Running {
    let (port, home) = (port.to_string(), home.display().to_string());
    run("redis-server", &["--port", &port, "--bind", "127.0.0.1", "--dir", &home, "--save", "", "--appendonly", "no"])
}

/// Sends a signed request; its status and the kind of its problem.
async fn send_signed(server: &Server, secret: &str, nonce: &str) -> (StatusCode, String) {
    let request = SignedRequest { method: "GET", target: "/api/repos", body_hash: SignedRequest::NO_BODY };
    let signature = Signature::sign(&Secret::parse(secret).unwrap(), &request, SystemClock.now(), nonce);
    let mut request = server.request(Method::GET, "/api/repos", secret);
    for (name, value) in signature.headers() {
        request = request.header(name, value);
    }
    let (status, body) = answer(request.send().await.unwrap()).await;
    (status, body["type"].as_str().unwrap_or_default().trim_start_matches("urn:latchkey:problem:").to_owned())
}

/// Two replicas share the nonces; when Redis is away, only signed requests are refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_keeps_nonces_for_all_replicas() {
    let (port, directory) = (free_port(), std::env::temp_dir().join(format!("latchkey-redis-{}", std::process::id())));
    std::fs::create_dir_all(&directory).unwrap();
    let running = redis(port, &directory);
    until_listening(port).await;
    let url = format!("redis://127.0.0.1:{port}/0");
    let database = format!("sqlite://{}", directory.join("latchkey.db").display());
    let start =
        || Server::start_with(directory.clone(), database.clone(), &[("LATCHKEY_REDIS_URL", url.as_str())], true);
    let (one, two) = (start(), start());
    let user = one.log_in().await;
    let (_, secret) = one.create_token(&user, "Signer").await;
    assert_eq!(send_signed(&one, &secret, "n-1").await.0, StatusCode::OK);
    let replayed = (StatusCode::UNAUTHORIZED, "replayed".to_owned());
    assert_eq!(send_signed(&two, &secret, "n-1").await, replayed);
    assert_eq!(send_signed(&two, &secret, "n-2").await.0, StatusCode::OK);

    drop(running);
    let away = (StatusCode::SERVICE_UNAVAILABLE, "nonces-unavailable".to_owned());
    assert_eq!(send_signed(&one, &secret, "n-3").await, away);
    assert_eq!(one.get("/api/repos", &secret).await.0, StatusCode::OK, "unsigned requests need no Redis");

    let _running = redis(port, &directory);
    until_listening(port).await;
    let mut status = StatusCode::SERVICE_UNAVAILABLE;
    for attempt in 0..100 {
        status = send_signed(&one, &secret, &format!("again-{attempt}")).await.0;
        if status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status, StatusCode::OK, "it recovers by itself");
}

/// What a client in another language sends, from the files of the documentation.
fn client(server: &Server, program: &str, file: &str, secret: &str, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/signing").join(file);
    let output = Command::new(program)
        .arg(script)
        .args(arguments)
        .env("LATCHKEY_URL", &server.url)
        .env("LATCHKEY_TOKEN", secret)
        .output()
        .unwrap_or_else(|error| panic!("{program} is missing: {error}"));
    assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The helpers of the documentation sign requests with and without a body, and with a query.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documented_clients_sign() {
    let server = Server::start();
    let user = server.log_in().await;
    let body = json!({
        "name": "Signed only", "scopes": ["repos:read", "repos:write"], "allRepositories": true,
    });
    let (status, created) = server.post("/api/auth/cli-tokens", &user, body).await;
    assert_eq!(status, StatusCode::CREATED);
    let secret = text(&created["token"]);
    for (program, file) in [("node", "sign.mjs"), ("python3", "sign.py"), ("bash", "sign.sh")] {
        let read = client(&server, program, file, &secret, &["GET", "/api/repos?limit=5&query=a%20b"]);
        assert_eq!(read, "200", "{file}");
        let sent = json!({ "name": format!("acme/{program}-ü") }).to_string();
        let status = client(&server, program, file, &secret, &["POST", "/api/repos", &sent]);
        assert!(status == "201" || status == "422", "{file}: {status}");
        let sent = json!({ "name": format!("acme/{program}") }).to_string();
        assert_eq!(client(&server, program, file, &secret, &["POST", "/api/repos", &sent]), "201", "{file}");
    }
}
