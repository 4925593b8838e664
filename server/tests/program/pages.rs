//! What forms and islands send: nothing that was typed is lost, and nothing that is malformed is an error of ours.

use crate::common::{EMAIL, PASSWORD, Server, text};
use reqwest::{Client, Method, Response, StatusCode, header};
use serde_json::{Value, json};

const TOKENS: &str = "/orgs/default/settings/tokens";

/// Sends a form as a browser does.
async fn send(server: &Server, http: &Client, path: &str, fields: &[(&str, &str)]) -> Response {
    let request = http.post(format!("{}{path}", server.url)).header("sec-fetch-site", "same-origin");
    request.form(fields).send().await.unwrap()
}

/// A browser of its own.
fn browser() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).cookie_store(true).build().unwrap()
}

/// What a page carries along for whoever signs in.
fn kept(html: &str) -> String {
    let value = html.split("name=\"kept\" value=\"").nth(1).unwrap_or_else(|| panic!("no form is kept: {html}"));
    let value = value.split('"').next().unwrap();
    value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// Sends a form with no session, and signs in on the page that answers.
async fn sign_in_again(server: &Server, path: &str, fields: &[(&str, &str)], person: (&str, &str)) -> Response {
    let http = browser();
    let asked = send(server, &http, path, fields).await;
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(asked.headers()["cache-control"], "no-store");
    let html = asked.text().await.unwrap();
    assert!(html.contains(&format!("method=\"post\" action=\"{path}\"")), "{html}");
    let kept = kept(&html);

    let answer = send(server, &http, path, &[("kept", &kept), ("email", person.0), ("password", person.1)]).await;
    let set = answer.headers().get_all("set-cookie").iter();
    assert!(set.map(|cookie| cookie.to_str().unwrap()).any(|cookie| cookie.starts_with("latchkey=")), "signed in");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_outlives_its_session() {
    let server = Server::start();
    let user = server.log_in().await;
    let (_, repository) = server.post("/api/repos", &user, json!({ "name": "acme/web" })).await;
    let (id, secret) = server.create_token(&user, "CI").await;
    let admin = (EMAIL, PASSWORD);
    let unlucky = "Nightly \"><script>alert(1)</script> & 50%+1 é";

    let new = format!("{TOKENS}/new");
    let typed = [
        ("creation_key", "01938f6e-0000-7000-8000-000000000001"),
        ("action", "create"),
        ("name", unlucky),
        ("description", "two\r\nlines </textarea><b>"),
        ("expires", "date"),
        ("expires_on", "2031-01-31"),
        ("scopes", "scans:read"),
        ("scopes", "repos:read"),
        ("access", "only"),
        ("repositories", repository["id"].as_str().unwrap()),
        ("networks", "10.0.0.0/8\r\n2001:db8::/32"),
        ("new_password", "never comes back"),
    ];
    let answer = sign_in_again(&server, &new, &typed, admin).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let html = answer.text().await.unwrap();
    for back in [
        "value=\"Nightly &quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; 50%+1 é\"",
        "two\nlines &lt;/textarea&gt;&lt;b&gt;",
        "value=\"2031-01-31\"",
        "acme/web",
        "10.0.0.0/8\n2001:db8::/32",
        "01938f6e-0000-7000-8000-000000000001",
        "Here is the form as you left it",
    ] {
        assert!(html.contains(back), "{back} is not in {html}");
    }
    assert!(!html.contains("<script>alert") && !html.contains("never comes back"), "{html}");
    let (_, tokens) = server.get("/api/auth/cli-tokens", &user).await;
    assert_eq!(tokens["items"].as_array().unwrap().len(), 1, "nothing was created");

    let http = browser();
    let kept = kept(&send(&server, &http, &new, &typed).await.text().await.unwrap());
    let wrong = send(&server, &http, &new, &[("kept", &kept), ("email", EMAIL), ("password", "wrong")]).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.headers().get("set-cookie").is_none());
    assert_eq!(self::kept(&wrong.text().await.unwrap()), kept, "a wrong password loses nothing");

    let auto_revoke = format!("{TOKENS}/auto-revoke");
    for sent in
        [vec![("on", "on"), ("days", "77")], vec![("on", "on"), ("days", "77"), ("confirm", "9")], vec![("days", "77")]]
    {
        let answer = sign_in_again(&server, &auto_revoke, &sent, admin).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let html = answer.text().await.unwrap();
        assert!(html.contains("value=\"77\""), "{html}");
        assert_eq!(html.contains("value=\"on\" checked"), sent.len() > 1, "{html}");
        let (_, set) = server.get("/api/orgs/default/auto-revoke", &user).await;
        assert_eq!(set["days"], 0, "nothing was saved: {set}");
    }

    let answer = sign_in_again(&server, &format!("{TOKENS}/revoke"), &[("id", &id), ("q", "C I")], admin).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], format!("{TOKENS}?q=C%20I&revoke={id}"), "the question, once more");
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::OK, "nothing was revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_form_gives_nobody_anything() {
    let server = Server::start();
    let user = server.log_in().await;
    let (id, secret) = server.create_token(&user, "CI").await;
    let revoke = format!("{TOKENS}/revoke");
    let body = json!({ "email": "eve@example.com", "role": "viewer" });
    let (_, invited) = server.post("/api/orgs/default/invitations", &user, body).await;
    let link = text(&invited["link"]);
    let link = link.split("link=").nth(1).unwrap();
    let joined = send(&server, &browser(), "/join", &[("link", link), ("password", "twelve chars long")]).await;
    assert_eq!(joined.status(), StatusCode::SEE_OTHER);

    // Somebody else signs in where a form was left: it is theirs to look at, as far as they may, and not done.
    let eve = ("eve@example.com", "twelve chars long");
    let answer = sign_in_again(&server, &revoke, &[("id", &id)], eve).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let answer = sign_in_again(&server, &format!("{TOKENS}/new"), &[("name", "x"), ("action", "create")], eve).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::OK);

    // Made up, and sent with a live session: shown, never done.
    server.sign_in().await;
    let forged = format!("id={id}&kept=id%3D{id}");
    for kept in ["", &format!("id={id}"), &forged, "%", "%ff%00=%ff&&&=&password=x"] {
        let answer = send(&server, &server.http, &revoke, &[("kept", kept), ("id", &id)]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{kept}");
        assert!(!answer.headers()["location"].to_str().unwrap().contains("revoked="), "{kept}");
    }
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::OK);
    // From another site it is not even read.
    let request = browser().post(format!("{}{revoke}", server.url)).header("sec-fetch-site", "cross-site");
    let crossed = request.form(&[("kept", "id=1"), ("email", EMAIL), ("password", PASSWORD)]).send().await.unwrap();
    assert_eq!(crossed.status(), StatusCode::FORBIDDEN);
    assert!(crossed.headers().get("set-cookie").is_none());
    // A link can't have a sign-in page send what is typed elsewhere than to `/login`.
    let http = browser();
    let page = http.get(format!("{}/login?next=/theme&kept=theme%3Ddark", server.url)).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("action=\"/login\""));

    // What nobody has typed is not carried along, and what is too large is said to be.
    let large = "x".repeat(200 * 1024);
    let answer = send(&server, &http, &format!("{TOKENS}/new"), &[("description", &large)]).await;
    assert_eq!(answer.headers()["location"], format!("/login?next={}", "%2Forgs%2Fdefault%2Fsettings%2Ftokens%2Fnew"));
    let large = "x".repeat(256 * 1024);
    let answer = send(&server, &server.http, &format!("{TOKENS}/new"), &[("description", &large)]).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text().await.unwrap().contains("256 KiB"));
    // A page of ticked boxes comes back from signing in.
    let many = format!("{TOKENS}?{}", vec![format!("revoke={id}"); 50].join("&"));
    let answer = http.get(format!("{}{many}", server.url)).send().await.unwrap();
    assert!(answer.headers()["location"].to_str().unwrap().len() > many.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_leads_back_to_the_form() {
    let server = Server::start();
    server.sign_in().await;
    let store = latchkey_store::Store::connect(&server.database_url).await.unwrap();
    // Somebody else writes for longer than anybody waits.
    let held = store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    let fields =
        [("name", "Kept"), ("scopes", "scans:read"), ("access", "all"), ("expires", "7"), ("action", "create")];
    let answer = send(&server, &server.http, &format!("{TOKENS}/new"), &fields).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let kept = kept(&answer.text().await.unwrap());
    drop(held);
    let back = send(&server, &server.http, &format!("{TOKENS}/new"), &[("kept", &kept)]).await;
    assert_eq!(back.status(), StatusCode::OK);
    assert!(back.text().await.unwrap().contains("value=\"Kept\""));
}

/// What an island would send, for each server function there is.
fn questions() -> Vec<(String, Value)> {
    let paths = latchkey_app::server_fns::paths();
    let example = |path: &str| match path {
        "/_fn/search_repositories" => json!({ "organization": "default", "query": "api" }),
        "/_fn/create_token" => json!({
            "organization": "default",
            "creation_key": "01938f6e-0000-7000-8000-000000000001",
            "values": {
                "name": "CI", "description": "", "expires": { "Days": 90 }, "expires_on": "", "scopes": ["scans:read"],
                "all_repositories": true, "repositories": [{ "id": "1", "name": "acme/web" }], "in_project": false,
                "project": "", "networks": "",
            },
        }),
        "/_fn/list_tokens" => json!({ "organization": "default", "query": "status=all&q=ci" }),
        "/_fn/revoke_tokens" => json!({ "organization": "default", "ids": ["01938f6e-0000-7000-8000-000000000001"] }),
        "/_fn/preview_auto_revoke" => json!({ "organization": "default", "days": 90 }),
        "/_fn/set_auto_revoke" => json!({ "organization": "default", "days": 90, "confirmed": 0 }),
        other => panic!("{other} has no example here"),
    };
    let questions: Vec<_> = paths.into_iter().map(|path| (path.clone(), example(&path))).collect();
    assert!(questions.len() >= 6);
    questions
}

/// The same with each of its values replaced by something else, and with each one missing.
fn spoilt(good: &Value) -> Vec<Value> {
    let worse = || {
        let long = "x".repeat(100_000);
        [
            json!(null),
            json!(-1),
            json!(1.5e300),
            json!(true),
            json!(""),
            json!("\u{0}\u{202e}é"),
            json!(long),
            json!([]),
            json!([[]]),
            json!({}),
            json!({ "Days": 65_535 }),
        ]
    };
    let mut all: Vec<Value> = worse().to_vec();
    match good {
        Value::Object(fields) => {
            for (name, value) in fields {
                let with = |value: Option<Value>| {
                    let mut changed = fields.clone();
                    changed.remove(name);
                    changed.extend(value.map(|value| (name.clone(), value)));
                    Value::Object(changed)
                };
                all.push(with(None));
                all.extend(spoilt(value).into_iter().map(|value| with(Some(value))));
            }
        }
        Value::Array(items) => all.extend(items.iter().flat_map(spoilt).map(|item| json!([item]))),
        _ => (),
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_functions_refuse_what_they_can_not_read() {
    let server = Server::start();
    server.sign_in().await;
    let call = async |method: Method, path: &str, kind: &str, body: Vec<u8>| {
        let request =
            server.http.request(method, format!("{}{path}", server.url)).header("sec-fetch-site", "same-origin");
        // As a browser without scripts would, on a page of somebody else.
        let request = request.header("accept", "text/html").header("referer", "https://evil.example/");
        let response = request.header("content-type", kind).body(body).send().await.unwrap();
        assert!(response.headers().get(header::LOCATION).is_none(), "{path} leads away");
        response.status().as_u16()
    };
    let json = "application/json";
    for (path, good) in questions() {
        assert_eq!(call(Method::POST, &path, json, good.to_string().into()).await, 200, "{path}");
        assert_eq!(call(Method::POST, &path, "Application/JSON; charset=utf-8", good.to_string().into()).await, 200);
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
            assert_eq!(call(method.clone(), &path, json, good.to_string().into()).await, 405, "{method} {path}");
        }
        for kind in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/cbor",
        ] {
            assert_eq!(call(Method::POST, &path, kind, good.to_string().into()).await, 415, "{path} {kind}");
        }
        let deep = "[".repeat(100_000);
        for body in ["", "{", "nonsense", "{}", "[]", "null", "{\"organization\":", deep.as_str()] {
            assert_eq!(
                call(Method::POST, &path, json, body.into()).await,
                422,
                "{path} {}",
                &body[..body.len().min(50)]
            );
        }
        assert_eq!(call(Method::POST, &path, json, vec![0xff, 0xfe]).await, 422, "{path}");
        assert_eq!(call(Method::POST, &path, json, vec![b' '; 1024 * 1024 + 1]).await, 413, "{path}");
        for body in spoilt(&good) {
            let status = call(Method::POST, &path, json, body.to_string().into()).await;
            assert!(status == 200 || status == 422, "{path} {status}");
        }
    }
    assert_eq!(call(Method::POST, "/_fn/nowhere", json, b"{}".to_vec()).await, 404);
    assert_eq!(call(Method::POST, "/_fn/nowhere/else?x=1", json, b"{}".to_vec()).await, 404);
}
