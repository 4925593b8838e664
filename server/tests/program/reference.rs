//! The description of the API says what the API does.

use crate::common;
use std::collections::{BTreeMap, BTreeSet};

use crate::common::{Server, answer, text};
use reqwest::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// What the titles of operations begin with.
const VERBS: [&str; 20] = [
    "Accept",
    "Add",
    "Authorize",
    "Change",
    "Create",
    "Delete",
    "End",
    "Introspect",
    "Invite",
    "List",
    "Lock",
    "Preview",
    "Release",
    "Remove",
    "Revoke",
    "Rotate",
    "Set",
    "Show",
    "Sign",
    "Verify",
];

async fn document(server: &Server) -> Value {
    server.get("/openapi.json", "").await.1
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    each.collect()
}

/// The media type and the example of what is sent; nothing, where nothing is.
fn body_of(operation: &Value) -> (String, Value) {
    let content = operation["requestBody"]["content"].as_object().and_then(|content| content.iter().next());
    content.map_or_else(Default::default, |(kind, content)| (kind.clone(), content["example"].clone()))
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The fields of an object, and those that must be there; of each form that it can have.
fn forms(document: &Value, schema: &Value) -> Vec<(BTreeSet<String>, BTreeSet<String>)> {
    if let Some(reference) = schema["$ref"].as_str() {
        return forms(document, document.pointer(&reference[1..]).unwrap());
    }
    if let Some(several) = schema["oneOf"].as_array() {
        return several.iter().flat_map(|form| forms(document, form)).collect();
    }
    let names = |value: &Value| value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let required = schema["required"].as_array().into_iter().flatten().map(text).collect();
    let mut whole: (BTreeSet<String>, BTreeSet<String>) = (names(&schema["properties"]), required);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        for (all, required) in forms(document, part) {
            whole.0.extend(all);
            whole.1.extend(required);
        }
    }
    vec![whole]
}

/// Whether a value has what its schema asks for, and nothing that it does not know.
fn follows(document: &Value, schema: &Value, value: &Value) -> bool {
    let has: BTreeSet<String> = keys(value).into_iter().map(str::to_owned).collect();
    forms(document, schema).iter().any(|(all, required)| required.is_subset(&has) && has.is_subset(all))
}

/// Follows every reference.
fn check_references(document: &Value, part: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref") {
                let pointer = reference.as_str().unwrap().trim_start_matches('#');
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            members.values().for_each(|member| check_references(document, member));
        }
        Value::Array(items) => items.iter().for_each(|item| check_references(document, item)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_description_is_whole() {
    let server = Server::start();
    let document = document(&server).await;
    assert_eq!(
        (&document["openapi"], &document["info"]["version"]),
        (&json!("3.1.0"), &json!(env!("CARGO_PKG_VERSION")))
    );
    check_references(&document, &document);
    let (mut ids, mut seen) = (BTreeSet::new(), Vec::new());
    for (method, path, operation) in operations(&document) {
        let what = format!("{method} {path}");
        assert!(ids.insert(text(&operation["operationId"])), "{what}: its id is another's");
        // A title: it says what to do, and is no sentence.
        let summary = text(&operation["summary"]);
        let verb = summary.split(' ').next().unwrap();
        assert!(VERBS.contains(&verb) && summary.len() <= 60 && !summary.ends_with('.'), "{what}: {summary}");
        assert!(operation["requestBody"].is_null() || body_of(&operation).1.is_object(), "{what}");
        let statuses = operation["responses"].as_object().unwrap();
        for (status, response) in statuses {
            let response = match response["$ref"].as_str() {
                Some(reference) => document.pointer(&reference[1..]).unwrap(),
                None => response,
            };
            let content = response["content"].as_object();
            let kind = content.and_then(|content| content.keys().next()).map(String::as_str);
            let expected = match (path.as_str(), status.as_str()) {
                (_, "204" | "304") | ("/forward-auth" | "/orgs/{organization}/forward-auth", "200") => None,
                ("/metrics", _) => Some("application/openmetrics-text"),
                // How the process is stands in a 503, too.
                (_, "503") if operation["tags"] == json!(["Operations"]) => Some("application/json"),
                (oauth, _) if oauth.starts_with("/oauth/") => Some("application/json"),
                (_, refused) if refused >= "400" => Some("application/problem+json"),
                _ => Some("application/json"),
            };
            assert_eq!(kind, expected, "{what} {status}");
            if path == "/metrics" {
                continue;
            }
            if let (Some(kind), Some(content)) = (kind, content) {
                let (schema, example) = (&content[kind]["schema"], &content[kind]["example"]);
                assert!(example.is_object(), "{what} {status} has no example");
                assert!(follows(&document, schema, example), "{what} {status}: the example is not what it says");
            }
        }
        let open = if operation["security"] == json!([{}]) { " (open)" } else { "" };
        seen.push(format!("{what}{open}: {}", statuses.keys().map(String::as_str).collect::<Vec<_>>().join(" ")));
    }
    insta::assert_snapshot!("operations", seen.join("\n"));
    let yaml = server.http.get(format!("{}/openapi.yaml", server.url)).send().await.unwrap();
    assert_eq!(yaml.headers()[CONTENT_TYPE], "application/yaml");
    let yaml = yaml.text().await.unwrap();
    assert!(yaml.starts_with("openapi: 3.1.0\n"));
    assert!(operations(&document).iter().all(|(_, path, _)| yaml.contains(&format!("\n  {path}:\n"))));
}

/// Whoever asks for a method that there is not is told which there are: no address has one that is not described.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_described_is_served_and_nothing_else() {
    let server = Server::start();
    let document = document(&server).await;
    let mut described = BTreeMap::<String, BTreeSet<String>>::new();
    for (method, path, _) in operations(&document) {
        described.entry(path).or_default().insert(method);
    }
    assert!(described["/api/auth/cli-tokens/{id}"].contains("PATCH"));
    for (path, mut methods) in described {
        if path.ends_with("/forward-auth") {
            // Takes every method, as its description says.
            continue;
        }
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        let address = path.replace(['{', '}'], "");
        let response = server.request(Method::TRACE, &address, "").send().await.unwrap();
        let allowed: BTreeSet<_> =
            response.headers()[ALLOW].to_str().unwrap().split(',').map(|method| method.trim().to_owned()).collect();
        assert_eq!((response.status(), allowed), (StatusCode::METHOD_NOT_ALLOWED, methods), "{path}");
    }
    for path in ["/api", "/api/", "/api/nowhere", "/api/orgs/acme/nowhere", "/api/auth/cli-tokens/a/b/c"] {
        let response = server.request(Method::GET, path, "").send().await.unwrap();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json", "{path}");
        let (status, body) = answer(response).await;
        assert_eq!(
            (status, &body["type"]),
            (StatusCode::NOT_FOUND, &json!("urn:latchkey:problem:not-found")),
            "{path}"
        );
    }
}

/// The operation's path with things in it that were made for it alone, so that the order of operations doesn't matter.
async fn made_for(server: &Server, user: &str, path: &str, number: usize) -> String {
    let made = async |path: &str, body: Value| server.post(path, user, body).await.1;
    let mut path = path.replace("{organization}", "default");
    if path.contains("/orgs/{name}") {
        let name = format!("org-{number}");
        made("/api/orgs", json!({ "name": name })).await;
        path = path.replace("{name}", &name);
    }
    if path.contains("/deleted-orgs/{name}") {
        let name = format!("org-{number}");
        made("/api/orgs", json!({ "name": name })).await;
        server.delete(&format!("/api/orgs/{name}"), user).await;
        return path.replace("{name}", &name);
    }
    if path.contains("/users/{id}") {
        let id = server.join(user, &format!("user-{number}@example.com"), "member").await;
        let (_, page) = server.get(&format!("/api/users/{id}/credentials"), user).await;
        return path.replace("{id}", &id).replace("{credential}", &text(&page["items"][0]["id"]));
    }
    let id = match path.rsplit_once("/{id}").map_or("", |(things, _)| things) {
        "/api/auth/cli-tokens" => server.create_token(user, &format!("Token {number}")).await.0,
        "/api/repos" => text(&made("/api/repos", json!({ "name": format!("acme/repo-{number}") })).await["id"]),
        "/api/projects" => text(&made("/api/projects", json!({ "name": format!("Project {number}") })).await["id"]),
        // Of somebody else, to the one who accepts.
        "/api/invitations" => {
            let globex = server.foreign_organization().await;
            let body = json!({ "email": common::EMAIL, "role": "member" });
            text(&server.post("/api/orgs/globex/invitations", &globex.user_token, body).await.1["id"])
        }
        members if members.ends_with("/members") => text(&server.get(members, user).await.1["items"][0]["id"]),
        sent if sent.ends_with("/invitations") => {
            text(&made(sent, json!({ "email": "alan@example.com", "role": "viewer" })).await["id"])
        }
        _ => return path,
    };
    path.replace("{id}", &id)
}

/// Examples are sent as they stand, and what comes back has the fields of the example that is promised.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_are_real() {
    let first = Server::start();
    // There will be several organizations.
    let pinned = [("LATCHKEY_FORWARD_AUTH_ORGANIZATIONS", "default")];
    let server = Server::start_with(first.directory.clone(), first.database_url.clone(), &pinned, true);
    let user = server.log_in().await;
    let document = document(&server).await;
    let scopes = ["tokens:introspect", "repos:read", "scans:read"];
    let body = json!({ "name": "Gateway", "scopes": scopes, "allRepositories": true });
    let gateway = text(&server.post("/api/auth/cli-tokens", &user, body).await.1["token"]);
    for (number, (method, path, operation)) in operations(&document).into_iter().enumerate() {
        let what = format!("{method} {path}");
        let mut own = made_for(&server, &user, &path, number).await;
        if path.ends_with("/preview") {
            own.push_str("?days=90");
        }
        let (media_type, mut body) = body_of(&operation);
        if path == "/api/auth/login" {
            body = json!({ "email": common::EMAIL, "password": common::PASSWORD });
        }
        if path.ends_with("/revoke") {
            body["ids"] = json!([server.create_token(&user, "To be revoked").await.0]);
        }
        // What the example shows is a token.
        let by_token = operation["tags"] == json!(["Verification"]) || path == "/api/auth/whoami";
        let mut request = server.request(method.parse().unwrap(), &own, if by_token { &gateway } else { &user });
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            match parameter["example"].as_str() {
                Some(example) if parameter["in"] == "header" => {
                    request = request.header(text(&parameter["name"]), example);
                }
                _ => {}
            }
        }
        request = match media_type.as_str() {
            "" => request,
            "application/json" => request.json(&body),
            _ => request.form(&body),
        };
        let (status, got) = answer(request.send().await.unwrap()).await;
        if operation["operationId"] == "removeMember" {
            // There is nobody else.
            assert_eq!(status, StatusCode::CONFLICT, "{what}: {got}");
            continue;
        }
        let promised = &operation["responses"][status.as_str()];
        assert!(status.is_success() && promised.is_object(), "{what}: {status} {got}");
        let content = &promised["content"]["application/json"];
        assert!(content.is_null() || follows(&document, &content["schema"], &got), "{what}: {got}");
        if content.is_object() {
            assert_eq!(keys(&got), keys(&content["example"]), "{what}");
        }
    }
    // The token of the examples is none: its checksum is wrong.
    let fake = &document["paths"]["/api/auth/cli-tokens"]["post"]["responses"]["201"]["content"]["application/json"]["example"];
    let (_, refused) = server.get("/api/auth/whoami", &text(&fake["token"])).await;
    assert_eq!(refused["type"], "urn:latchkey:problem:token-checksum");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_all_of_it_to_anybody() {
    let server = Server::start();
    let document = document(&server).await;
    let response = server.http.get(format!("{}/docs/api", server.url)).send().await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()[CACHE_CONTROL].to_str().unwrap()),
        (StatusCode::OK, &"no-store")
    );
    assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'self'"));
    let html = response.text().await.unwrap();
    for (method, path, operation) in operations(&document) {
        let id = text(&operation["operationId"]);
        for part in [
            format!("id=\"{id}\""),
            format!("href=\"#{id}\""),
            format!("<code>{path}</code>"),
            text(&operation["summary"]),
        ] {
            assert!(html.contains(&part), "{method} {path}: {part} is not there");
        }
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(html.contains(&format!("id=\"schema-{name}\"")), "{name}");
    }
    // A command for each operation, at this address; and nothing from anywhere else.
    assert_eq!(html.matches("data-copy=\"curl ").count(), operations(&document).len());
    assert!(html.contains(&format!("{}/api/auth/cli-tokens/$ID/rotate", server.url)));
    let elsewhere = html.replace(&server.url, "").replace("https://tokens.example.com", "");
    let elsewhere = elsewhere.replace("http://www.w3.org/", "");
    assert!(!elsewhere.contains("http://") && !elsewhere.contains("https://"), "the page asks somebody else");
    // Every link within the page leads somewhere.
    for link in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(html.contains(&format!("id=\"{link}\"")), "#{link}");
    }
}
