//! What operators rely on: nothing acknowledged is lost, nothing secret is kept.

use crate::common;

mod attacks;
mod bodies;
mod connections;
mod log;
mod outbox;

use std::path::Path;

use crate::common::{Server, found_in_files, text};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

on_both_engines!(
    a_kill_after_the_answer_loses_nothing,
    stopping_writes_last_uses,
    the_sweep_command_revokes,
    replicas_refuse_at_once,
    slow_bodies_hold_no_place,
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

/// More than strangers have places for send half of a request each, and wait.
async fn slow_bodies_hold_no_place(server: Server) {
    let mut held = Vec::new();
    for path in ["/api/auth/login", "/login", "/oauth/introspect"].into_iter().cycle().take(150) {
        let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: latchkey\r\nContent-Length: 1000\r\n\r\n{{");
        stream.write_all(head.as_bytes()).await.unwrap();
        held.push(stream);
    }
    // Each of these needs a place, as a stranger.
    let user = server.log_in().await;
    let page = server.page("/login").await;
    assert_eq!(page.0, StatusCode::OK);
    assert_eq!(server.get("/api/auth/whoami", &user).await.0, StatusCode::OK);
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
    let session = cookie_of(&signed_in, "latchkey=");
    let device = cookie_of(&signed_in, "latchkey-device=");
    assert_eq!(session.len(), 22);

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
        ("mark of the browser", &device),
        ("password", &common::PASSWORD.to_owned()),
    ] {
        assert!(!found_in_files(&server.directory, wanted), "the {what} is in the database");
        assert!(!log.contains(wanted.as_str()), "the {what} is in the log");
        assert!(!pages.contains(wanted.as_str()), "the {what} is in a page");
    }
    assert!(found_in_files(&server.directory, &secret[..8]), "the search itself works");
    assert!(Path::new(&server.directory).join("latchkey.db").exists());
}

/// The value of a cookie that an answer sets, by what stands before it.
fn cookie_of(response: &Response, name: &str) -> String {
    let set = response.headers().get_all("set-cookie").iter();
    let set: Vec<_> = set.map(|header| header.to_str().unwrap()).collect();
    assert!(set.iter().all(|cookie| cookie.contains("; Path=/; ") && cookie.contains("; HttpOnly; SameSite=Lax")));
    let value = set.iter().find_map(|cookie| cookie.strip_prefix(name)).unwrap();
    value.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_again_ends_the_session_before() {
    let server = Server::start();
    let first = cookie_of(&server.sign_in().await, "latchkey=");
    let second = cookie_of(&server.sign_in().await, "latchkey=");
    let opens = async |session: &str| {
        let path = format!("{}/orgs/default/settings/tokens", server.url);
        // A client without the cookies of the other.
        let request = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap().get(path);
        request.header("cookie", format!("latchkey={session}")).send().await.unwrap().status()
    };
    assert_eq!((opens(&first).await, opens(&second).await), (StatusCode::SEE_OTHER, StatusCode::OK));
    let user = server.log_in().await;
    let (_, events) = server.get("/api/audit?level=instance&action=session.ended", &user).await;
    assert_eq!(events["items"].as_array().unwrap().len(), 1, "{events}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_do_not_keep_people_from_signing_in() {
    let directory = std::env::temp_dir().join(format!("latchkey-strangers-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let url = format!("sqlite://{}", directory.join("latchkey.db").display());
    let settings = [("LATCHKEY_PUBLIC_URL", "https://tokens.example.com"), ("LATCHKEY_TRUSTED_PROXIES", "127.0.0.0/8")];
    let server = Server::start_with(directory.clone(), url, &settings, true);
    let post = async |path: &str, from: &str, device: &str, email: &str, password: &str| {
        let form = [("link", "lki_nonsense"), ("email", email), ("password", password)];
        let request = server.http.post(format!("{}{path}", server.url)).header("sec-fetch-site", "same-origin");
        let cookie = format!("__Host-latchkey-device={device}");
        request.header("x-forwarded-for", from).header("cookie", cookie).form(&form).send().await.unwrap()
    };
    let (home, office, right) = ("203.0.113.7", "198.51.100.1", common::PASSWORD);
    let device = cookie_of(&post("/login", home, "", common::EMAIL, right).await, "__Host-latchkey-device=");
    // The clock is the machine's: what is left of a wait depends on how busy that is, so nothing here does.
    let slowed = async |path: &str, from: &str, email: fn(usize) -> String| {
        for number in 0..60 {
            let answer = post(path, from, "", &email(number), "wrong").await;
            if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                return answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().is_ok_and(|wait| wait > 0);
            }
        }
        false
    };
    assert!(slowed("/login", office, |number| format!("user{number}@example.com")).await);
    assert!(slowed("/login", home, |_| common::EMAIL.to_owned()).await);
    for from in [home, office] {
        let known = post("/login", from, &device, common::EMAIL, right).await;
        assert_eq!(known.status(), StatusCode::SEE_OTHER, "{from}");
    }
    assert_eq!(post("/login", "192.0.2.1", "", common::EMAIL, right).await.status(), StatusCode::SEE_OTHER);

    // Long after the set-up, and with links that nobody has given: nothing is hashed for them.
    let hashed = async || {
        let (_, metrics) = server.page("/metrics").await;
        metrics.lines().find(|line| line.starts_with("latchkey_password_hashes_total ")).unwrap().to_owned()
    };
    let before = hashed().await;
    for _ in 0..100 {
        assert_eq!(post("/setup", "192.0.2.2", "", "eve@example.com", right).await.headers()["location"], "/login");
    }
    assert!(slowed("/join", "192.0.2.2", |_| "eve@example.com".to_owned()).await);
    assert_eq!(hashed().await, before);
    drop(server);
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_are_told_of_a_proxy_that_they_have_not_named() {
    let server = Server::start();
    let told = "127.0.0.1 sends X-Forwarded-For and is not a trusted proxy";
    assert!(!server.command(&["doctor"]).contains(told));
    for _ in 0..3 {
        let request = server.http.get(format!("{}/login", server.url)).header("x-forwarded-for", "198.51.100.1");
        request.send().await.unwrap();
    }
    // It is noted beside the requests: the note is there a moment later.
    let noted = (0..100).any(|_| server.command(&["doctor"]).contains(told));
    assert!(noted && server.start_again().log().contains(told), "nor forgotten at the next start");
    assert_eq!(server.log().matches(told).count(), 1, "not at each request");
    assert!(server.log().contains("LATCHKEY_TRUSTED_PROXIES"));
    // Once the proxy is named, there is nothing to say.
    let trusting = [("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1")];
    let url = server.database_url.clone();
    assert!(!Server::start_with(server.directory.clone(), url.clone(), &trusting, true).log().contains(told));
    let https = [("LATCHKEY_PUBLIC_URL", "https://tokens.example.com")];
    let elsewhere = format!("{url}-2");
    let log = Server::start_with(server.directory.clone(), elsewhere, &https, true).log();
    assert!(log.contains("the public URL is https, so a proxy stands in front"));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_is_for_the_server_alone() {
    use std::os::unix::fs::PermissionsExt;

    let directory = std::env::temp_dir().join(format!("latchkey-data-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let data = directory.join("new/data");
    let url = format!("sqlite://{}", data.join("latchkey.db").display());
    let server = Server::start_with(directory.clone(), url, &[], true);
    server.log_in().await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&directory.join("new"))), (0o700, 0o700));
    for file in ["latchkey.db", "latchkey.db-wal", "latchkey.db-shm", "secret.key"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    let doctor = || server.command(&["doctor"]);
    assert!(!doctor().contains("warning"), "{}", doctor());
    // What is there is the operator's: it is said, and left as it is.
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o750)).unwrap();
    std::fs::set_permissions(data.join("latchkey.db"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let told = [
        format!("others can look into {}; make it yours alone with `chmod 700`", data.display()),
        format!("others can look into {}; make it yours alone with `chmod 600`", data.join("latchkey.db").display()),
    ];
    assert!(told.iter().all(|told| doctor().contains(told)), "{}", doctor());
    let again = server.start_again().log();
    assert!(told.iter().all(|told| again.contains(told)), "{again}");
    assert_eq!(mode(&data), 0o750);
    drop(server);
    std::fs::remove_dir_all(directory).unwrap();
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
    // A session's id has 128 bits in 22 characters.
    let (bearer, cookie) = (link.replace("lki_", "ci_"), format!("{}A", &link[4..25]));
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
    let tail = &link[4..25];
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
