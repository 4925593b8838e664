//! Signed requests: none is good twice, whatever the database loses, and each means one thing.

use latchkey_domain::{Secret, Signature, SignedRequest, Timestamp, sha256, to_hex};
use latchkey_service::{Clock, SystemClock};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{all, asked_at, send, signed, token};
use crate::common::{Server, answer, text};

on_both_engines!(
    a_restart_refuses_nobody,
    a_restored_database_lets_no_replay_pass,
    a_batch_of_signed_requests_is_decided,
    a_flood_of_signed_requests_is_bounded,
    a_body_is_named_once,
    the_organization_is_signed_where_it_decides,
    a_secret_that_comes_is_known_everywhere,
    an_organization_has_so_many_tokens,
);

const READ: (&str, &str) = ("GET", "/api/repos");

fn at(secret: &str, seconds: i64, nonce: &str) -> Vec<(&'static str, String)> {
    let now: Timestamp = SystemClock.now().plus_seconds(seconds);
    let request = SignedRequest { method: READ.0, target: READ.1, body_hash: SignedRequest::NO_BODY };
    Signature::sign(&Secret::parse(secret).unwrap(), &request, now, nonce).headers().to_vec()
}

async fn read(server: &Server, secret: &str, headers: &[(&'static str, String)]) -> (u16, String) {
    let (status, reason) = send(server, secret, Method::GET, READ.1, "", headers).await;
    (status.as_u16(), reason)
}

fn replayed() -> (u16, String) {
    (401, "replayed".to_owned())
}

fn passed() -> (u16, String) {
    (200, String::new())
}

async fn a_restart_refuses_nobody(mut server: Server) {
    let user = server.log_in().await;
    let (_, secret) = all(&server, &user, "Signer", &["repos:read"]).await;
    let mut used = Vec::new();
    for (round, seconds) in [0, 290, -290].into_iter().enumerate() {
        let headers = at(&secret, seconds, &format!("n-{round}"));
        assert_eq!(read(&server, &secret, &headers).await, passed(), "{seconds}");
        used.push(headers);
        if round == 1 {
            server.kill()
        } else {
            server.stop()
        }
        server = server.start_again();
        for headers in &used {
            assert_eq!(read(&server, &secret, headers).await, replayed());
        }
        assert_eq!(read(&server, &secret, &at(&secret, 0, &format!("fresh-{round}"))).await, passed());
    }
    // Nor does another replica, while the first one runs.
    let other = server.start_again();
    for replica in [&other, &server] {
        assert_eq!(read(replica, &secret, &used[1]).await, replayed());
    }
    assert_eq!(read(&other, &secret, &at(&secret, 0, "other")).await, passed());
}

/// Puts the database aside, or back: as people do, with a copy of the file, or of the database.
async fn copy(server: &Server, back: bool) {
    if let Some(file) = server.database_url.strip_prefix("sqlite://") {
        let (file, aside) = (file.to_owned(), format!("{file}.aside"));
        let (from, to) = if back { (&aside, &file) } else { (&file, &aside) };
        std::fs::copy(from, to).unwrap();
        return;
    }
    let (base, name) = server.database_url.rsplit_once('/').unwrap();
    let pool = sqlx::PgPool::connect(&format!("{base}/postgres")).await.unwrap();
    let aside = format!("{name}_aside");
    let (from, to) = if back { (&*aside, name) } else { (name, &*aside) };
    for sql in [format!("DROP DATABASE IF EXISTS {to} (FORCE)"), format!("CREATE DATABASE {to} TEMPLATE {from}")] {
        // The sessions of a server that has ended may end a moment later.
        for _ in 0..100 {
            match sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(&pool).await {
                Ok(_) => break,
                Err(error) if error.to_string().contains("being accessed") => {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    pool.close().await;
}

async fn a_restored_database_lets_no_replay_pass(mut server: Server) {
    let user = server.log_in().await;
    let (_, secret) = all(&server, &user, "Signer", &["repos:read"]).await;
    let before = at(&secret, 0, "before");
    assert_eq!(read(&server, &secret, &before).await, passed());
    server.stop();
    copy(&server, false).await;
    server = server.start_again();
    let (used, ahead) = (at(&secret, 0, "used"), at(&secret, 290, "ahead"));
    for headers in [&used, &ahead] {
        assert_eq!(read(&server, &secret, headers).await, passed());
    }
    server.stop();
    copy(&server, true).await;
    server = server.start_again();
    let lost = (503, "nonces-lost".to_owned());
    for headers in [&used, &ahead] {
        assert_eq!(read(&server, &secret, headers).await, lost);
    }
    assert_eq!(read(&server, &secret, &before).await, replayed());
    // Who signs now may be somebody who repeats what was signed for now.
    let request = at(&secret, 0, "now");
    assert_eq!(read(&server, &secret, &request).await, lost);
    let mut fresh = server.request(Method::GET, READ.1, &secret);
    for (name, value) in at(&secret, 0, "now") {
        fresh = fresh.header(name, value);
    }
    let wait: u64 = fresh.send().await.unwrap().headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((250..=302).contains(&wait), "{wait}");
    let (status, _) = server.get("/api/repos", &secret).await;
    assert_eq!(status, StatusCode::OK, "unsigned requests go on");
    // Another start, and another replica, know it too.
    server.stop();
    server = server.start_again();
    for replica in [&server, &server.start_again()] {
        for headers in [&used, &ahead] {
            assert_eq!(read(replica, &secret, headers).await, lost);
        }
    }
}

fn question(secret: &str, nonce: &str) -> Value {
    let [(_, signature), (_, timestamp), (_, nonce)] = signed(secret, "GET", "/api/scans", b"", nonce);
    json!({
        "token": secret, "method": "GET", "path": "/api/scans",
        "signature": { "signature": signature, "timestamp": timestamp, "nonce": nonce },
    })
}

async fn a_batch_of_signed_requests_is_decided(server: Server) {
    let user = server.log_in().await;
    let (_, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    let (_, secret) = all(&server, &user, "CI", &["scans:read"]).await;
    let mut requests: Vec<_> = (0..99).map(|at| question(&secret, &format!("n-{at}"))).collect();
    // Two of a group with one nonce: one wins.
    requests.push(question(&secret, "n-0"));
    let (status, batch) = server.post("/api/verify/batch", &asker, json!({ "requests": requests })).await;
    assert_eq!(status, StatusCode::OK, "{batch}");
    let results = batch["results"].as_array().unwrap();
    let count = |reason: &str| results.iter().filter(|one| one["reason"].as_str().unwrap_or("") == reason).count();
    assert_eq!((count(""), count("replayed")), (99, 1), "{batch}");
    let (_, again) = server.post("/api/verify/batch", &asker, json!({ "requests": requests })).await;
    assert!(again["results"].as_array().unwrap().iter().all(|one| one["reason"] == "replayed"), "{again}");
}

/// Too many at once are refused, of that token; whoever comes then, and other tokens, are not.
async fn a_flood_of_signed_requests_is_bounded(server: Server) {
    let user = server.log_in().await;
    let (_, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    let (_, secret) = all(&server, &user, "CI", &["scans:read"]).await;
    let (_, other) = all(&server, &user, "Other", &["repos:read"]).await;
    let flood = (0..8).map(|batch| {
        let requests: Vec<_> = (0..100).map(|at| question(&secret, &format!("{batch}-{at}"))).collect();
        server.post("/api/verify/batch", &asker, json!({ "requests": requests }))
    });
    let one = async { read(&server, &other, &at(&other, 0, "one")).await };
    let (answers, one) = tokio::join!(futures::future::join_all(flood), one);
    assert_eq!(one, passed());
    let mut allowed = 0;
    for (status, answer) in answers {
        assert_eq!(status, StatusCode::OK, "{answer}");
        for result in answer["results"].as_array().unwrap() {
            let reason = result["reason"].as_str().unwrap_or_default();
            assert!(["", "too-many-at-once"].contains(&reason), "{result}");
            allowed += usize::from(reason.is_empty());
        }
    }
    assert!(allowed >= 200, "{allowed}");
    let (_, last) = server.post("/api/verify", &asker, question(&secret, "last")).await;
    assert_eq!(last["allowed"], true, "{last}");
}

async fn a_body_is_named_once(server: Server) {
    let user = server.log_in().await;
    server.post("/api/repos", &user, json!({ "name": "acme/api" })).await;
    let (_, secret) = all(&server, &user, "CI", &["scans:read", "scans:trigger"]).await;
    let (_, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    const TRIGGER: &str = "/api/scans/trigger/acme/api";
    const OF_NOTHING: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    const OF_ANOTHER: &str = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:";
    let nonces = std::cell::Cell::new(0);
    let ask = async |method: &str, target: &str, more: &[(&str, &str)]| {
        nonces.set(nonces.get() + 1);
        let headers = signed(&secret, method, target, b"", &nonces.get().to_string());
        let mut all: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend_from_slice(more);
        let (status, reason, _) = asked_at(&server, "/orgs/default/forward-auth", &secret, method, target, &all).await;
        (status, reason)
    };
    let digest = "content-digest";
    assert_eq!(ask("GET", "/api/scans", &[]).await, passed());
    assert_eq!(ask("GET", "/api/scans", &[(digest, OF_NOTHING)]).await, passed());
    assert_eq!(ask("POST", TRIGGER, &[(digest, OF_NOTHING)]).await, passed());
    assert_eq!(ask("GET", "/api/scans", &[("x-original-content-length", "0")]).await, passed());
    assert_eq!(ask("GET", "/api/scans", &[("x-forwarded-host", "scans.example.com")]).await, passed());
    let unsigned = (401, "signature".to_owned());
    for more in [
        &[(digest, OF_ANOTHER)][..],
        &[(digest, OF_NOTHING), (digest, OF_NOTHING)],
        &[(digest, OF_NOTHING), (digest, OF_ANOTHER)],
        &[(digest, "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:, sha-512=:AA==:")],
        &[(digest, "sha-512=:AA==:")],
        &[(digest, "")],
        &[(digest, OF_NOTHING), ("repr-digest", OF_ANOTHER)],
        &[("digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")],
        &[("x-original-content-length", "2")],
        &[("x-original-transfer-encoding", "chunked")],
    ] {
        assert_eq!(ask("GET", "/api/scans", more).await, unsigned, "{more:?}");
    }
    for method in ["POST", "PUT", "PATCH"] {
        assert_eq!(ask(method, TRIGGER, &[]).await, unsigned, "a {method} may have a body that nobody names");
    }
    for name in ["x-forwarded-host"] {
        for more in [&[(name, "a.example"), (name, "b.example")][..], &[(name, "a.example, b.example")]] {
            assert_eq!(ask("GET", "/api/scans", more).await, (403, "ambiguous-request".to_owned()), "{more:?}");
        }
    }
    // As Envoy asks, with the body itself.
    for (method, target) in [(Method::POST, TRIGGER), (Method::GET, "/api/scans")] {
        let mut request = server.request(method.clone(), &format!("/orgs/default/forward-auth{target}"), &secret);
        for (name, value) in signed(&secret, method.as_str(), target, b"", &format!("envoy-{method}")) {
            request = request.header(name, value);
        }
        let refused = request.body("{}").send().await.unwrap();
        assert_eq!(refused.headers()["x-latchkey-reason"], "signature", "{method}");
    }
    // A resource server says what it has received.
    let [(_, signature), (_, timestamp), (_, nonce)] = signed(&secret, "POST", TRIGGER, b"", "asked");
    let signature = json!({ "signature": signature, "timestamp": timestamp, "nonce": nonce });
    let mut asked = json!({ "token": secret, "method": "POST", "path": TRIGGER, "signature": signature });
    let (status, problem) = server.post("/api/verify", &asker, asked.clone()).await;
    assert_eq!((status.as_u16(), &problem["errors"][0]["field"]), (422, &json!("bodyHash")), "{problem}");
    asked["bodyHash"] = json!(to_hex(&sha256(b"{}")));
    assert_eq!(server.post("/api/verify", &asker, asked.clone()).await.1["reason"], "signature");
    asked["bodyHash"] = json!(to_hex(&sha256(b"")));
    assert_eq!(server.post("/api/verify", &asker, asked).await.1["allowed"], true);
}

async fn the_organization_is_signed_where_it_decides(server: Server) {
    let user = server.log_in().await;
    let body = json!({
        "name": "Instance", "level": "instance", "scopes": ["scans:read", "repos:read"], "allRepositories": true,
    });
    let (_, secret) = token(&server, &user, body).await;
    let (_, own) = all(&server, &user, "Own", &["scans:read", "repos:read"]).await;
    let nonces = std::cell::Cell::new(0);
    let ask = async |bearer: &str, at: &str, suffix: &str, named: &str| {
        nonces.set(nonces.get() + 1);
        let headers = signed(bearer, "GET", "/api/scans", b"", &format!("{}{suffix}", nonces.get()));
        let mut all: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend((!named.is_empty()).then_some(("latchkey-organization", named)));
        let (status, reason, _) = asked_at(&server, at, bearer, "GET", "/api/scans", &all).await;
        (status, reason)
    };
    let own_api = async |bearer: &str, suffix: &str, header: &'static str, named: &str| {
        nonces.set(nonces.get() + 1);
        let mut headers = signed(bearer, "GET", READ.1, b"", &format!("{}{suffix}", nonces.get())).to_vec();
        headers.push((header, named.to_owned()));
        read(&server, bearer, &headers).await
    };
    // Of one organization, the header decides nothing.
    assert_eq!(ask(&secret, "/forward-auth", "", "default").await, passed());
    for bearer in [&secret, &own, &user] {
        assert_eq!(own_api(bearer, "", "latchkey-organization", "default").await, passed());
    }
    let (status, made) = server.post("/api/orgs", &user, json!({ "name": "globex" })).await;
    assert_eq!(status, StatusCode::CREATED);
    let id = text(&made["id"]);
    let unsigned = (403, "organization-unsigned".to_owned());
    // What a proxy's own file says decides, whatever the header repeats.
    assert_eq!(ask(&secret, "/orgs/globex/forward-auth", "", "").await, passed());
    assert_eq!(ask(&secret, "/orgs/globex/forward-auth", "", "globex").await, passed());
    for header in ["latchkey-organization", "chainloop-organization"] {
        for bearer in [&secret, &user] {
            for (suffix, named, expected) in [
                ("", "globex", unsigned.clone()),
                ("@default", "globex", unsigned.clone()),
                ("@globex", "globex", passed()),
                ("@default", "default", passed()),
                (&format!("@{id}"), &id, passed()),
                ("@globex", &id, unsigned.clone()),
            ] {
                assert_eq!(own_api(bearer, suffix, header, named).await, expected, "{suffix} {named}");
            }
        }
        assert_eq!(own_api(&own, "", header, "default").await, passed(), "the token's own");
    }
    // What is not signed at all goes on as ever.
    let request = server.request(Method::GET, READ.1, &secret).header("latchkey-organization", "globex");
    assert_eq!(answer(request.send().await.unwrap()).await.0, StatusCode::OK);
    // A resource server that serves both.
    let body = json!({ "name": "Asks", "level": "instance", "scopes": ["tokens:introspect"], "allRepositories": true });
    let (_, asker) = token(&server, &user, body).await;
    for (nonce, reason) in [("a", json!("organization-unsigned")), ("a@globex", Value::Null)] {
        let mut asked = question(&secret, nonce);
        asked["organization"] = json!("globex");
        asked["organizations"] = json!("any");
        assert_eq!(server.post("/api/verify", &asker, asked).await.1["reason"], reason, "{nonce}");
    }
}

/// A secret that does not exist is remembered; one that comes is not missed by that, on no replica.
async fn a_secret_that_comes_is_known_everywhere(server: Server) {
    let other = server.start_again();
    let user = server.log_in().await;
    let nobody = latchkey_client::example_token();
    let reads = async |replica: &Server| {
        let metrics = replica.http.get(format!("{}/metrics", replica.url)).send().await.unwrap().text().await.unwrap();
        let line = metrics.lines().find(|line| line.starts_with("latchkey_cache_misses_total")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(other.get("/api/repos", &nobody).await.0, StatusCode::UNAUTHORIZED);
    let before = reads(&other).await;
    for _ in 0..20 {
        assert_eq!(other.get("/api/repos", &nobody).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(reads(&other).await, before, "it is not read again");
    // Its secret is unknown to both replicas until it is there: the answer to a key is always the same.
    for round in 0..5 {
        let (id, secret) = all(&server, &user, &format!("CI {round}"), &["repos:read"]).await;
        for replica in [&other, &server] {
            assert_eq!(replica.get("/api/repos", &nobody).await.0, StatusCode::UNAUTHORIZED);
            assert_eq!(replica.get("/api/repos", &secret).await.0, StatusCode::OK);
        }
        let (_, rotated) = server.post(&format!("/api/auth/cli-tokens/{id}/rotate"), &user, json!({})).await;
        for replica in [&other, &server] {
            assert_eq!(replica.get("/api/repos", &text(&rotated["token"])).await.0, StatusCode::OK);
        }
    }
    // The row comes behind both backs, as a creation of another replica does.
    let store = latchkey_store::Store::connect(&server.database_url).await.unwrap();
    let secret = Secret::parse(&nobody).unwrap();
    let (id, _) = all(&server, &user, "Becomes", &["repos:read"]).await;
    let mut tx = store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    let (row, _) = latchkey_store::tokens::lock(&mut tx, id.parse().unwrap()).await.unwrap().unwrap();
    let rotation = latchkey_store::tokens::Rotation {
        hash: &secret.hash(),
        prefix: &secret.prefix(),
        at: SystemClock.now(),
        overlap_until: None,
    };
    latchkey_store::tokens::rotate(&mut tx, &row, &rotation).await.unwrap();
    for replica in [&other, &server] {
        assert_eq!(replica.get("/api/repos", &nobody).await.0, StatusCode::UNAUTHORIZED, "not committed yet");
    }
    tx.commit().await.unwrap();
    for replica in [&other, &server] {
        assert_eq!(replica.get("/api/repos", &nobody).await.0, StatusCode::OK, "at once, everywhere");
    }
    store.close().await;
}

async fn an_organization_has_so_many_tokens(server: Server) {
    let directory = server.directory.clone();
    let few = [("LATCHKEY_TOKENS_PER_ORGANIZATION", "3"), ("LATCHKEY_MEMORY_MIB", "1")];
    let limited = Server::start_with(directory, server.database_url.clone(), &few, true);
    let user = limited.log_in().await;
    let body = |name: &str| json!({ "name": name, "scopes": ["repos:read"], "allRepositories": true });
    let mut made = Vec::new();
    for name in ["one", "two", "three"] {
        made.push(token(&limited, &user, body(name)).await);
    }
    let (status, problem) = limited.post("/api/auth/cli-tokens", &user, body("four")).await;
    assert_eq!(
        (status, text(&problem["type"])),
        (StatusCode::CONFLICT, "urn:latchkey:problem:too-many-tokens".to_owned())
    );
    // Instance tokens are of no organization; another one has room of its own.
    let mut instance = body("instance");
    instance["level"] = json!("instance");
    assert_eq!(limited.post("/api/auth/cli-tokens", &user, instance).await.0, StatusCode::CREATED);
    limited.post("/api/orgs", &user, json!({ "name": "globex" })).await;
    let request =
        limited.request(Method::POST, "/api/auth/cli-tokens", &user).header("latchkey-organization", "globex");
    assert_eq!(answer(request.json(&body("one")).send().await.unwrap()).await.0, StatusCode::CREATED);
    // A revoked one makes room.
    assert_eq!(limited.delete(&format!("/api/auth/cli-tokens/{}", made[0].0), &user).await.0, StatusCode::NO_CONTENT);
    assert_eq!(limited.post("/api/auth/cli-tokens", &user, body("four")).await.0, StatusCode::CREATED);
    assert_eq!(limited.post("/api/auth/cli-tokens", &user, body("five")).await.0, StatusCode::CONFLICT);
    assert_eq!(limited.get("/api/repos", &made[1].1).await.0, StatusCode::OK);
}
