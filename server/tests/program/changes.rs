//! Changing, rotating and revoking tokens over HTTP; conditions, keys and limits.

use crate::common::{Server, answer, text};
use insta::assert_json_snapshot;
use reqwest::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

on_both_engines!(
    a_token_is_changed_by_who_has_seen_it,
    a_change_says_what_is_wrong,
    a_rotation_hands_over,
    a_request_sent_again_is_answered_again,
    many_are_revoked_at_once,
    credentials_are_limited,
    all_tokens_of_an_organization_are_limited_together,
    whatever_is_refused_is_a_problem,
);

const TOKENS: &str = "/api/auth/cli-tokens";

fn kind(body: &Value) -> &str {
    body["type"].as_str().unwrap().trim_start_matches("urn:latchkey:problem:")
}

fn tag(response: &Response) -> String {
    response.headers()[ETAG].to_str().unwrap().to_owned()
}

async fn a_token_is_changed_by_who_has_seen_it(server: Server) {
    let user = server.log_in().await;
    let (id, secret) = server.create_token(&user, "CI").await;
    let path = format!("{TOKENS}/{id}");
    let read = server.request(Method::GET, &path, &user).send().await.unwrap();
    let seen = tag(&read);
    // Known already: nothing is sent again, also after a use, which is no change.
    server.get("/api/auth/whoami", &secret).await;
    for known in [seen.clone(), format!("W/{seen}"), format!("\"x\", {seen}"), "*".to_owned()] {
        let request = server.request(Method::GET, &path, &user).header(IF_NONE_MATCH, &known);
        let response = request.send().await.unwrap();
        assert_eq!((response.status(), tag(&response)), (StatusCode::NOT_MODIFIED, seen.clone()), "{known}");
        assert_eq!(response.text().await.unwrap(), "");
    }

    let change = async |tag: Option<&str>, body: Value| {
        let mut request = server.request(Method::PATCH, &path, &user).json(&body);
        if let Some(tag) = tag {
            request = request.header(IF_MATCH, tag);
        }
        request.send().await.unwrap()
    };
    let changed = change(
        Some(&seen),
        json!({
            "name": "Narrow", "description": "", "scopes": ["scans:read"], "expiresIn": "30d",
            "allowedNetworks": ["127.0.0.0/8"], "requireSigning": false,
        }),
    )
    .await;
    let new = tag(&changed);
    assert_ne!(new, seen);
    let (status, body) = answer(changed).await;
    assert_eq!(status, StatusCode::OK);
    assert_json_snapshot!("changed", body, {
        ".id" => "[id]", ".prefix" => "[prefix]", ".createdAt" => "[time]", ".expiresAt" => "[time]",
        ".lastUsedAt" => "[time]",
    });
    let (status, refused) = server.get("/api/repos", &secret).await;
    assert_eq!((status, &refused["missing_scope"]), (StatusCode::FORBIDDEN, &json!("repos:read")));

    // Whoever decided on what it was before is told, whatever they want to do.
    for stale in [seen.as_str(), "\"nonsense\"", "nonsense", &format!("W/{new}")] {
        let refused = answer(change(Some(stale), json!({ "name": "x" })).await).await;
        let expected = if stale == seen { "changed" } else { "weak-tag" };
        assert_eq!((refused.0, kind(&refused.1)), (StatusCode::PRECONDITION_FAILED, expected), "{stale}");
        for (method, path) in [(Method::DELETE, path.clone()), (Method::POST, format!("{path}/rotate"))] {
            let response = server.request(method, &path, &user).header(IF_MATCH, stale).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::PRECONDITION_FAILED, "{path} {stale}");
        }
    }
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::OK);
    let (_, body) = answer(change(Some("*"), json!({ "expiresAt": null })).await).await;
    assert_eq!((&body["expiresAt"], &body["name"]), (&Value::Null, &json!("Narrow")));
    // Nothing named, nothing changed.
    let response = change(None, json!({})).await;
    let same = tag(&response);
    // But for the last use, which is written whenever it is written.
    let (mut now, mut body) = (answer(response).await.1, body);
    for field in ["lastUsedAt", "lastUsedFrom"] {
        (now[field], body[field]) = (Value::Null, Value::Null);
    }
    assert_eq!(now, body);
    let response = server.request(Method::DELETE, &path, &user).header(IF_MATCH, same).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let (status, ended) = answer(change(None, json!({ "name": "x" })).await).await;
    assert_eq!((status, kind(&ended)), (StatusCode::CONFLICT, "token-ended"));
    let (status, ended) = server.post(&format!("{path}/rotate"), &user, json!({})).await;
    assert_eq!((status, kind(&ended)), (StatusCode::CONFLICT, "token-ended"));
}

async fn a_change_says_what_is_wrong(server: Server) {
    let user = server.log_in().await;
    let (id, _) = server.create_token(&user, "CI").await;
    let (_, reader) = server.create_token(&user, "taken").await;
    let foreign = server.foreign_organization().await;
    let path = format!("{TOKENS}/{id}");
    let mut seen = Vec::new();
    for (what, body) in [
        ("empty name", json!({ "name": " " })),
        ("taken name", json!({ "name": "TAKEN" })),
        ("no scopes", json!({ "scopes": [] })),
        ("neither all nor a list", json!({ "allRepositories": false })),
        ("both", json!({ "allRepositories": true, "repositories": ["acme/api"] })),
        ("foreign repository", json!({ "repositories": [foreign.repository_id] })),
        ("past expiry", json!({ "expiresAt": "2020-01-01T00:00:00Z" })),
        ("two expiries", json!({ "expiresAt": "2030-01-01T00:00:00Z", "expiresIn": "1h" })),
        ("null name", json!({ "name": null, "level": "instance" })),
        ("project", json!({ "project": "Website" })),
    ] {
        let (status, body) =
            answer(server.request(Method::PATCH, &path, &user).json(&body).send().await.unwrap()).await;
        assert!(status.is_client_error(), "{what}");
        let detail = text(&body["detail"]).replace(&foreign.repository_id, "[id]");
        seen.push(format!("{what}: {} {} {detail}", status.as_u16(), kind(&body)));
    }
    for overlap in [json!("8d"), json!(""), json!(60), json!({})] {
        let (status, body) = server.post(&format!("{path}/rotate"), &user, json!({ "overlap": overlap })).await;
        seen.push(format!("overlap {overlap}: {} {}", status.as_u16(), text(&body["detail"])));
    }
    insta::assert_snapshot!("wrong_changes", seen.join("\n"));
    // A token without the scope, and another organization's.
    for (method, path) in [
        (Method::PATCH, path.clone()),
        (Method::POST, format!("{path}/rotate")),
        (Method::POST, format!("{TOKENS}/revoke")),
    ] {
        let body = if path.ends_with("revoke") { json!({ "ids": [id] }) } else { json!({}) };
        let (status, refused) =
            answer(server.request(method.clone(), &path, &reader).json(&body).send().await.unwrap()).await;
        assert_eq!((status, &refused["missing_scope"]), (StatusCode::FORBIDDEN, &json!("tokens:manage")), "{path}");
        let (status, refused) =
            answer(server.request(method, &path, &foreign.secret).json(&body).send().await.unwrap()).await;
        if path.ends_with("revoke") {
            assert_eq!((status, &refused["skipped"]), (StatusCode::OK, &json!(1)));
        } else {
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    assert_eq!(server.get(&path, &user).await.1["status"], "active");
}

async fn a_rotation_hands_over(server: Server) {
    let other = server.start_again();
    let user = server.log_in().await;
    let (id, old) = server.create_token(&user, "CI").await;
    let path = format!("{TOKENS}/{id}/rotate");
    let refused = async |secret: &str| {
        let (status, body) = other.get("/api/auth/whoami", secret).await;
        (status != StatusCode::OK).then(|| kind(&body).to_owned())
    };
    let response = server.request(Method::POST, &path, &user).json(&json!({ "overlap": "1h" })).send().await.unwrap();
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store, no-transform");
    let (status, rotated) = answer(response).await;
    assert_eq!((status, text(&rotated["id"])), (StatusCode::OK, id.clone()));
    assert!(rotated["overlapUntil"].is_string());
    let new = text(&rotated["token"]);
    assert_eq!((refused(&old).await, refused(&new).await), (None, None));
    assert_eq!(server.get("/api/auth/whoami", &old).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(refused(&old).await.as_deref(), Some("token-rotated"));
    let (_, seen) = server.get(&format!("{TOKENS}/{id}"), &user).await;
    assert_eq!((&seen["overlapUntil"], &seen["token"]), (&Value::Null, &Value::Null));
    // Without a body, at once.
    let response = server.request(Method::POST, &path, &user).send().await.unwrap();
    let (status, rotated) = answer(response).await;
    assert_eq!((status, &rotated["overlapUntil"]), (StatusCode::OK, &Value::Null));
    assert_eq!(refused(&new).await.as_deref(), Some("token-rotated"));
    assert_eq!(refused(&text(&rotated["token"])).await, None);
}

async fn a_request_sent_again_is_answered_again(server: Server) {
    let other = server.start_again();
    let user = server.log_in().await;
    let body = json!({ "name": "CI", "scopes": ["scans:read"], "allRepositories": true });
    let send = async |server: &Server, user: &str, path: &str, key: &str, body: &Value| {
        answer(server.request(Method::POST, path, user).header("Idempotency-Key", key).json(body).send().await.unwrap())
            .await
    };
    let (status, first) = send(&server, &user, TOKENS, "\"8e03978e\"", &body).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    // On another replica, which has the same root key; with or without the quotes of the draft.
    let (status, again) = send(&other, &user, TOKENS, "8e03978e", &body).await;
    assert_eq!((status, &again["token"], &again["id"]), (StatusCode::CREATED, &first["token"], &first["id"]));
    assert_eq!(server.get("/api/auth/whoami", &text(&again["token"])).await.0, StatusCode::OK);
    let mut another = body.clone();
    another["name"] = json!("Another");
    let (status, refused) = send(&server, &user, TOKENS, "8e03978e", &another).await;
    assert_eq!((status, kind(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused"));
    // Another organization is another request.
    let request = server.request(Method::POST, TOKENS, &user).header("latchkey-organization", "nowhere");
    let response = request.header("Idempotency-Key", "8e03978e").json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let long = "k".repeat(256);
    for wrong in ["", "a b", "\"", long.as_str()] {
        let (status, refused) = send(&server, &user, TOKENS, wrong, &another).await;
        // A lone quote is a visible character like any other.
        let fine = wrong == "\"";
        assert_eq!(status.is_success(), fine, "{wrong}: {refused}");
        assert!(fine || refused["errors"][0]["field"] == "Idempotency-Key");
    }
    // Many at once make one.
    another["name"] = json!("At once");
    let (a, b, c) = tokio::join!(
        send(&server, &user, TOKENS, "once", &another),
        send(&other, &user, TOKENS, "once", &another),
        send(&server, &user, TOKENS, "once", &another),
    );
    let made: Vec<_> = [a, b, c].into_iter().filter(|(status, _)| *status == StatusCode::CREATED).collect();
    assert!(!made.is_empty() && made.iter().all(|(_, body)| body["token"] == made[0].1["token"]));
    let rotate = format!("{TOKENS}/{}/rotate", text(&first["id"]));
    let (_, one) = send(&server, &user, &rotate, "k", &json!({})).await;
    let (status, two) = send(&other, &user, &rotate, "k", &json!({})).await;
    assert_eq!((status, &one["token"]), (StatusCode::OK, &two["token"]));
    assert_ne!(one["token"], first["token"]);
    let (status, spent) = send(&server, &user, TOKENS, "8e03978e", &body).await;
    assert_eq!((status, kind(&spent)), (StatusCode::CONFLICT, "idempotency-spent"));
}

async fn many_are_revoked_at_once(server: Server) {
    let user = server.log_in().await;
    let (one, secret) = server.create_token(&user, "one").await;
    let (two, _) = server.create_token(&user, "two").await;
    let path = format!("{TOKENS}/revoke");
    let (status, done) = server.post(&path, &user, json!({ "ids": [one, two, "nonsense"] })).await;
    assert_eq!(status, StatusCode::OK);
    assert_json_snapshot!("revoked_many", done, { ".revoked[].id" => "[id]" });
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::UNAUTHORIZED);
    for ids in [vec![], vec![one; 101]] {
        let (status, refused) = server.post(&path, &user, json!({ "ids": ids })).await;
        assert_eq!((status, &refused["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("ids")));
    }
}

async fn credentials_are_limited(server: Server) {
    let limited = Server::start_with(
        server.directory.clone(),
        server.database_url.clone(),
        &[("LATCHKEY_API_RATE_LIMIT", "3")],
        true,
    );
    let user = limited.log_in().await;
    let (_, secret) = server.create_token(&user, "CI").await;
    let get = async |server: &Server, token: &str| {
        server.request(Method::GET, "/api/auth/whoami", token).send().await.unwrap()
    };
    for left in ["r=2", "r=1", "r=0"] {
        let response = get(&limited, &secret).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["ratelimit-policy"], "\"default\";q=3;w=60");
        let state = response.headers()["ratelimit"].to_str().unwrap().to_owned();
        assert!(state.starts_with("\"default\";") && state.contains(left), "{state}");
    }
    let response = get(&limited, &secret).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let wait: u64 = response.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait) && response.headers().contains_key("ratelimit"), "{wait}");
    let (status, body) = answer(response).await;
    assert_eq!((status, kind(&body)), (StatusCode::TOO_MANY_REQUESTS, "rate-limited"));
    // Nor does it get any further by another door.
    let call = limited.request(Method::POST, "/controlplane.v1.APITokenService/List", &secret);
    let response = call.header(CONTENT_TYPE, "application/grpc-web+proto").body(vec![0; 5]).send().await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "8");
    // Another credential is not held up by this one, nor is anybody by garbage.
    assert_eq!(get(&limited, &user).await.status(), StatusCode::OK);
    for _ in 0..5 {
        let response = get(&limited, "garbage").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(!response.headers().contains_key("ratelimit"));
    }
    assert_eq!(get(&server, &secret).await.headers()["ratelimit-policy"], "\"default\";q=1200;w=60");
}

async fn all_tokens_of_an_organization_are_limited_together(server: Server) {
    let limited = Server::start_with(
        server.directory.clone(),
        server.database_url.clone(),
        &[("LATCHKEY_API_RATE_LIMIT", "4"), ("LATCHKEY_ORGANIZATION_RATE_LIMIT", "6")],
        true,
    );
    let user = limited.log_in().await;
    let (_, one) = limited.create_token(&user, "One").await;
    let (_, two) = limited.create_token(&user, "Two").await;
    let get = async |token: &str| limited.request(Method::GET, "/api/auth/whoami", token).send().await.unwrap();
    for _ in 0..3 {
        let response = get(&one).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers().get_all("ratelimit").iter().count(), 1);
    }
    let response = get(&two).await;
    let told: Vec<_> = response.headers().get_all("ratelimit").iter().map(|line| line.to_str().unwrap()).collect();
    assert!(told[0].starts_with("\"default\";r=3;") && told[1].starts_with("\"organization\";r=2;"), "{told:?}");
    for _ in 0..2 {
        assert_eq!(get(&two).await.status(), StatusCode::OK);
    }
    let (status, body) = answer(get(&two).await).await;
    assert_eq!((status, kind(&body)), (StatusCode::TOO_MANY_REQUESTS, "rate-limited"));
    assert!(body["detail"].as_str().unwrap().contains("all API tokens of an organization"), "{body}");
    // What a token is refused for by itself is not taken from the others; and people go on whatever tokens do.
    assert_eq!(get(&user).await.status(), StatusCode::OK);
}

async fn whatever_is_refused_is_a_problem(server: Server) {
    let user = server.log_in().await;
    let mut seen = Vec::new();
    for (method, path, content, body) in [
        ("GET", "/api", "", ""),
        ("GET", "/api/nowhere/at/all", "", ""),
        ("POST", "/api/auth/whoami", "", ""),
        ("PUT", "/api/auth/cli-tokens/x", "", ""),
        ("GET", "/api/auth/cli-tokens/x/rotate", "", ""),
        ("GET", "/api/auth/cli-tokens/%ff", "", ""),
        ("PATCH", "/api/auth/cli-tokens/%ff", "application/json", "{}"),
        ("GET", "/api/auth/cli-tokens?limit=x", "", ""),
        ("POST", "/api/auth/cli-tokens", "application/json", "{"),
        ("POST", "/api/auth/cli-tokens", "application/json", "[]"),
        ("POST", "/api/auth/cli-tokens", "text/plain", "{}"),
        ("POST", "/api/auth/cli-tokens", "", ""),
        ("PATCH", "/api/auth/cli-tokens/x", "", "{}"),
        ("PATCH", "/api/auth/cli-tokens/x", "application/json", "BIG"),
        ("POST", "/api/auth/cli-tokens/x/rotate", "application/json", "BIG"),
        ("POST", "/api/auth/cli-tokens/x/rotate", "application/json", "{"),
        ("POST", "/api/auth/cli-tokens/x/rotate", "text/plain", "{}"),
        ("POST", "/healthz", "", ""),
        ("DELETE", "/openapi.json", "", ""),
    ] {
        let mut request = server.request(method.parse().unwrap(), path, &user);
        if !content.is_empty() {
            request = request.header(CONTENT_TYPE, content);
        }
        let sent = if body == "BIG" { " ".repeat(1_100_000) } else { body.to_owned() };
        let response = request.body(sent).send().await.unwrap();
        let what = format!("{method} {path} {content} {body}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json", "{what}");
        let allow = response.headers().get(ALLOW).map(|allow| format!(" Allow: {}", allow.to_str().unwrap()));
        let (status, body) = answer(response).await;
        assert_eq!((body["status"].as_u64(), body["instance"].is_string()), (Some(status.as_u16().into()), true));
        seen.push(format!("{what}: {} {}{}", status.as_u16(), kind(&body), allow.unwrap_or_default()));
    }
    insta::assert_snapshot!("refused", seen.join("\n"));
}
