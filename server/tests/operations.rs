//! What operators rely on: nothing acknowledged is lost, nothing secret is kept.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::path::Path;

use common::{Server, found_in_files, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_engines!(
    a_kill_after_the_answer_loses_nothing,
    stopping_writes_last_uses,
    the_sweep_command_revokes,
    replicas_refuse_at_once,
);

async fn a_kill_after_the_answer_loses_nothing(mut server: Server) {
    let user = server.log_in().await;
    let (kept, secret) = server.create_token(&user, "kept").await;
    server.kill();
    let mut server = server.start_again();
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::OK);
    assert_eq!(server.delete(&format!("/api/auth/cli-tokens/{kept}"), &user).await.0, StatusCode::NO_CONTENT);
    server.kill();
    let server = server.start_again();
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::UNAUTHORIZED);
}

async fn stopping_writes_last_uses(mut server: Server) {
    let user = server.log_in().await;
    let (id, secret) = server.create_token(&user, "used").await;
    server.get("/api/auth/whoami", &secret).await;
    server.stop();
    assert!(server.log().contains("\"stopped\""));
    let server = server.start_again();
    assert!(server.get(&format!("/api/auth/cli-tokens/{id}"), &user).await.1["lastUsedAt"].is_string());
}

async fn the_sweep_command_revokes(server: Server) {
    assert_eq!(server.command(&["sweep"]), "Revoked 0 inactive tokens in 0 organizations with auto-revoke.\n");
    assert!(server.command(&["migrate"]).contains("up to date"));
    assert!(server.command(&["doctor"]).contains("database        answers"));
}

async fn replicas_refuse_at_once(server: Server) {
    let other = server.start_again();
    let user = server.log_in().await;
    for number in 0..10 {
        let (id, secret) = server.create_token(&user, &format!("token {number}")).await;
        assert_eq!(other.get("/api/auth/whoami", &secret).await.0, StatusCode::OK);
        assert_eq!(server.delete(&format!("/api/auth/cli-tokens/{id}"), &user).await.0, StatusCode::NO_CONTENT);
        assert_eq!(other.get("/api/auth/whoami", &secret).await.0, StatusCode::UNAUTHORIZED);
    }
}

/// Files can be searched where the database is one: on SQLite, with the write-ahead log beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_nowhere() {
    let mut server = Server::start();
    let user = server.log_in().await;
    let (_, secret) = server.create_token(&user, "CI").await;
    // Derived, so that it can be told again; and the one that takes the place of another.
    let key = "the-key-of-a-request-7391";
    let body = json!({ "name": "Derived", "scopes": ["scans:read"], "allRepositories": true });
    let request = server.request(Method::POST, "/api/auth/cli-tokens", &user).header("Idempotency-Key", key);
    let (_, derived) = common::answer(request.json(&body).send().await.unwrap()).await;
    let derived = text(&derived["token"]);
    let (id, _) = server.create_token(&user, "Rotated").await;
    let (_, rotated) =
        server.post(&format!("/api/auth/cli-tokens/{id}/rotate"), &user, json!({ "overlap": "1h" })).await;
    let rotated = text(&rotated["token"]);
    let signed_in = server.sign_in().await;
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    let session = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    assert_eq!((&session[..4], session.len()), ("lks_", 40));

    // Used rightly, and pasted where it does not belong.
    server.get("/api/auth/whoami", &secret).await;
    server.get(&format!("/api/auth/cli-tokens/{secret}"), &user).await;
    server.get(&format!("/api/nowhere/{secret}?token={secret}"), &secret).await;
    server.post("/api/repos", &secret, json!({ "name": secret })).await;
    server.http.get(format!("{}/api/repos", server.url)).header("user-agent", "x").send().await.unwrap();
    let mut pages = String::new();
    for path in ["", "?q=CI", "/new", "/auto-revoke", "?status=all"] {
        let (status, html) = server.page(&format!("/orgs/default/settings/tokens{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        pages.push_str(&html);
    }
    assert!(pages.contains(&secret[..8]), "the list shows the first 8 characters");
    server.stop();

    let log = server.log();
    assert!(log.contains("/api/auth/whoami"));
    for (what, wanted) in [
        ("secret", &secret),
        ("derived secret", &derived),
        ("rotated secret", &rotated),
        ("Idempotency-Key", &key.to_owned()),
        ("user token", &user),
        ("session", &session),
        ("password", &common::PASSWORD.to_owned()),
    ] {
        assert!(!found_in_files(&server.directory, wanted), "the {what} is in the database");
        assert!(!log.contains(wanted.as_str()), "the {what} is in the log");
        assert!(!pages.contains(wanted.as_str()), "the {what} is in a page");
    }
    assert!(found_in_files(&server.directory, &secret[..8]), "the search itself works");
    assert!(Path::new(&server.directory).join("latchkey.db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_start_prints_a_link_that_works_once() {
    let directory = std::env::temp_dir().join(format!("latchkey-setup-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let url = format!("sqlite://{}", directory.join("latchkey.db").display());
    let server = Server::start_with(directory.clone(), url, &[], false);
    let log = server.log();
    let link = log.split("/setup?link=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let path = format!("/setup?link={link}");
    assert_eq!(server.page(&path).await.0, StatusCode::OK);
    let form = [("link", link.as_str()), ("email", common::EMAIL), ("password", common::PASSWORD)];
    let set_up = async || {
        let request = server.http.post(format!("{}{path}", server.url)).header("sec-fetch-site", "same-origin");
        request.form(&form).send().await.unwrap()
    };
    assert_eq!(set_up().await.status(), StatusCode::SEE_OTHER);
    assert_eq!(server.page("/orgs/default/settings/tokens").await.0, StatusCode::OK);
    assert_ne!(set_up().await.headers().get("location").map(|location| location.to_str().unwrap().to_owned()), None);
    assert!(server.log_in().await.starts_with("lku_"));
    drop(server);
    std::fs::remove_dir_all(directory).unwrap();
}

/// Every address that somebody may type, with a slash too many or too few, at the loudest that the log can be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_not_in_the_log_at_any_level() {
    let directory = std::env::temp_dir().join(format!("latchkey-trace-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let url = format!("sqlite://{}", directory.join("latchkey.db").display());
    let filter = "trace,hyper=trace,axum::rejection=trace,tower_http=trace,sqlx=trace,h2=trace";
    let mut server = Server::start_with(directory.clone(), url, &[("LATCHKEY_LOG", filter)], false);
    let told = server.log();
    let link = told.split("/setup?link=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(told.matches(&link).count(), 1);
    let invitation = link.replace("lki_", "lkj_");
    let (bearer, cookie) = (link.replace("lki_", "ci_"), link.replace("lki_", "lks_"));
    let encoded = link.replace('_', "%5F");
    for secret in [&link, &invitation, &encoded] {
        for path in [
            "/setup?link=",
            "/setup/?link=",
            "//setup?link=",
            "/setup//?link=",
            "/setup%3Flink=",
            "/setup/",
            "/Setup?link=",
        ]
        .into_iter()
        .chain([
            "/join?link=",
            "/join/?link=",
            "//join?link=",
            "/?link=",
            "/login?next=/setup?link=",
            "/login/?link=",
            "/x/",
        ])
        .chain([
            "/orgs/default/settings/tokens?q=",
            "/_fn/",
            "/api/invitations?link=",
            "/api/",
            "/pkg/",
            "/docs/api/?q=",
        ]) {
            let address = format!("{}{path}{secret}", server.url);
            for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT] {
                let request = server.http.request(method, &address).header("sec-fetch-site", "same-origin");
                let request = request.header("cookie", format!("latchkey={cookie}")).header("referer", &address);
                let request = request.bearer_auth(&bearer).header("user-agent", "a browser");
                // Not the fields that the pages expect: what is said about that must not quote them.
                request.form(&[("links", secret.as_str())]).send().await.unwrap();
            }
            let request = server.http.post(&address).header("sec-fetch-site", "same-origin");
            request.json(&json!([secret, { "link": secret }])).send().await.unwrap();
        }
    }
    // And where they belong.
    assert_eq!(server.page(&format!("/setup?link={link}")).await.0, StatusCode::OK);
    server.stop();
    let log = server.log();
    assert!(log.contains("\"path\":\"/setup/\""), "{log}");
    for line in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let loud = matches!(line["level"].as_str(), Some("DEBUG" | "TRACE"));
        assert!(!loud || text(&line["target"]).starts_with("latchkey_"), "another crate is heard: {line}");
    }
    let tail = &link[4..];
    assert_eq!(
        log.matches(tail).count(),
        1,
        "the one line that tells it: {}",
        log.lines().filter(|line| line.contains(tail)).collect::<Vec<_>>().join("\n")
    );
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cross_site_requests_change_nothing() {
    let server = Server::start();
    server.sign_in().await;
    let user = server.log_in().await;
    let (id, secret) = server.create_token(&user, "CI").await;
    let forged = async |headers: &[(&str, &str)]| {
        let mut request =
            server.http.request(Method::POST, format!("{}/orgs/default/settings/tokens/revoke", server.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.form(&[("ids", id.as_str()), ("id", id.as_str())]).send().await.unwrap().status()
    };
    assert_eq!(forged(&[]).await, StatusCode::FORBIDDEN);
    assert_eq!(forged(&[("sec-fetch-site", "cross-site")]).await, StatusCode::FORBIDDEN);
    assert_eq!(forged(&[("sec-fetch-site", "same-site")]).await, StatusCode::FORBIDDEN);
    assert_eq!(forged(&[("origin", "https://evil.example")]).await, StatusCode::FORBIDDEN);
    let other_scheme = server.url.replace("http://", "https://");
    assert_eq!(forged(&[("origin", &other_scheme)]).await, StatusCode::FORBIDDEN);
    assert_eq!(forged(&[("origin", &server.url), ("origin", "https://evil.example")]).await, StatusCode::FORBIDDEN);
    assert_eq!(forged(&[("origin", "null"), ("sec-fetch-site", "same-origin")]).await, StatusCode::FORBIDDEN);
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::OK);
    assert_eq!(forged(&[("sec-fetch-site", "same-origin")]).await, StatusCode::SEE_OTHER);
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::UNAUTHORIZED);
    // No state change hides behind a GET.
    let (_, me) = server.get("/api/auth/whoami", &user).await;
    assert_eq!(text(&me["email"]), common::EMAIL);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_strict() {
    let server = Server::start();
    server.sign_in().await;
    for path in [
        "/login",
        "/orgs/default/settings/tokens",
        "/orgs/default/settings/tokens/new",
        "/nowhere",
        "/api/repos",
        "/healthz",
    ] {
        let response = server.http.get(format!("{}{path}", server.url)).send().await.unwrap();
        let headers = response.headers();
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!header("content-security-policy").contains("unsafe-inline"), "{path}");
        assert_eq!(header("x-request-id").len(), 36, "{path}");
        assert!(
            header("cache-control").contains("no-store") || path == "/healthz",
            "{path}: {}",
            header("cache-control")
        );
    }
}
