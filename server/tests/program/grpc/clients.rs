//! Clients that other people wrote: `buf curl` and Connect's gRPC-Web.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::common::{Server, text};

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    assert!(
        folder.join("node_modules").is_dir(),
        "run `scripts/npm-ci server/tests/clients` first, as `make test` does"
    );
    folder
}

fn buf(arguments: &[&str]) -> Output {
    // A home of its own: it keeps a cache there.
    let home = std::env::temp_dir().join("latchkey-buf");
    Command::new(folder().join("node_modules/.bin/buf")).args(arguments).env("HOME", home).output().unwrap()
}

fn read(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Knows of the services only what reflection tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buf_calls_what_reflection_describes() {
    let server = Server::start();
    let user = server.log_in().await;
    let (header, services) = (format!("Authorization: Bearer {user}"), "controlplane.v1.APITokenService");
    let of = |method: &str| format!("{}/{services}/{method}", server.url);
    let grpc = ["curl", "--protocol", "grpc", "--http2-prior-knowledge"];

    let listed = buf(&[&grpc[..], &["--list-services", &server.url]].concat());
    assert!(String::from_utf8_lossy(&listed.stdout).lines().any(|line| line == services), "{listed:?}");
    for reflection in ["grpc-v1", "grpc-v1alpha"] {
        let body = json!({ "name": reflection, "expiresIn": "3600s", "scopes": ["scans:read"] }).to_string();
        let options = ["--reflect-protocol", reflection, "-H", &header, "-d", &body, &of("Create")];
        let created = read(&buf(&[&grpc[..], &options[..]].concat()));
        assert_eq!(created["result"]["item"]["name"], reflection);
        assert_eq!(server.get("/api/auth/whoami", &text(&created["result"]["jwt"])).await.0, 200);
    }
    let names = |listed: &Value| {
        let items = listed["result"].as_array().unwrap().iter();
        items.map(|item| text(&item["name"])).collect::<Vec<_>>()
    };
    let listed = read(&buf(&[&grpc[..], &["-H", &header, &of("List")]].concat()));
    assert_eq!(names(&listed), ["grpc-v1alpha", "grpc-v1"]);
    let web = ["curl", "--protocol", "grpcweb", "--http2-prior-knowledge", "-H", &header, &of("List")];
    assert_eq!(names(&read(&buf(&web))), names(&listed));

    let refused = buf(&[&grpc[..], &[&of("List")]].concat());
    let said: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!((&said["code"], &said["message"]), (&json!("unauthenticated"), &json!("JWT token is missing")));
    let information =
        read(&buf(&[&grpc[..], &[&format!("{}/controlplane.v1.StatusService/Infoz", server.url)]].concat()));
    assert_eq!(information["loginURL"], format!("{}/login", server.url));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_uses_grpc_web() {
    let server = Server::start();
    let user = server.log_in().await;
    let descriptors = server.directory.join("descriptors.bin");
    std::fs::write(&descriptors, latchkey_proto::DESCRIPTORS).unwrap();
    let script = folder().join("grpc-web.mjs");
    let output = Command::new("node").arg(script).args([&server.url, &user]).arg(descriptors).output().unwrap();
    let mut answers = read(&output);
    assert!(text(&answers["secret"].take()).starts_with("ci_"));
    let (not_found, unauthenticated, invalid) = (5, 16, 3);
    assert_eq!(
        answers,
        json!({
            "secret": null,
            "scopes": ["scans:read"],
            "names": ["From a page"],
            "again": { "code": not_found, "message": "there is no such token" },
            "nobody": { "code": unauthenticated, "message": "JWT token is missing" },
            "nameless": { "code": invalid, "message": "name: must not be empty" },
        })
    );
}
