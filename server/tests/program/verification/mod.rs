//! Deciding about requests to other services, over real HTTP.

mod contents;
mod headers;
mod introspection;
mod organizations;
mod questions;
mod signing;

use crate::common::{Server, answer, text};
use insta::assert_json_snapshot;
use latchkey_domain::{Secret, SecretKind, Signature, SignedRequest, sha256};
use latchkey_service::{Clock, Random, SystemClock, SystemRandom};
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_engines!(
    a_proxy_learns_who_it_is,
    a_proxy_learns_why_not,
    a_resource_server_asks_about_its_own_tokens_only,
    a_batch_is_answered_in_order,
    an_introspection_tells_no_more_than_it_must,
    a_signed_request_is_good_once,
    what_was_not_signed_is_refused,
    operators_see_counts,
);

/// A token; its id and secret.
async fn token(server: &Server, user: &str, body: Value) -> (String, String) {
    let (status, created) = server.post("/api/auth/cli-tokens", user, body).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    (text(&created["id"]), text(&created["token"]))
}

async fn all(server: &Server, user: &str, name: &str, scopes: &[&str]) -> (String, String) {
    token(server, user, json!({ "name": name, "scopes": scopes, "allRepositories": true })).await
}

/// Asks as nginx does, about the organization that these tests have; the status, the reason and the answer's headers.
async fn ask(server: &Server, bearer: &str, method: &str, uri: &str) -> (u16, String, HeaderMap) {
    asked_at(server, "/orgs/default/forward-auth", bearer, method, uri, &[]).await
}

/// The same at some address, with more headers.
async fn asked_at(
    server: &Server,
    address: &str,
    bearer: &str,
    method: &str,
    uri: &str,
    more: &[(&str, &str)],
) -> (u16, String, HeaderMap) {
    let request = server.http.get(format!("{}{address}", server.url));
    let request = request.header("x-original-method", method).header("x-original-uri", uri);
    let request = if bearer.is_empty() { request } else { request.bearer_auth(bearer) };
    let request = more.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let reason = headers.get("x-latchkey-reason").map_or("", |reason| reason.to_str().unwrap()).to_owned();
    (status, reason, headers)
}

async fn a_proxy_learns_who_it_is(server: Server) {
    let user = server.log_in().await;
    let (_, repository) = server.post("/api/repos", &user, json!({ "name": "acme/api" })).await;
    let repository = text(&repository["id"]);
    let (id, secret) = all(&server, &user, "CI", &["scans:read", "scans:trigger"]).await;
    let (status, _, headers) = ask(&server, &secret, "GET", "/api/scans/dashboard?page=2").await;
    assert_eq!(status, 200);
    assert_eq!(headers["x-latchkey-token-id"], *id);
    assert_eq!(headers["x-latchkey-organization"], "default");
    assert_eq!(headers["x-latchkey-scopes"], "scans:read scans:trigger");
    assert!(headers.get("x-latchkey-project").is_none());

    for target in [format!("/api/scans/trigger/{repository}"), "/api/scans/trigger/acme/api".to_owned()] {
        // As Envoy asks: the request itself, below the address.
        let asked = format!("{}/forward-auth{target}", server.url);
        let response = server.http.post(asked).bearer_auth(&secret).body("{}").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{target}");
        assert_eq!(response.headers()["x-latchkey-repository"], *repository);
    }
    let (_, seen) = server.get(&format!("/api/auth/cli-tokens/{id}"), &user).await;
    assert!(seen["lastUsedAt"].is_string(), "a decision is a use: {seen}");
}

async fn a_proxy_learns_why_not(server: Server) {
    let user = server.log_in().await;
    let foreign = server.foreign_organization().await;
    for name in ["acme/api", "acme/web"] {
        server.post("/api/repos", &user, json!({ "name": name })).await;
    }
    let (_, reader) = all(&server, &user, "Reader", &["scans:read"]).await;
    let only = json!({ "name": "Only api", "scopes": ["scans:trigger"], "repositories": ["acme/api"] });
    let (_, only) = token(&server, &user, only).await;
    let (_, every) = all(&server, &user, "Every", &["scans:trigger"]).await;
    let (gone, revoked) = all(&server, &user, "Gone", &["scans:read"]).await;
    let unsigned = json!({ "name": "Office", "scopes": ["scans:read"], "allRepositories": true, "allowedNetworks": ["192.0.2.0/24"] });
    let (_, office) = token(&server, &user, unsigned).await;
    assert_eq!(ask(&server, &revoked, "GET", "/api/scans").await.0, 200);
    server.delete(&format!("/api/auth/cli-tokens/{gone}"), &user).await;
    let unknown = Secret::generate(SecretKind::ApiToken, |bytes| SystemRandom.fill(bytes));
    let mistyped = reader.replacen('_', "_0", 1)[..reader.len()].to_owned();

    let scans = "/api/scans/dashboard";
    let foreign_repository = format!("/api/scans/trigger/{}", foreign.repository_id);
    let cases = [
        ("", "GET", scans, 401, "credential-missing"),
        ("ci_x", "GET", scans, 401, "token-malformed"),
        (&mistyped, "GET", scans, 401, "token-checksum"),
        (unknown.reveal(), "GET", scans, 401, "token-unknown"),
        (&revoked, "GET", scans, 401, "token-revoked"),
        (&office, "GET", scans, 401, "token-network"),
        (&user, "GET", scans, 403, "api-tokens-only"),
        (&reader, "POST", "/api/scans/trigger/acme/api", 403, "missing-scope"),
        (&only, "POST", "/api/scans/trigger/acme/api", 200, ""),
        (&only, "POST", "/api/scans/trigger/acme/web", 403, "missing-repository"),
        (&only, "POST", &foreign_repository, 403, "missing-repository"),
        (&every, "POST", "/api/scans/trigger/acme/web", 200, ""),
        (&every, "POST", &foreign_repository, 403, "missing-repository"),
        (&every, "POST", "/api/scans/trigger/no/such", 403, "missing-repository"),
        (&reader, "GET", "/api/everything", 403, "no-route"),
        (&reader, "PURGE", scans, 403, "no-route"),
        (&reader, "GET", "/api/scans/..%2frunners", 403, "ambiguous-request"),
    ];
    for (bearer, method, target, status, reason) in cases {
        let (got, why, headers) = ask(&server, bearer, method, target).await;
        assert_eq!((got, why.as_str()), (status, reason), "{method} {target}");
        assert_eq!(headers.contains_key(WWW_AUTHENTICATE), status == 401 || reason.starts_with("missing"), "{reason}");
        assert_eq!(headers.contains_key("x-latchkey-token-id"), status == 200);
    }
    // A repository that goes away is out of reach at once, also for who has just reached it.
    let (_, repositories) = server.get("/api/repos?query=web", &user).await;
    let web = text(&repositories["items"][0]["id"]);
    assert_eq!(server.delete(&format!("/api/repos/{web}"), &user).await.0, StatusCode::NO_CONTENT);
    assert_eq!(ask(&server, &every, "POST", "/api/scans/trigger/acme/web").await.1, "missing-repository");
    assert!(!server.log().contains(&revoked[3..]), "no secret is logged");
    // Proxies take `404` for a fault of ours.
    let (_, secret) = all(&server, &user, "Lost", &["scans:read"]).await;
    let named = [("latchkey-organization", "a b")];
    let (status, reason, _) = asked_at(&server, "/forward-auth", &secret, "GET", scans, &named).await;
    assert_eq!((status, reason.as_str()), (403, "not-found"));
}

async fn a_resource_server_asks_about_its_own_tokens_only(server: Server) {
    let user = server.log_in().await;
    let foreign = server.foreign_organization().await;
    let (_, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    let (_, presented) = all(&server, &user, "CI", &["scans:read"]).await;
    let ask = async |body: Value| server.post("/api/verify", &asker, body).await;

    let (status, allowed) = ask(json!({ "token": presented, "method": "GET", "path": "/api/scans?x=1" })).await;
    assert_eq!(status, StatusCode::OK);
    assert_json_snapshot!("verified", allowed, {
        ".token.id" => "[id]", ".token.organizationId" => "[id]",
    });
    let (_, denied) = ask(json!({ "token": presented, "scope": "runners:manage" })).await;
    assert_json_snapshot!("denied", denied);
    let (status, other) = ask(json!({ "token": foreign.secret, "scope": "tokens:read" })).await;
    assert_eq!((status, &other["allowed"], &other["reason"]), (StatusCode::OK, &json!(false), &json!("token-unknown")));
    // Of no other kind of credential anything is told, not even that it lives.
    let unknown = Secret::generate(SecretKind::UserToken, |bytes| SystemRandom.fill(bytes));
    for credential in [&user, &foreign.user_token, unknown.reveal()] {
        let (_, other) = ask(json!({ "token": credential, "scope": "tokens:read" })).await;
        assert_eq!((&other["status"], &other["reason"]), (&json!(401), &json!("token-unknown")));
    }
    assert_eq!(ask(json!({ "token": "", "scope": "scans:read" })).await.1["reason"], "credential-missing");

    for (bearer, status, reason) in
        [(&user, StatusCode::FORBIDDEN, "api-tokens-only"), (&presented, StatusCode::FORBIDDEN, "missing-scope")]
    {
        let body = json!({ "token": presented, "scope": "scans:read" });
        let (got, body) = server.post("/api/verify", bearer, body).await;
        assert_eq!((got, &*text(&body["type"])), (status, &*format!("urn:latchkey:problem:{reason}")));
    }
    for body in [
        json!({}),
        json!({ "token": 7 }),
        json!({ "token": presented, "adress": "192.0.2.1" }),
        json!({ "token": presented, "address": "home" }),
        json!({ "token": presented, "method": "GET /" }),
        json!({ "token": presented, "bodyHash": "x" }),
        json!({ "token": "x".repeat(5_000) }),
    ] {
        let (status, answer) = ask(body.clone()).await;
        assert!(status.is_client_error(), "{body}: {answer}");
    }
    let response = server.request(Method::GET, "/api/verify", &asker).send().await.unwrap();
    assert_eq!(answer(response).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

async fn a_batch_is_answered_in_order(server: Server) {
    let user = server.log_in().await;
    let (_, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    let (_, one) = all(&server, &user, "One", &["scans:read"]).await;
    let (_, two) = all(&server, &user, "Two", &["drifts:read"]).await;
    let requests: Vec<_> = [&one, &two, &one]
        .into_iter()
        .map(|token| json!({ "token": token, "method": "GET", "path": "/api/drifts/" }))
        .collect();
    let (status, body) = server.post("/api/verify/batch", &asker, json!({ "requests": requests })).await;
    assert_eq!(status, StatusCode::OK);
    let allowed: Vec<_> = body["results"].as_array().unwrap().iter().map(|result| &result["allowed"]).collect();
    assert_eq!(allowed, [false, true, false]);
    for count in [0, 101] {
        let requests = vec![json!({ "token": one }); count];
        let (status, _) = server.post("/api/verify/batch", &asker, json!({ "requests": requests })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{count}");
    }
}

async fn an_introspection_tells_no_more_than_it_must(server: Server) {
    let user = server.log_in().await;
    let foreign = server.foreign_organization().await;
    let (_, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    let (id, presented) = all(&server, &user, "CI", &["scans:read", "drifts:read"]).await;
    let ask = async |token: &str| {
        let request = server.request(Method::POST, "/oauth/introspect", &asker).form(&[("token", token)]);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-store");
        answer(response).await
    };
    let (status, active) = ask(&presented).await;
    assert_eq!(status, StatusCode::OK);
    assert_json_snapshot!("introspected", active, { ".sub" => "[id]", ".jti" => "[id]", ".iat" => "[time]", ".iss" => "[url]", ".organization_id" => "[id]" });
    server.delete(&format!("/api/auth/cli-tokens/{id}"), &user).await;
    for token in [presented.as_str(), &foreign.secret, "ci_x", &user] {
        assert_eq!(ask(token).await, (StatusCode::OK, json!({ "active": false })));
    }
    let (_, seen) = server.get(&format!("/api/auth/cli-tokens/{id}"), &user).await;
    assert!(seen["lastUsedAt"].is_null(), "being asked about is no use: {seen}");
    let form = server.request(Method::POST, "/oauth/introspect", &asker).json(&json!({ "token": presented }));
    assert_eq!(answer(form.send().await.unwrap()).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

/// Signs a request; the three headers.
fn signed(secret: &str, method: &str, target: &str, body: &[u8], nonce: &str) -> [(&'static str, String); 3] {
    let request = SignedRequest { method, target, body_hash: sha256(body) };
    Signature::sign(&Secret::parse(secret).unwrap(), &request, SystemClock.now(), nonce).headers()
}

async fn send(
    server: &Server,
    bearer: &str,
    method: Method,
    target: &str,
    body: &str,
    headers: &[(&'static str, String)],
) -> (StatusCode, String) {
    let mut request = server.request(method, target, bearer);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    if !body.is_empty() {
        request = request.header("content-type", "application/json").body(body.to_owned());
    }
    let (status, body) = answer(request.send().await.unwrap()).await;
    (status, body["type"].as_str().unwrap_or_default().trim_start_matches("urn:latchkey:problem:").to_owned())
}

async fn a_signed_request_is_good_once(server: Server) {
    let user = server.log_in().await;
    let (_, secret) = all(&server, &user, "Signer", &["repos:read", "repos:write", "scans:read"]).await;
    let target = "/api/repos?limit=5";
    let headers = signed(&secret, "GET", target, b"", "n-1");
    assert_eq!(send(&server, &secret, Method::GET, target, "", &headers).await.0, StatusCode::OK);
    let again = send(&server, &secret, Method::GET, target, "", &headers).await;
    assert_eq!(again, (StatusCode::UNAUTHORIZED, "replayed".to_owned()));
    // Another token may use the same nonce.
    let (_, other) = all(&server, &user, "Other", &["repos:read"]).await;
    let headers = signed(&other, "GET", target, b"", "n-1");
    assert_eq!(send(&server, &other, Method::GET, target, "", &headers).await.0, StatusCode::OK);
    // With a body.
    let body = r#"{"name":"acme/signed"}"#;
    let headers = signed(&secret, "POST", "/api/repos", body.as_bytes(), "n-2");
    assert_eq!(send(&server, &secret, Method::POST, "/api/repos", body, &headers).await.0, StatusCode::CREATED);
    // Sent a hundred times at once, it is good once.
    let headers = signed(&secret, "GET", target, b"", "n-3");
    let all = (0..20).map(|_| send(&server, &secret, Method::GET, target, "", &headers));
    let answers = futures::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == StatusCode::OK).count(), 1, "{answers:?}");
    // Through a proxy.
    let headers = signed(&secret, "GET", "/api/scans?x=1", b"", "n-4");
    for (status, reason) in [(StatusCode::OK, ""), (StatusCode::UNAUTHORIZED, "replayed")] {
        let got = send(&server, &secret, Method::GET, "/forward-auth/api/scans?x=1", "", &headers).await;
        assert_eq!(got, (status, reason.to_owned()));
    }
}

async fn what_was_not_signed_is_refused(server: Server) {
    let user = server.log_in().await;
    let (_, secret) = all(&server, &user, "Signer", &["repos:read", "repos:write"]).await;
    let (_, other) = all(&server, &user, "Other", &["repos:read", "repos:write"]).await;
    let (body, target) = (r#"{"name":"acme/x"}"#, "/api/repos?a=1&b=2");
    let sign = |nonce: &str| signed(&secret, "POST", target, body.as_bytes(), nonce);
    let refused = [
        ("another token", other.as_str(), Method::POST, target, body),
        ("another method", secret.as_str(), Method::GET, target, body),
        ("another path", &secret, Method::POST, "/api/auth/cli-tokens?a=1&b=2", body),
        ("no query", &secret, Method::POST, "/api/repos", body),
        ("another order", &secret, Method::POST, "/api/repos?b=2&a=1", body),
        ("another body", &secret, Method::POST, target, r#"{"name": "acme/x"}"#),
        ("no body", &secret, Method::POST, target, ""),
    ];
    for (what, bearer, method, target, body) in refused {
        let got = send(&server, bearer, method, target, body, &sign("n")).await;
        assert_eq!(got, (StatusCode::UNAUTHORIZED, "signature".to_owned()), "{what}");
    }
    // None of these has used the nonce up.
    let (status, _) = send(&server, &secret, Method::POST, target, body, &sign("n")).await;
    assert_ne!(status, StatusCode::UNAUTHORIZED);

    let late = Signature::sign(
        &Secret::parse(&secret).unwrap(),
        &SignedRequest { method: "GET", target: "/api/repos", body_hash: SignedRequest::NO_BODY },
        SystemClock.now().plus_seconds(-301),
        "late",
    );
    let got = send(&server, &secret, Method::GET, "/api/repos", "", &late.headers()).await;
    assert_eq!(got, (StatusCode::UNAUTHORIZED, "signature".to_owned()));
    let [signature, timestamp, nonce] = signed(&secret, "GET", "/api/repos", b"", "n-5");
    for headers in [vec![signature.clone()], vec![signature.clone(), timestamp.clone()], vec![nonce.clone()]] {
        let got = send(&server, &secret, Method::GET, "/api/repos", "", &headers).await;
        assert_eq!(got, (StatusCode::UNAUTHORIZED, "signature".to_owned()), "{headers:?}");
    }
    let twice = [signature, timestamp, nonce.clone(), nonce];
    let got = send(&server, &secret, Method::GET, "/api/repos", "", &twice).await;
    assert_eq!(got, (StatusCode::UNAUTHORIZED, "signature".to_owned()));
    // 10 MB do not get further than the head of a request.
    let [signature, timestamp, _] = signed(&secret, "GET", "/api/repos", b"", "n-6");
    let huge = ("x-cli-nonce", "n".repeat(10_000_000));
    let mut request = server.request(Method::GET, "/api/repos", &secret);
    for (name, value) in [signature, timestamp, huge] {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(response) => assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        Err(error) => assert!(error.is_request() || error.is_body(), "{error}"),
    }
    assert_eq!(server.get("/api/repos", &secret).await.0, StatusCode::OK, "and the server goes on");
}

async fn operators_see_counts(server: Server) {
    let user = server.log_in().await;
    let (_, secret) = all(&server, &user, "CI", &["scans:read"]).await;
    for _ in 0..3 {
        ask(&server, &secret, "GET", "/api/scans").await;
    }
    ask(&server, &secret, "GET", "/api/runners").await;
    let response = server.http.get(format!("{}/metrics", server.url)).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    for line in [
        "latchkey_verifications_allowed_total 3",
        "latchkey_verifications_refused_total{outcome=\"refused\",reason=\"missing-scope\"} 1",
        "latchkey_verification_seconds_count 4",
        "latchkey_unsigned_requests_total 4",
        "latchkey_cached_tokens 1",
        "latchkey_waiting_uses 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
    }
}
