//! Each proxy of `docs/forward-auth`, with the file that is there but for the ports, in front of a service.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use latchkey_proto::v1::status_service_client::StatusServiceClient;
use latchkey_proto::v1::user_service_client::UserServiceClient;
use latchkey_proto::v1::{InfozRequest, UserServiceListMembershipsRequest};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tonic::transport::Endpoint;

use super::attacks::Behind;
use super::{Running, free_port, run, until_listening};
use crate::common::{Server, answer, text};

/// A service of the kind that takes several names of a header for one.
async fn wsgi() -> (Running, u16) {
    let (script, port) = (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/counterparts/wsgi.py"), free_port());
    let service = run("python3", &[script, &port.to_string()]);
    until_listening(port).await;
    (service, port)
}

/// The built-in rules, and one for pages of other origins.
fn routes(server: &Server) -> String {
    let rule = "[[routes]]\npath = '/open/{id}'\nmethods = ['GET']\nscope = 'scans:read'\ncors = true\n";
    let file = server.directory.join("routes.toml");
    std::fs::write(&file, [include_str!("../../../../crates/domain/src/routes.toml"), rule].concat()).unwrap();
    file.display().to_string()
}

/// A proxy's own folder, and the ports that stand in its file for those of the documentation.
struct Home {
    folder: PathBuf,
    port: u16,
    latchkey: u16,
    service: u16,
}

impl Home {
    fn new(server: &Server, service: u16) -> Self {
        let folder = server.directory.join("proxy");
        std::fs::create_dir_all(&folder).unwrap();
        let latchkey = server.url.rsplit(':').next().unwrap().parse().unwrap();
        Self { folder, port: free_port(), latchkey, service }
    }

    /// Writes a documented file, with these ports.
    fn write(&self, name: &str, documented: &str) -> String {
        let ports = [("8080", self.port), ("3000", self.latchkey), ("9000", self.service)];
        let text = ports.iter().fold(documented.to_owned(), |text, (from, to)| text.replace(from, &to.to_string()));
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

/// Where `python_tools proxies` of `scripts/lib.sh` puts those that Debian does not have, or not of these years.
fn installed(program: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.tools/proxies/bin").join(program);
    assert!(path.exists(), "`make test ONLY=rust` installs the proxies");
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_asks_before_it_passes_on() {
    a_proxy_asks_before_it_passes_on(|home| nginx(home, include_str!("../../../../docs/forward-auth/nginx.conf")))
        .await;
}

fn nginx(home: &Home, server: &str) -> Running {
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|path| format!("{path}_temp_path {path};"));
    let user = if is_root() { "user root;" } else { "" };
    let around = format!("{user} daemon off; pid nginx.pid; error_log error.log; events {{}}");
    let file = home.write("nginx.conf", &format!("{around} http {{ access_log off; {} {server} }}", paths.concat()));
    run("nginx", &["-p", &home.folder.display().to_string(), "-c", &file, "-e", "error.log"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_asks_before_it_passes_on() {
    a_proxy_asks_before_it_passes_on(|home| {
        let documented = include_str!("../../../../docs/forward-auth/Caddyfile");
        // Other tests run one too: no administration port, nor anything kept.
        let file = home.write("Caddyfile", &format!("{{\n\tadmin off\n\tpersist_config off\n}}\n{documented}"));
        run(&installed("caddy"), &["run", "--config", &file, "--adapter", "caddyfile"])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traefik_asks_before_it_passes_on() {
    a_proxy_asks_before_it_passes_on(|home| {
        let file = home.write("traefik.yml", include_str!("../../../../docs/forward-auth/traefik.yml"));
        let address = format!("--entrypoints.web.address=127.0.0.1:{}", home.port);
        run(&installed("traefik"), &[&address, &format!("--providers.file.filename={file}")])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_asks_before_it_passes_on() {
    a_proxy_asks_before_it_passes_on(|home| {
        let file = home.write("envoy.yaml", include_str!("../../../../docs/forward-auth/envoy.yaml"));
        run(&installed("envoy"), &["-c", &file, "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"])
    })
    .await;
}

/// As `docs/operations.md` says: calls, their answers, and refusals, which stand in trailers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_passes_through_nginx() {
    let server = Server::start();
    let home = Home::new(&server, 0);
    let locations =
        ["/controlplane.v1.", "/grpc."].map(|path| format!("location {path} {{ grpc_pass grpc://127.0.0.1:3000; }}"));
    let _nginx = nginx(&home, &format!("server {{ listen 127.0.0.1:8080 http2; {} }}", locations.concat()));
    until_listening(home.port).await;
    let channel = Endpoint::from_shared(format!("http://127.0.0.1:{}", home.port)).unwrap().connect().await.unwrap();
    let info = StatusServiceClient::new(channel.clone()).infoz(InfozRequest {}).await.unwrap().into_inner();
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    let refused = UserServiceClient::new(channel).list_memberships(UserServiceListMembershipsRequest {}).await;
    assert_eq!(refused.unwrap_err().message(), "JWT token is missing");
}

/// A proxy that compresses makes tags weak, and adds to the list of what is said about them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_nginx_made_weak_is_explained() {
    let server = Server::start();
    let user = server.log_in().await;
    let (id, _) = server.create_token(&user, "CI").await;
    let home = Home::new(&server, 0);
    let gzip = "gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;";
    let location = "location / { proxy_pass http://127.0.0.1:3000; proxy_http_version 1.1; }";
    let _nginx = nginx(&home, &format!("server {{ listen 127.0.0.1:8080; {gzip} {location} }}"));
    until_listening(home.port).await;
    let path = format!("http://127.0.0.1:{}/api/auth/cli-tokens/{id}", home.port);
    let read = server.http.get(&path).bearer_auth(&user).header("accept-encoding", "gzip").send().await.unwrap();
    let tag = read.headers()["etag"].to_str().unwrap().to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    // It still says whether anything was changed.
    let again = server.http.get(&path).bearer_auth(&user).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let change = async |tag: &str| {
        let request = server.http.patch(&path).bearer_auth(&user).header("if-match", tag);
        answer(request.json(&json!({ "description": tag })).send().await.unwrap()).await
    };
    let (status, refused) = change(&tag).await;
    assert_eq!(
        (status, text(&refused["type"]).as_str()),
        (StatusCode::PRECONDITION_FAILED, "urn:latchkey:problem:weak-tag")
    );
    assert!(text(&refused["detail"]).contains("send it without the W/"), "{refused}");
    assert_eq!(change(tag.trim_start_matches("W/")).await.0, StatusCode::OK);
}

async fn a_proxy_asks_before_it_passes_on(start: impl Fn(&Home) -> Running) {
    let first = Server::start();
    let routes = routes(&first);
    let environment = [("LATCHKEY_TRUSTED_PROXIES", "127.0.0.0/8"), ("LATCHKEY_ROUTES_FILE", routes.as_str())];
    let server = Server::start_with(first.directory.clone(), first.database_url.clone(), &environment, true);
    drop(first);
    let user = server.log_in().await;
    let (id, secret) = server.create_token(&user, "CI").await;
    let (_, made) = server.post("/api/repos", &user, json!({ "name": "acme/api" })).await;
    let repository = text(&made["id"]);
    let body = json!({ "name": "Trigger", "scopes": ["scans:trigger"], "repositories": [repository] });
    let (_, made) = server.post("/api/auth/cli-tokens", &user, body).await;
    let trigger = text(&made["token"]);

    let (_service, service) = wsgi().await;
    let home = Home::new(&server, service);
    let _proxy = start(&home);
    until_listening(home.port).await;

    let ask = async |method: Method, path: &str, bearer: &str, extra: &[(&'static str, &'static str)]| {
        let mut request = server.http.request(method, format!("http://127.0.0.1:{}{path}", home.port));
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
    // A port that is open may have no configuration yet.
    for _ in 0..200 {
        if ask(Method::GET, "/api/scans", "", &[]).await.0 == StatusCode::UNAUTHORIZED {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let (status, _, _, seen) = ask(Method::GET, "/api/scans/dashboard?x=1", &secret, &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(seen["HTTP_X_LATCHKEY_TOKEN_ID"], *id);
    assert_eq!(seen["HTTP_X_LATCHKEY_ORGANIZATION"], "default");
    assert_eq!(seen["HTTP_X_LATCHKEY_SCOPES"], "repos:read scans:read");
    assert!(seen.get("HTTP_AUTHORIZATION").is_none(), "the service never sees the token");
    let (status, _, _, seen) = ask(Method::POST, &format!("/api/scans/trigger/{repository}"), &trigger, &[]).await;
    assert_eq!((status, &seen["HTTP_X_LATCHKEY_REPOSITORY"]), (StatusCode::OK, &json!(repository)));

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
    let behind = Behind { server: &server, port: home.port, service, user: &user, secret: &secret };
    behind.no_spelling_gets_through().await;
    behind.two_are_refused().await;
    behind.nobody_chooses_an_address().await;
    behind.preflights_pass().await;
    behind.another_organization_is_refused().await;
    assert_ne!(ask(Method::GET, "/_latchkey", &secret, &[]).await.0, StatusCode::OK);
    let (status, ..) = ask(Method::GET, "/api/scans/..%2f..%2fapi/runners", &secret, &[]).await;
    assert!([StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST].contains(&status), "{status}");

    server.delete(&format!("/api/auth/cli-tokens/{id}"), &user).await;
    let (status, reason, ..) = ask(Method::GET, "/api/scans", &secret, &[]).await;
    assert_eq!((status, reason.as_str()), (StatusCode::UNAUTHORIZED, "token-revoked"));

    // Without an answer nothing passes.
    drop(server);
    let bearer = format!("http://127.0.0.1:{}/api/scans", home.port);
    let status = reqwest::Client::new().get(bearer).bearer_auth(&trigger).send().await.unwrap().status();
    assert!(status.is_server_error() || status == StatusCode::FORBIDDEN, "{status}");
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.starts_with(b"0\n")
}
