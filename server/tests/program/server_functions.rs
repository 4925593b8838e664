//! Every server function that the pages have, from each side that it can be attacked from.

use std::collections::BTreeSet;

use crate::common::{EMAIL, PASSWORD, Server, answer, text};
use reqwest::{Client, Method, Response, StatusCode, redirect::Policy};
use serde_json::{Value, json};

/// What a function is called with, and what a viewer of the organization gets: `Ok`, or the code of a failure.
struct Case {
    function: &'static str,
    body: Value,
    viewer: &'static str,
}

/// A function that is not here fails the test. The last ones change something.
fn cases(organization: &str, token: &str) -> Vec<Case> {
    let values = json!({
        "name": "From the page", "description": "", "expires": "Never", "expires_on": "", "scopes": ["repos:read"],
        "all_repositories": true, "repositories": [], "in_project": false, "project": "", "networks": "",
    });
    let case = |function, viewer, body: Value| {
        let mut body = body;
        body["organization"] = json!(organization);
        Case { function, body, viewer }
    };
    vec![
        case("list_tokens", "Ok", json!({ "query": "status=all&q=c" })),
        case("search_repositories", "Ok", json!({ "query": "" })),
        case("preview_auto_revoke", "Ok", json!({ "days": 90 })),
        case("create_token", "Forbidden", json!({ "creation_key": uuid::Uuid::nil(), "values": values })),
        case("set_auto_revoke", "Forbidden", json!({ "days": 90, "confirmed": 0 })),
        case("revoke_tokens", "Forbidden", json!({ "ids": [token] })),
    ]
}

fn browser() -> Client {
    Client::builder().redirect(Policy::none()).cookie_store(true).build().unwrap()
}

async fn signed_in(server: &Server, email: &str) -> Client {
    let browser = browser();
    let form = [("email", email), ("password", PASSWORD)];
    let request = browser.post(format!("{}/login", server.url)).header("sec-fetch-site", "same-origin");
    assert_eq!(request.form(&form).send().await.unwrap().status(), StatusCode::SEE_OTHER);
    browser
}

async fn call(server: &Server, browser: &Client, function: &str, body: &Value) -> Response {
    let request = browser.post(format!("{}/_fn/{function}", server.url)).header("sec-fetch-site", "same-origin");
    let response = request.json(body).send().await.unwrap();
    let kept = response.headers().get("cache-control").map(|value| value.to_str().unwrap().to_owned());
    assert!(kept.is_some_and(|value| value.contains("no-store")), "{function}: no cache keeps its answer");
    response
}

/// `Ok`, or the code of the failure.
async fn outcome(response: Response) -> String {
    let (status, body) = answer(response).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    if body.get("Ok").is_some() { "Ok".to_owned() } else { text(&body["Err"]["code"]) }
}

/// All that the functions could change.
async fn state(server: &Server, admin: &str) -> Value {
    let (_, tokens) = server.get("/api/auth/cli-tokens?status=all", admin).await;
    let (_, auto_revoke) = server.get("/api/orgs/default/auto-revoke", admin).await;
    json!([tokens, auto_revoke["days"]])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_for_its_callers_alone() {
    let server = Server::start();
    let admin = server.log_in().await;
    let (token, _) = server.create_token(&admin, "CI").await;
    server.join(&admin, "viewer@example.com", "viewer").await;
    let foreign = server.foreign_organization().await;
    let (owner, viewer) = (signed_in(&server, EMAIL).await, signed_in(&server, "viewer@example.com").await);
    // Unlike the owner, who is an instance admin, of no other organization.
    server.join(&admin, "admin@example.com", "admin").await;
    let member = signed_in(&server, "admin@example.com").await;

    let known: BTreeSet<_> = cases("default", &token).iter().map(|case| format!("/_fn/{}", case.function)).collect();
    let registered: BTreeSet<_> = latchkey_app::server_fns::paths().into_iter().collect();
    assert_eq!(registered, known, "a new server function needs a case here");

    let before = state(&server, &admin).await;
    for Case { function, body, viewer: expected } in cases("default", &token) {
        let path = format!("{}/_fn/{function}", server.url);
        assert_eq!(outcome(call(&server, &browser(), function, &body).await).await, "SignedOut", "{function}");
        if expected != "Ok" {
            assert_eq!(outcome(call(&server, &viewer, function, &body).await).await, expected, "{function}");
        }

        for site in [Some("cross-site"), Some("same-site"), None] {
            let request = owner.post(&path).json(&body);
            let request = site.into_iter().fold(request, |request, site| request.header("sec-fetch-site", site));
            assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{function}: {site:?}");
        }
        let elsewhere = owner.post(&path).header("origin", "https://evil.example").json(&body).send().await.unwrap();
        assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN, "{function}");

        for method in [Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE] {
            let request = owner.request(method.clone(), &path).header("sec-fetch-site", "same-origin").json(&body);
            assert_eq!(request.send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {function}");
        }
        let form = owner.post(&path).header("sec-fetch-site", "same-origin").form(&[("organization", "default")]);
        assert_eq!(form.send().await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{function}");

        let mut large = body.clone();
        large["organization"] = json!("x".repeat(10 * 1024 * 1024));
        let request = owner.post(&path).header("sec-fetch-site", "same-origin").json(&large);
        // The server does not read to the end of it, so that the answer may be lost.
        if let Ok(response) = request.send().await {
            assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{function}");
        }
        for part in [json!({}), json!([]), json!(null), json!({ "organization": 1 })] {
            let refused = call(&server, &owner, function, &part).await;
            assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{function}: {part}");
        }
    }
    for Case { function, body, .. } in cases("globex", &foreign.token_id) {
        assert_eq!(outcome(call(&server, &member, function, &body).await).await, "NotFound", "{function}");
    }
    for Case { function, body, .. } in cases("nowhere", &token) {
        assert_eq!(outcome(call(&server, &member, function, &body).await).await, "NotFound", "{function}");
    }
    assert_eq!(state(&server, &admin).await, before, "nothing was changed by any of them");

    for Case { function, body, viewer: expected } in cases("default", &token) {
        if expected == "Ok" {
            assert_eq!(outcome(call(&server, &viewer, function, &body).await).await, "Ok", "{function}");
        }
        assert_eq!(outcome(call(&server, &owner, function, &body).await).await, "Ok", "{function}");
    }
    let after = state(&server, &admin).await;
    assert_eq!(after[1], 90, "what is accepted is done: {after}");
    assert_eq!(after[0]["items"].as_array().unwrap().len(), 2, "{after}");
    assert!(after[0]["items"].as_array().unwrap().iter().any(|token| !token["revokedAt"].is_null()), "{after}");
}

/// A token of another organization is none, also beside one's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_token_is_not_revoked_from_the_page() {
    let server = Server::start();
    let admin = server.log_in().await;
    let (own, _) = server.create_token(&admin, "CI").await;
    let foreign = server.foreign_organization().await;
    let owner = signed_in(&server, EMAIL).await;
    let body = json!({ "organization": "default", "ids": [foreign.token_id, own, "nonsense"] });
    let (_, revoked) = answer(call(&server, &owner, "revoke_tokens", &body).await).await;
    assert_eq!(revoked["Ok"]["ids"], json!([own]), "{revoked}");
    let (status, _) = server.get("/api/auth/whoami", &foreign.secret).await;
    assert_eq!(status, StatusCode::OK);
}
