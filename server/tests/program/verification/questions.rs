//! What can be asked: a question in part is none, and everything that is named must hold.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{all, asked_at, token};
use crate::common::{Server, answer, text};

on_both_engines!(
    a_question_in_part_is_none,
    everything_that_is_named_must_hold,
    one_bad_item_is_no_matter_of_the_others,
    names_of_people_arrive_as_they_are,
);

/// The fields that an answer says are wrong.
fn fields(body: &Value) -> Vec<String> {
    body["errors"].as_array().into_iter().flatten().map(|error| text(&error["field"])).collect()
}

async fn a_question_in_part_is_none(server: Server) {
    let user = server.log_in().await;
    server.post("/api/repos", &user, json!({ "name": "acme/api" })).await;
    let (_, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    let (_, reader) = all(&server, &user, "CI", &["scans:read"]).await;
    let (path, repository) = ("/api/scans/trigger/acme/api", "acme/api");
    for (asked, wrong) in [
        (json!({}), vec!["scope"]),
        (json!({ "method": "POST" }), vec!["path"]),
        (json!({ "path": path }), vec!["method"]),
        (json!({ "repository": repository }), vec!["scope"]),
        (json!({ "organization": "default" }), vec!["scope"]),
        (json!({ "organizations": "any" }), vec!["scope"]),
        (json!({ "address": "192.0.2.1", "userAgent": "curl" }), vec!["scope"]),
        (json!({ "method": "POST", "repository": repository }), vec!["path"]),
        (json!({ "path": path, "repository": repository }), vec!["method"]),
        (json!({ "method": "GET", "scope": "scans:read" }), vec!["path"]),
        (json!({ "path": path, "scope": "scans:read" }), vec!["method"]),
        (json!({ "scope": null, "method": null, "path": null }), vec!["scope"]),
        (json!({ "scope": null, "method": "GET", "path": null }), vec!["path"]),
        // Nothing is no answer to what.
        (json!({ "scope": "" }), vec!["scope"]),
        (json!({ "scope": " scans:read" }), vec!["scope"]),
        (json!({ "scope": "scans:everything" }), vec!["scope"]),
        (json!({ "scope": "scans" }), vec!["scope"]),
        (json!({ "scope": "*" }), vec!["scope"]),
        (json!({ "method": "GET", "path": "" }), vec!["path"]),
        (json!({ "method": "GET", "path": "api/scans" }), vec!["path"]),
        (json!({ "method": "GET", "path": "https://host/api/scans" }), vec!["path"]),
        (json!({ "method": "OPTIONS", "path": "*" }), vec!["path"]),
        (json!({ "method": "", "path": "/api/scans" }), vec!["method"]),
        (json!({ "method": "", "path": "" }), vec!["method", "path"]),
        (json!({ "scope": "scans:read", "repository": "" }), vec!["repository"]),
        (json!({ "scope": "scans:read", "repository": " " }), vec!["repository"]),
        (json!({ "scope": "scans:read", "organization": "" }), vec!["organization"]),
        (json!({ "scope": "scans:read", "address": "" }), vec!["address"]),
        (json!({ "scope": "scans:read", "address": "192.0.2.1:80" }), vec!["address"]),
        (json!({ "scope": "scans:read", "bodyHash": "" }), vec!["bodyHash"]),
        (json!({ "scope": "", "address": "home", "repository": "" }), vec!["repository", "scope", "address"]),
        (json!({ "scope": "x".repeat(5_000) }), vec!["scope"]),
        (
            json!({ "scope": "scans:read", "signature": { "signature": "0", "timestamp": "0", "nonce": "0" } }),
            vec!["signature"],
        ),
    ] {
        let mut body = asked.clone();
        body["token"] = json!(reader);
        let (status, problem) = server.post("/api/verify", &asker, body.clone()).await;
        assert_eq!((status.as_u16(), fields(&problem).join(" ")), (422, wrong.join(" ")), "{asked}");
        let (status, batch) = server.post("/api/verify/batch", &asker, json!({ "requests": [body] })).await;
        assert_eq!(status, StatusCode::OK);
        let result = &batch["results"][0];
        assert_eq!((&result["allowed"], &result["status"]), (&json!(false), &json!(422)), "{asked}");
        assert_eq!((&result["errors"], &result["detail"]), (&problem["errors"], &problem["detail"]), "{asked}");
    }
    // Of a wrong form altogether.
    for body in [json!({ "scope": "scans:read" }), json!([]), json!("ci_x"), json!(null), json!({ "token": 7 })] {
        let (status, _) = server.post("/api/verify", &asker, body.clone()).await;
        assert!(status.is_client_error(), "{body}");
    }
    let twice = format!(r#"{{"token":"{reader}","scope":"scans:trigger","scope":"scans:read"}}"#);
    let request = server.request(Method::POST, "/api/verify", &asker).header("content-type", "application/json");
    let (status, answer) = answer(request.body(twice).send().await.unwrap()).await;
    assert!(status.is_client_error(), "the last of two is not taken: {answer}");
}

async fn everything_that_is_named_must_hold(server: Server) {
    let user = server.log_in().await;
    for name in ["acme/api", "acme/web"] {
        server.post("/api/repos", &user, json!({ "name": name })).await;
    }
    let (_, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    let (_, reader) = all(&server, &user, "Reader", &["scans:read"]).await;
    let trigger = json!({ "name": "Trigger", "scopes": ["scans:trigger"], "repositories": ["acme/api"] });
    let (_, trigger) = token(&server, &user, trigger).await;
    let (api, web) = ("/api/scans/trigger/acme/api", "/api/scans/trigger/acme/web");
    for (token, asked, reason) in [
        // Each of these was a yes to a question that had been asked in part.
        (&reader, json!({ "method": "POST", "path": api, "repository": "acme/api" }), "missing-scope"),
        (&reader, json!({ "method": "POST", "path": api, "scope": "scans:read" }), "missing-scope"),
        (&reader, json!({ "method": "POST", "path": "/api/nothing", "scope": "scans:read" }), "no-route"),
        (&reader, json!({ "method": "GET", "path": "/api//scans", "scope": "scans:read" }), "no-route"),
        (&trigger, json!({ "method": "POST", "path": web, "repository": "acme/api" }), "missing-repository"),
        (&trigger, json!({ "method": "POST", "path": api, "repository": "acme/web" }), "missing-repository"),
        (&trigger, json!({ "method": "POST", "path": api, "scope": "scans:read" }), "missing-scope"),
        (&trigger, json!({ "method": "POST", "path": api, "organization": "globex" }), "other-organization"),
        (&trigger, json!({ "scope": "scans:trigger", "repository": "acme/web" }), "missing-repository"),
        (&trigger, json!({ "method": "POST", "path": api }), ""),
        (&trigger, json!({ "method": "POST", "path": api, "scope": "scans:trigger", "repository": "acme/api" }), ""),
        (&trigger, json!({ "scope": "scans:trigger", "repository": "acme/api" }), ""),
        (&trigger, json!({ "scope": "scans:trigger" }), ""),
        (&reader, json!({ "method": "GET", "path": "/api/scans", "repository": "acme/api" }), ""),
    ] {
        let mut body = asked.clone();
        body["token"] = json!(token);
        let (status, decision) = server.post("/api/verify", &asker, body).await;
        let why = decision["reason"].as_str().unwrap_or_default();
        assert_eq!((status, why), (StatusCode::OK, reason), "{asked}");
        assert_eq!(decision["allowed"], reason.is_empty(), "{asked}");
    }
}

async fn one_bad_item_is_no_matter_of_the_others(server: Server) {
    let user = server.log_in().await;
    let (_, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    let (_, secret) = all(&server, &user, "CI", &["scans:read"]).await;
    let good = json!({ "token": secret, "scope": "scans:read" });
    let bad = [
        json!({ "token": secret, "scope": "scans:read", "adress": "192.0.2.1" }),
        json!({ "token": secret }),
        json!({ "scope": "scans:read" }),
        json!({ "token": 7, "scope": "scans:read" }),
        json!({ "token": secret, "scope": "scans:read", "address": "home" }),
        json!({ "token": secret, "scope": "scans:read", "organizations": [] }),
        json!({ "token": secret, "scope": "scans:read", "organizations": "acme" }),
        json!({ "token": "x".repeat(5_000), "scope": "scans:read" }),
        json!(null),
        json!([]),
        json!("request"),
    ];
    let requests: Vec<_> = bad.iter().flat_map(|bad| [&good, bad]).cloned().collect();
    let (status, body) = server.post("/api/verify/batch", &asker, json!({ "requests": requests })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let results = body["results"].as_array().unwrap();
    assert_eq!(results.len(), requests.len());
    for (request, result) in requests.iter().zip(results) {
        if *request == good {
            assert_eq!(result["status"], 200);
            continue;
        }
        assert_eq!((&result["allowed"], &result["status"]), (&json!(false), &json!(422)), "{request}");
        assert_eq!(result["reason"], "invalid");
        assert!(!text(&result["detail"]).is_empty() && !fields(result).is_empty(), "{request}: {result}");
    }
    // What is named twice in an item is no choice.
    let twice = format!(r#"{{"requests":[{{"token":"{secret}","scope":"scans:trigger","scope":"scans:read"}}]}}"#);
    let request = server.request(Method::POST, "/api/verify/batch", &asker).header("content-type", "application/json");
    let (_, body) = answer(request.body(twice).send().await.unwrap()).await;
    assert_eq!(body["results"][0]["status"], 422, "{body}");
    // What is wrong with all of it is.
    for body in [
        json!({ "requests": [] }),
        json!({ "requests": vec![good.clone(); 101] }),
        json!({ "requests": [good], "request": 1 }),
        json!({ "requests": [good], "organizations": [] }),
        json!({ "requests": good }),
        json!([good]),
    ] {
        let (status, problem) = server.post("/api/verify/batch", &asker, body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    }
}

async fn names_of_people_arrive_as_they_are(server: Server) {
    let user = server.log_in().await;
    for (name, encoded) in [
        ("Größe 測試", "Gr%C3%B6%C3%9Fe%20%E6%B8%AC%E8%A9%A6"),
        ("100 % a+b, \"c\"; d=e_f~g.h-i", "100%20%25%20a%2Bb%2C%20%22c%22%3B%20d%3De_f~g.h-i"),
        ("🚀", "%F0%9F%9A%80"),
    ] {
        let (_, project) = server.post("/api/projects", &user, json!({ "name": name })).await;
        let body = json!({
            "name": name, "scopes": ["scans:read"], "allRepositories": true, "project": project["id"],
        });
        let (_, secret) = token(&server, &user, body).await;
        let at = "/orgs/default/forward-auth";
        let (status, _, headers) = asked_at(&server, at, &secret, "GET", "/api/scans", &[]).await;
        assert_eq!(status, 200);
        assert_eq!(headers["x-latchkey-project"], encoded);
        assert_eq!(headers["x-latchkey-project-id"], text(&project["id"]));
        assert!(headers.values().all(|value| value.as_bytes().is_ascii()), "{headers:?}");
        let (_, asker) = all(&server, &user, &format!("asks {name}"), &["tokens:introspect"]).await;
        let asked = json!({ "token": secret, "scope": "scans:read" });
        let (_, decision) = server.post("/api/verify", &asker, asked).await;
        assert_eq!((&decision["token"]["project"], &decision["token"]["projectId"]), (&json!(name), &project["id"]));
        let (_, told) = super::introspection::introspect(&server, &asker, &[("token", &secret)]).await;
        assert_eq!((&told["project"], &told["project_id"]), (&json!(name), &project["id"]));
        assert_eq!(told["organization_id"], decision["token"]["organizationId"]);
    }
    // Those that have no project have no such header.
    let (_, secret) = all(&server, &user, "CI", &["scans:read"]).await;
    let (_, _, headers) = asked_at(&server, "/forward-auth", &secret, "GET", "/api/scans", &[]).await;
    assert!(!headers.contains_key("x-latchkey-project") && !headers.contains_key("x-latchkey-project-id"));
}

/// Browsers ask without a credential what a page of another origin may send; the service behind answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_passes_where_the_route_file_says_so() {
    let first = Server::start();
    let user = first.log_in().await;
    let (_, secret) = all(&first, &user, "CI", &["scans:read", "scans:trigger"]).await;
    // A preflight is about no organization.
    first.post("/api/orgs", &user, json!({ "name": "acme" })).await;
    let file = first.directory.join("routes.toml");
    let routes = "[[routes]]\npath = '/open/{id}'\nmethods = ['GET', 'PUT']\nscope = 'scans:read'\ncors = true\n\
        [[routes]]\npath = '/open/{id}'\nmethods = ['DELETE']\nscope = 'scans:trigger'\n\
        [[routes]]\npath = '/closed'\nmethods = ['GET']\n";
    std::fs::write(&file, routes).unwrap();
    let file = file.display().to_string();
    let environment = [("LATCHKEY_ROUTES_FILE", file.as_str())];
    let server = Server::start_with(first.directory.clone(), first.database_url.clone(), &environment, true);
    const ORIGIN: (&str, &str) = ("origin", "https://app.example.com");
    let wants = |method| ("access-control-request-method", method);
    for (method, target, more, status) in [
        ("OPTIONS", "/open/7", vec![ORIGIN, wants("PUT")], 200),
        (
            "OPTIONS",
            "/open/7?x=1",
            vec![ORIGIN, wants("GET"), ("access-control-request-headers", "authorization")],
            200,
        ),
        ("OPTIONS", "/open/7", vec![("origin", "null"), wants("HEAD")], 200),
        // Another method, path or rule.
        ("OPTIONS", "/open/7", vec![ORIGIN, wants("DELETE")], 401),
        ("OPTIONS", "/open/7", vec![ORIGIN, wants("PATCH")], 401),
        ("OPTIONS", "/open/7", vec![ORIGIN, wants("put")], 401),
        ("OPTIONS", "/closed", vec![ORIGIN, wants("GET")], 401),
        ("OPTIONS", "/open/7/more", vec![ORIGIN, wants("GET")], 401),
        ("OPTIONS", "/open/../closed", vec![ORIGIN, wants("GET")], 401),
        ("OPTIONS", "*", vec![ORIGIN, wants("GET")], 401),
        // No preflight.
        ("OPTIONS", "/open/7", vec![wants("PUT")], 401),
        ("OPTIONS", "/open/7", vec![ORIGIN], 401),
        ("OPTIONS", "/open/7", vec![("origin", ""), wants("PUT")], 401),
        ("OPTIONS", "/open/7", vec![ORIGIN, ORIGIN, wants("PUT")], 401),
        ("OPTIONS", "/open/7", vec![ORIGIN, wants("PUT"), wants("DELETE")], 401),
        ("OPTIONS", "/open/7", vec![ORIGIN, wants("PUT"), ("authorization", "Basic Og==")], 401),
        ("GET", "/open/7", vec![ORIGIN, wants("PUT")], 401),
        ("PUT", "/open/7", vec![ORIGIN, wants("PUT")], 401),
        ("options", "/open/7", vec![ORIGIN, wants("PUT")], 401),
    ] {
        for at in ["/forward-auth", "/orgs/default/forward-auth"] {
            let (got, _, headers) = asked_at(&server, at, "", method, target, &more).await;
            assert_eq!(got, status, "{method} {target} {more:?}");
            let who = |headers: &HeaderMap| headers.keys().any(|name| name.as_str().starts_with("x-latchkey-token"));
            assert!(!who(&headers), "nobody has sent it");
        }
    }
    // As Envoy asks.
    let asked = format!("{}/forward-auth/open/7", server.url);
    for (wanted, status) in [("PUT", StatusCode::OK), ("DELETE", StatusCode::UNAUTHORIZED)] {
        let request = server.http.request(Method::OPTIONS, &asked).header(ORIGIN.0, ORIGIN.1);
        let response = request.header("access-control-request-method", wanted).send().await.unwrap();
        assert_eq!(response.status(), status);
    }
    // With a credential it is a request as any other, and the file has no rule for it.
    let preflight = [ORIGIN, wants("PUT")];
    let (_, reason, _) = asked_at(&server, "/forward-auth", &secret, "OPTIONS", "/open/7", &preflight).await;
    assert_eq!(reason, "no-route");
    // What follows needs its credential.
    let (status, reason, _) = asked_at(&server, "/forward-auth", "", "PUT", "/open/7", &[ORIGIN]).await;
    assert_eq!((status, reason.as_str()), (401, "credential-missing"));
}
