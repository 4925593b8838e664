//! The REST API over real HTTP.

use crate::common::{self, Server, answer, text};
use insta::assert_json_snapshot;
use reqwest::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_engines!(
    a_pipeline_uses_a_token_until_it_is_revoked,
    bad_input_gets_a_clear_answer_and_changes_nothing,
    a_header_of_another_organization_is_refused,
    refusals_are_problems_with_a_challenge,
    lists_are_paged,
    names_searches_and_networks_are_what_they_look_like,
    guesses_are_slowed_down,
    other_addresses_and_methods_are_problems,
);

/// A problem without what differs from run to run.
fn problem(mut body: Value) -> Value {
    let id = body.as_object_mut().and_then(|body| body.remove("request_id"));
    assert!(id.is_some_and(|id| id.as_str().is_some_and(|id| id.len() == 36)), "{body}");
    body
}

async fn a_pipeline_uses_a_token_until_it_is_revoked(server: Server) {
    let user = server.log_in().await;
    let (status, repository) = server.post("/api/repos", &user, json!({ "name": "acme/api" })).await;
    assert_eq!(status, StatusCode::CREATED);
    server.post("/api/repos", &user, json!({ "name": "acme/web" })).await;

    let request = server.request(Method::POST, "/api/auth/cli-tokens", &user).json(&json!({
        "name": "Prod Only",
        "description": "Deploys",
        "scopes": ["scans:read", "repos:read"],
        "allRepositories": false,
        "repositories": [repository["id"]],
        "expiresIn": "720h",
    }));
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store, no-transform");
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let (status, created) = answer(response).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_json_snapshot!("created", created, {
        ".token" => "[secret]", ".id" => "[id]", ".prefix" => "[prefix]", ".repositories[]" => "[id]",
        ".createdAt" => "[time]", ".expiresAt" => "[time]",
    });
    let secret = text(&created["token"]);

    let (status, me) = server.get("/api/auth/whoami", &secret).await;
    assert_eq!(status, StatusCode::OK);
    assert_json_snapshot!("whoami", me, { ".id" => "[id]", ".repositories[]" => "[id]", ".expiresAt" => "[time]" });
    let (_, reached) = server.get("/api/repos", &secret).await;
    assert_json_snapshot!("reached", reached, { ".items[].id" => "[id]", ".items[].createdAt" => "[time]" });

    let (status, seen) = server.get(&location, &user).await;
    assert_eq!(status, StatusCode::OK);
    assert!(seen["lastUsedAt"].is_string() && seen["token"].is_null());
    assert_eq!(seen["lastUsedFrom"], "127.0.0.1");

    assert_eq!(server.delete(&location, &user).await.0, StatusCode::NO_CONTENT);
    let (status, refused) = server.get("/api/auth/whoami", &secret).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_json_snapshot!("revoked", problem(refused));
    assert_eq!(server.delete(&location, &user).await.0, StatusCode::NO_CONTENT);
    let (_, ended) = server.get(&location, &user).await;
    assert_eq!((&ended["status"], &ended["revokedReason"]), (&json!("revoked"), &json!("manual")));
}

async fn bad_input_gets_a_clear_answer_and_changes_nothing(server: Server) {
    let user = server.log_in().await;
    let foreign = server.foreign_organization().await;
    let good = json!({ "name": "CI", "scopes": ["scans:read"], "allRepositories": true });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let many: Vec<_> = (0..501).map(|number| format!("acme/r{number}")).collect();
    let mut answers = Vec::new();
    for (what, body) in [
        ("no name", json!({ "scopes": ["scans:read"], "allRepositories": true })),
        ("empty name", with("name", json!(" "))),
        ("long name", with("name", json!("x".repeat(101)))),
        ("name of another type", with("name", json!(7))),
        ("long description", with("description", json!("x".repeat(501)))),
        ("no scopes", with("scopes", json!([]))),
        ("unknown scope", with("scopes", json!(["scans:delete"]))),
        ("scopes of another type", with("scopes", json!("scans:read"))),
        ("neither all nor a list", with("allRepositories", json!(false))),
        (
            "foreign repository",
            json!({ "name": "CI", "scopes": ["scans:read"], "repositories": [foreign.repository_id] }),
        ),
        ("too many repositories", json!({ "name": "CI", "scopes": ["scans:read"], "repositories": many })),
        ("past expiry", with("expiresAt", json!("2020-01-01T00:00:00Z"))),
        ("no date", with("expiresAt", json!("tomorrow"))),
        ("no duration", with("expiresIn", json!("1 month"))),
        ("unknown project", with("project", json!("Nowhere"))),
        ("unknown network", with("allowedNetworks", json!(["example.com"]))),
        ("unknown field", with("expires", json!("30d"))),
        ("not an object", json!([])),
    ] {
        let (status, body) = server.post("/api/auth/cli-tokens", &user, body).await;
        assert!(status.is_client_error(), "{what}: {status}");
        let detail = text(&problem(body)["detail"]).replace(&foreign.repository_id, "[id]");
        answers.push(format!("{what}: {} {detail}", status.as_u16()));
    }
    let raw = async |kind: &str, body: Vec<u8>| {
        let request = server.request(Method::POST, "/api/auth/cli-tokens", &user).header(CONTENT_TYPE, kind);
        answer(request.body(body).send().await.unwrap()).await
    };
    for (what, kind, body) in [
        ("broken JSON", "application/json", b"{\"name\":".to_vec()),
        ("invalid UTF-8", "application/json", b"{\"name\":\"\xff\xfe\"}".to_vec()),
        ("no body", "application/json", Vec::new()),
        ("another type", "text/plain", b"{}".to_vec()),
        // Little enough for the socket to take: the server does not read it, and a broken pipe would hide the answer.
        ("more than 1 MiB", "application/json", vec![b' '; 1024 * 1024 + 1]),
    ] {
        let (status, body) = raw(kind, body).await;
        answers.push(format!("{what}: {} {}", status.as_u16(), text(&problem(body)["detail"])));
    }
    for (what, path, body) in [
        ("repository without owner", "/api/repos", json!({ "name": "api" })),
        ("long repository", "/api/repos", json!({ "name": format!("acme/{}", "x".repeat(200)) })),
        ("organization with capitals", "/api/orgs", json!({ "name": "Acme" })),
        ("organization without name", "/api/orgs", json!({})),
        ("project without name", "/api/projects", json!({ "name": " " })),
        ("long project", "/api/projects", json!({ "name": "x".repeat(101) })),
        ("project with more", "/api/projects", json!({ "name": "x", "colour": "red" })),
        ("invitation of nobody", "/api/orgs/default/invitations", json!({ "email": "bob", "role": "viewer" })),
        ("invitation as nothing", "/api/orgs/default/invitations", json!({ "email": "b@example.com", "role": "god" })),
        (
            "invitation of a member",
            "/api/orgs/default/invitations",
            json!({ "email": common::EMAIL, "role": "viewer" }),
        ),
        ("login without password", "/api/auth/login", json!({ "email": "a" })),
    ] {
        let (status, body) = server.post(path, &user, body).await;
        answers.push(format!("{what}: {} {}", status.as_u16(), text(&problem(body)["detail"])));
    }
    for path in [
        "/api/auth/cli-tokens?limit=0",
        "/api/auth/cli-tokens?limit=101",
        "/api/auth/cli-tokens?limit=many",
        "/api/auth/cli-tokens?cursor=zz",
        "/api/auth/cli-tokens?status=dead",
        "/api/auth/cli-tokens?colour=red",
        "/api/auth/cli-tokens/not-an-id",
        "/api/auth/cli-tokens/%ff",
        "/api/repos/not-an-id",
        "/api/repos?limit=1000",
        "/api/repos?cursor=acme",
        "/api/orgs?limit=0",
        "/api/orgs?cursor=zz",
        "/api/orgs/nowhere",
        "/api/orgs/%ff",
        "/api/orgs/default/members?role=god",
        "/api/orgs/default/members?limit=101",
        "/api/orgs/default/members?cursor=acme",
        "/api/orgs/default/members/not-an-id",
        "/api/orgs/default/invitations?cursor=1",
        "/api/orgs/default/auto-revoke/preview",
        "/api/orgs/default/auto-revoke/preview?days=366",
        "/api/invitations?limit=0",
        "/api/projects?colour=red",
        "/api/projects/not-an-id",
        "/api/audit?from=yesterday&outcome=maybe&actor=ada",
        "/api/audit?level=project",
        "/api/audit?cursor=1",
    ] {
        let (status, body) = server.get(path, &user).await;
        answers.push(format!("{path}: {} {}", status.as_u16(), text(&problem(body)["detail"])));
    }
    let own = text(&server.get("/api/orgs/default/members", &user).await.1["items"][0]["id"]);
    for (what, method, path, body) in [
        ("no role", Method::PATCH, format!("/api/orgs/default/members/{own}"), json!({})),
        ("last owner", Method::PATCH, format!("/api/orgs/default/members/{own}"), json!({ "role": "admin" })),
        ("last owner leaves", Method::DELETE, format!("/api/orgs/default/members/{own}"), Value::Null),
        ("long threshold", Method::PUT, "/api/orgs/default/auto-revoke".to_owned(), json!({ "days": 366 })),
        ("negative threshold", Method::PUT, "/api/orgs/default/auto-revoke".to_owned(), json!({ "days": -1 })),
        ("threshold in words", Method::PUT, "/api/orgs/default/auto-revoke".to_owned(), json!({ "days": "90" })),
        ("broken threshold", Method::PUT, "/api/orgs/default/auto-revoke".to_owned(), json!({ "days": 1.5 })),
        ("no invitation", Method::POST, "/api/invitations/not-an-id/accept".to_owned(), Value::Null),
        ("no invitation", Method::DELETE, format!("/api/orgs/default/invitations/{own}"), Value::Null),
    ] {
        let (status, body) = server.send(method, &path, &user, &body).await;
        answers.push(format!("{what}: {} {}", status.as_u16(), text(&problem(body)["detail"])));
    }
    let nobody = server.request(Method::GET, "/api/auth/whoami", &user).header("latchkey-organization", "a b");
    let (status, body) = answer(nobody.send().await.unwrap()).await;
    answers.push(format!("organization of no form: {} {}", status.as_u16(), text(&problem(body)["detail"])));
    insta::assert_snapshot!("bad_input", answers.join("\n"));
    let (_, tokens) = server.get("/api/auth/cli-tokens", &user).await;
    assert_eq!(tokens["items"], json!([]));
    assert_eq!(server.get("/api/repos", &user).await.1["items"], json!([]));
}

async fn a_header_of_another_organization_is_refused(server: Server) {
    let foreign = server.foreign_organization().await;
    for header in ["latchkey-organization", "chainloop-organization"] {
        let request = server.request(Method::GET, "/api/repos", &foreign.secret).header(header, "default");
        let (status, body) = answer(request.send().await.unwrap()).await;
        assert_eq!(
            (status, text(&body["type"])),
            (StatusCode::FORBIDDEN, "urn:latchkey:problem:other-organization".into())
        );
    }
}

async fn refusals_are_problems_with_a_challenge(server: Server) {
    let user = server.log_in().await;
    let (_, secret) = server.create_token(&user, "reader").await;
    let mut seen = Vec::new();
    let mut typo = secret.clone();
    typo.replace_range(38..39, if secret.ends_with('a') { "b" } else { "a" });
    for (what, header) in [
        ("nothing", None),
        ("another scheme", Some("Basic YTpi".to_owned())),
        ("no token", Some("Bearer ".to_owned())),
        ("garbage", Some("Bearer garbage".to_owned())),
        ("a typo", Some(format!("Bearer {typo}"))),
        ("an unknown token", Some("Bearer ci_0000000000000000000000000000000Dzvt7".to_owned())),
    ] {
        let mut request = server.http.get(format!("{}/api/repos", server.url));
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{what}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
        seen.push(format!("{what}: {challenge}"));
    }
    // What a token lacks is named, and comes before what is wrong with the request.
    let response = server.request(Method::POST, "/api/repos", &secret).body("nonsense").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let request = server.request(Method::POST, "/api/repos", &secret).json(&json!({ "name": "" }));
    let response = request.send().await.unwrap();
    seen.push(format!("a scope: {}", response.headers()[WWW_AUTHENTICATE].to_str().unwrap()));
    let (status, body) = answer(response).await;
    assert_eq!((status, &body["missing_scope"]), (StatusCode::FORBIDDEN, &json!("repos:write")));
    insta::assert_snapshot!("challenges", seen.join("\n"));
}

async fn lists_are_paged(server: Server) {
    let user = server.log_in().await;
    for number in 0..7 {
        server.create_token(&user, &format!("token {number}")).await;
        server.post("/api/repos", &user, json!({ "name": format!("acme/repo-{number}") })).await;
        server.post("/api/projects", &user, json!({ "name": format!("project {number}") })).await;
        server.post("/api/orgs", &user, json!({ "name": format!("org-{number}") })).await;
    }
    server.delete("/api/orgs/org-0", &user).await;
    for (path, first, last) in [
        ("/api/auth/cli-tokens", "token 6", "token 0"),
        ("/api/repos", "acme/repo-0", "acme/repo-6"),
        ("/api/projects", "project 0", "project 6"),
        ("/api/orgs", "default", "org-6"),
    ] {
        let (mut names, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let cursor_query = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let (status, page) = server.get(&format!("{path}?limit=3{cursor_query}"), &user).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            names.extend(page["items"].as_array().unwrap().iter().map(|item| text(&item["name"])));
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((names.len(), names[0].as_str(), names[6].as_str()), (7, first, last));
    }
}

async fn names_searches_and_networks_are_what_they_look_like(server: Server) {
    let user = server.log_in().await;
    let token = |name: &str| {
        json!({ "name": name, "scopes": ["scans:read"], "allRepositories": true,
            "allowedNetworks": ["::ffff:203.0.113.0/120", "203.0.113.7/24"] })
    };
    let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦".repeat(100);
    for name in ["ci_deploy", "生产部署", "ship 🚀🔥", "Cafe\u{301}", &family] {
        let (status, made) = server.post("/api/auth/cli-tokens", &user, token(name)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        assert_eq!(made["allowedNetworks"], json!(["203.0.113.0/24"]));
        let (status, made) = server.post("/api/projects", &user, json!({ "name": name })).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
    }
    for (name, refused) in [("Café", 409), ("CI_DEPLOY", 409), ("dep\u{ad}loy", 422), ("\u{3164}", 422)] {
        for (path, body) in [("/api/auth/cli-tokens", token(name)), ("/api/projects", json!({ "name": name }))] {
            let (status, body) = server.post(path, &user, body).await;
            assert_eq!(
                (status.as_u16(), body["errors"][0]["field"].as_str()),
                (refused, Some("name")),
                "{name:?} {body}"
            );
        }
    }
    for (query, names) in [
        ("ci_dep", vec!["ci_deploy"]),
        ("部署", vec!["生产部署"]),
        ("🚀🔥", vec!["ship 🚀🔥"]),
        ("CAFÉ", vec!["Café"]),
        ("%25", vec![]),
        ("★★★", vec![]),
        ("%E2%80%8B", vec![]),
    ] {
        let (_, found) = server.get(&format!("/api/auth/cli-tokens?query={query}"), &user).await;
        let found: Vec<_> = found["items"].as_array().unwrap().iter().map(|item| text(&item["name"])).collect();
        assert_eq!(found, names, "{query}");
    }
    for network in ["::ffff:203.0.113.0/95", "::203.0.113.7", "fe80::1%25eth0"] {
        let mut body = token("office");
        body["allowedNetworks"] = json!([network]);
        let (status, body) = server.post("/api/auth/cli-tokens", &user, body).await;
        assert_eq!((status.as_u16(), &body["errors"][0]["field"]), (422, &json!("allowedNetworks")), "{body}");
    }
    // The longest names are also where a page ends.
    server.post("/api/projects", &user, json!({ "name": "🚀" })).await;
    let (_, page) = server.get("/api/projects?limit=5", &user).await;
    let next = text(&page["nextCursor"]);
    let (status, page) = server.get(&format!("/api/projects?limit=5&cursor={next}"), &user).await;
    assert_eq!((status, page["items"].as_array().map(Vec::len)), (StatusCode::OK, Some(1)), "{page}");
}

async fn guesses_are_slowed_down(server: Server) {
    let guess = async |password: &str| {
        let body = json!({ "email": common::EMAIL, "password": password });
        server.http.post(format!("{}/api/auth/login", server.url)).json(&body).send().await.unwrap()
    };
    for _ in 0..5 {
        assert_eq!(guess("wrong").await.status(), StatusCode::UNAUTHORIZED);
    }
    let slowed = guess(common::PASSWORD).await;
    assert_eq!(slowed.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = slowed.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=5).contains(&seconds), "{seconds}");
}

async fn other_addresses_and_methods_are_problems(server: Server) {
    let user = server.log_in().await;
    let (status, body) = server.get("/api/nowhere", &user).await;
    assert_eq!((status, text(&problem(body)["instance"])), (StatusCode::NOT_FOUND, "/api/nowhere".into()));
    let response = server.request(Method::PUT, "/api/repos", &user).send().await.unwrap();
    assert_eq!(response.headers()[ALLOW], "GET,HEAD,POST");
    let (status, body) = answer(response).await;
    assert_eq!(
        (status, text(&problem(body)["type"])),
        (StatusCode::METHOD_NOT_ALLOWED, "urn:latchkey:problem:method-not-allowed".into())
    );
    for (path, status) in
        [("/healthz", "live"), ("/readyz", "ready"), ("/statusz", "live"), ("/statusz?readiness=true", "ready")]
    {
        let (code, body) = server.get(path, "").await;
        assert_eq!((code, &body["status"]), (StatusCode::OK, &json!(status)));
        // The PostgreSQL of the tests keeps no promise.
        let warned = status == "ready" && server.database_url.starts_with("postgres");
        assert_eq!(body.to_string().contains("fsync is off"), warned, "{body}");
    }
    let (_, info) = server.get("/infoz", "").await;
    assert_eq!(info, json!({ "loginURL": format!("{}/login", server.url), "version": env!("CARGO_PKG_VERSION") }));
}
