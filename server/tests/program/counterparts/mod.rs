//! Beside the real programs that people put next to Latchkey: proxies, Redis, clients in other languages.

mod attacks;
mod proxies;
mod raw;
mod redis;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{Server, text};
use axum::Router;
use axum::routing::get;
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use serde_json::json;

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
        // Its signature is right; its name is not.
        assert_eq!(client(&server, program, file, &secret, &["POST", "/api/repos", &sent]), "422", "{file}");
        let sent = json!({ "name": format!("acme/{program}") }).to_string();
        assert_eq!(client(&server, program, file, &secret, &["POST", "/api/repos", &sent]), "201", "{file}");
    }
}

/// The example service, in the layer of `crates/verify`, with the signatures of `crates/client`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_is_guarded() {
    let server = Server::start();
    let user = server.log_in().await;
    let (_, repository) = server.post("/api/repos", &user, json!({ "name": "acme/api" })).await;
    server.post("/api/repos", &user, json!({ "name": "acme/web" })).await;
    let create = async |name: &str, scopes: &[&str], repositories: &[&str]| {
        let body = json!({
            "name": name, "scopes": scopes, "allRepositories": repositories.is_empty(), "repositories": repositories,
        });
        let (status, created) = server.post("/api/auth/cli-tokens", &user, body).await;
        assert_eq!(status, StatusCode::CREATED, "{created}");
        (text(&created["id"]), text(&created["token"]))
    };
    let (_, own) = create("The scans service", &["tokens:introspect"], &[]).await;
    let (id, secret) = create("CI", &["scans:read", "scans:trigger"], &["acme/api"]).await;
    let (_, reader) = create("Reader", &["scans:read"], &[]).await;
    let app = latchkey_example_scans::app(&latchkey_verify::Verifier::new(&server.url, own).unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let api = text(&repository["id"]);
    let ask = async |method: Method, path: &str, bearer: &str| {
        let request = server.http.request(method, format!("http://{address}{path}")).bearer_auth(bearer);
        let response = request.send().await.unwrap();
        let challenge = response.headers().contains_key("www-authenticate");
        (response.status().as_u16(), challenge, response.text().await.unwrap())
    };
    let trigger = format!("/api/scans/trigger/{api}");
    assert_eq!(ask(Method::GET, "/api/scans/dashboard", &secret).await.2, "The scans of default\n");
    assert_eq!(ask(Method::POST, &trigger, &secret).await.2, format!("CI has started a scan of {api}\n"));
    let (status, challenge, body) = ask(Method::POST, &trigger, &reader).await;
    assert_eq!((status, challenge), (403, true));
    assert!(body.contains("missing-scope"), "{body}");
    assert_eq!(ask(Method::POST, "/api/scans/trigger/other", &secret).await.0, 403);
    assert_eq!(ask(Method::GET, "/api/scans/dashboard", "").await.0, 401);

    let signer = latchkey_client::Signer::new(&secret).unwrap();
    let send = async |headers: &[(&'static str, String)], body: &'static str| {
        let mut request =
            server.http.post(format!("http://{address}{trigger}?force=1")).bearer_auth(&secret).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let headers = signer.headers("POST", &format!("{trigger}?force=1"), b"{}");
    assert_eq!(send(&headers, "{ }").await, 401, "another body");
    assert_eq!(send(&headers, "{}").await, 200);
    assert_eq!(send(&headers, "{}").await, 401, "replayed");

    // What a client sends that can't be asked about is its own fault, and the first of several is not taken.
    let dashboard = format!("http://{address}/api/scans/dashboard");
    for (name, value) in [
        ("authorization", "Bearer ci_x"),
        ("latchkey-organization", ""),
        ("latchkey-organization", "\u{e9}"),
        ("chainloop-organization", "other"),
    ] {
        let request = server.http.get(&dashboard).bearer_auth(&secret).header("latchkey-organization", "default");
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        assert_eq!(request.header(name, value).send().await.unwrap().status().as_u16(), 400, "{name}");
    }
    let request = server.http.get(&dashboard).bearer_auth("c".repeat(5_000));
    assert_eq!(request.send().await.unwrap().status().as_u16(), 400);

    server.delete(&format!("/api/auth/cli-tokens/{id}"), &user).await;
    assert_eq!(ask(Method::GET, "/api/scans/dashboard", &secret).await.0, 401);
    drop(server);
}

/// A service of the instance's own, in the same layer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_serves_the_organizations_that_it_says() {
    let server = Server::start();
    let user = server.log_in().await;
    let foreign = server.foreign_organization().await;
    let create = async |level: &str, scopes: &[&str]| {
        let body = json!({ "name": scopes.join(" "), "level": level, "scopes": scopes, "allRepositories": true });
        let (status, created) = server.post("/api/auth/cli-tokens", &user, body).await;
        assert_eq!(status, StatusCode::CREATED, "{created}");
        text(&created["token"])
    };
    let own = create("instance", &["tokens:introspect"]).await;
    let secret = create("organization", &["scans:read", "tokens:read"]).await;
    let anywhere = create("instance", &["scans:read"]).await;
    let verifier = || latchkey_verify::Verifier::new(&server.url, own.clone()).unwrap();
    for (verifier, expected) in [
        (verifier(), [403, 403, 403, 403]),
        (verifier().organization("default"), [200, 403, 200, 403]),
        (verifier().organization("globex"), [403, 200, 200, 200]),
        (verifier().organizations(["default", "globex"]), [200, 200, 403, 200]),
        (verifier().organization("no-such"), [403; 4]),
        (verifier().any_organization(), [200, 200, 403, 200]),
        // A fault of the service lets nothing through.
        (verifier().organization("No Such"), [503; 4]),
    ] {
        // The scope that the foreign token has, on a path of which no route file knows.
        let app = Router::new().fallback(|| async {}).layer(verifier.scope("tokens:read"));
        let scans = Router::new().route("/scans", get(|| async {})).layer(verifier.scope("scans:read"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, scans.fallback_service(app)).await.unwrap() });
        let requests = [
            ("/", &secret, None),
            ("/", &foreign.secret, None),
            ("/scans", &anywhere, None),
            ("/scans", &anywhere, Some("globex")),
        ];
        for ((path, bearer, named), expected) in requests.into_iter().zip(expected) {
            let request = server.http.get(format!("http://{address}{path}")).bearer_auth(bearer);
            let request = named.into_iter().fold(request, |all, name| all.header("latchkey-organization", name));
            let response = request.send().await.unwrap();
            assert_eq!(response.status().as_u16(), expected, "{path} {named:?}");
        }
    }
}
