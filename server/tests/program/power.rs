//! Who loses power while their request is on its way is refused, whatever it asks for; and whatever can be created can be
//! listed and ended, at once.

use crate::common::{EMAIL, PASSWORD, Server, answer, text};
use latchkey_proto::DESCRIPTORS;
use prost::Message;
use prost_types::FileDescriptorSet;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

on_both_engines!(
    a_request_held_back_is_refused_when_its_credential_has_ended,
    a_form_held_back_is_refused_when_its_session_has_ended,
    what_is_created_is_listed_and_ended,
    an_account_is_locked_and_opened_again,
    a_password_change_ends_everything_else,
    a_token_ends_itself,
    an_operator_ends_what_nobody_else_can,
);

/// A request whose head the server has read, and whose body it waits for.
struct Held {
    stream: TcpStream,
    body: Vec<u8>,
}

impl Held {
    async fn begin(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Self {
        let address = server.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // It says so when it begins to read the body; what comes before has happened by then.
        head.push_str(&format!("content-length: {}\r\nexpect: 100-continue\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 100", "{method} {path} is answered before its body is read");
        Self { stream, body }
    }

    /// The answer, once the body has been sent.
    async fn finish(mut self) -> String {
        self.stream.write_all(&self.body).await.unwrap();
        let mut answer = Vec::new();
        self.stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        answer.split_once("\r\n\r\n").map(|(_, rest)| rest.to_owned()).unwrap_or(answer)
    }
}

/// Every operation that needs a credential and changes something, with what its example sends.
async fn operations(server: &Server) -> Vec<(String, String, Vec<u8>)> {
    let (_, document) = server.get("/openapi.json", "").await;
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if method == "get" || operation["security"].as_array().is_some_and(|own| own[0] == json!({})) {
                continue;
            }
            let content = operation["requestBody"]["content"].as_object();
            let example = content.and_then(|content| content.values().next()).map(|content| content["example"].clone());
            let body = example.unwrap_or_else(|| json!({}));
            let form = content.is_some_and(|content| content.contains_key("application/x-www-form-urlencoded"));
            let body = if form { "token=x".to_owned() } else { body.to_string() };
            let path = path.replace("{name}", "default").replace("{id}", &uuid()).replace("{credential}", &uuid());
            operations.push((method.to_uppercase(), path, body.into_bytes()));
        }
    }
    operations
}

fn uuid() -> String {
    "0193b9a0-0000-7000-8000-000000000001".to_owned()
}

/// Every call that needs a credential, as gRPC-Web, with an empty message.
fn calls() -> Vec<(String, String, Vec<u8>)> {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    let services = files.into_iter().flat_map(|file| file.service).filter(|service| service.name() != "StatusService");
    let calls = services.flat_map(|service| {
        let name = service.name().to_owned();
        service.method.into_iter().map(move |method| format!("/controlplane.v1.{name}/{}", method.name()))
    });
    calls.map(|path| ("POST".to_owned(), path, vec![0; 5])).collect()
}

async fn a_request_held_back_is_refused_when_its_credential_has_ended(server: Server) {
    let user = server.log_in().await;
    let (rest, grpc) = (operations(&server).await, calls());
    assert!(rest.len() > 25 && grpc.len() > 15, "{} and {}", rest.len(), grpc.len());
    let scopes = ["tokens:manage", "tokens:introspect", "tokens:read", "repos:write", "repos:read", "org:read"];
    for (number, (method, path, body)) in rest.into_iter().chain(grpc).enumerate() {
        let asked = json!({ "name": format!("held {number}"), "scopes": scopes, "allRepositories": true });
        let (_, created) = server.post("/api/auth/cli-tokens", &user, asked).await;
        let bearer = format!("Bearer {}", text(&created["token"]));
        let kind = match &*path {
            "/oauth/introspect" => "application/x-www-form-urlencoded",
            path if path.starts_with("/controlplane") => "application/grpc-web+proto",
            _ => "application/json",
        };
        let headers = [("authorization", &*bearer), ("content-type", kind)];
        let held = Held::begin(&server, &method, &path, &headers, body).await;
        let revoked = server.delete(&format!("/api/auth/cli-tokens/{}", text(&created["id"])), &user).await;
        assert_eq!(revoked.0, StatusCode::NO_CONTENT);
        let answer = held.finish().await;
        let refused = if kind.contains("grpc") {
            answer.contains("grpc-status: 16") || answer.contains("grpc-status:16")
        } else {
            answer.starts_with("HTTP/1.1 401")
        };
        assert!(refused, "{method} {path}: {answer}");
    }
    // Everything above would have worked: the same with a token that lives.
    let body = json!({ "name": "acme/held" }).to_string().into_bytes();
    let bearer = format!("Bearer {user}");
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    let held = Held::begin(&server, "POST", "/api/repos", &headers, body).await;
    assert!(held.finish().await.starts_with("HTTP/1.1 201"));
}

async fn a_form_held_back_is_refused_when_its_session_has_ended(server: Server) {
    let user = server.log_in().await;
    let forms = [
        ("/orgs/default/settings/tokens/new", "name=Held&scopes=scans%3Aread&access=all&expires=90"),
        ("/orgs/default/settings/tokens/auto-revoke", "days=90&enabled=on"),
        ("/orgs/default/settings/tokens/revoke", "id=0193b9a0-0000-7000-8000-000000000001"),
    ];
    for (path, body) in forms {
        let held = hold_form(&server, path, body).await;
        let ended = server.delete("/api/users/me/credentials", &user).await;
        assert_eq!(ended.0, StatusCode::NO_CONTENT);
        let answer = held.finish().await;
        // The sign-in page, which keeps the form to be looked at again.
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("name=\"kept\""), "{path}: {answer}");
    }
    let made = async || server.get("/api/auth/cli-tokens", &user).await.1["items"].as_array().unwrap().len();
    assert_eq!(made().await, 0);
    let (_, setting) = server.get("/api/orgs/default/auto-revoke", &user).await;
    assert_eq!(setting["days"], json!(0), "{setting}");
    // The same with a session that lives.
    hold_form(&server, forms[0].0, forms[0].1).await.finish().await;
    assert_eq!(made().await, 1);
}

/// A form of somebody who has just signed in, held back.
async fn hold_form(server: &Server, path: &str, body: &str) -> Held {
    let signed_in = server.sign_in().await;
    let cookies = signed_in.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookies: Vec<_> = cookies.map(|cookie| cookie.split(';').next().unwrap()).collect();
    let cookies = cookies.join("; ");
    let headers = [
        ("cookie", &*cookies),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    Held::begin(server, "POST", path, &headers, body.as_bytes().to_vec()).await
}

/// Each kind of thing that a request creates: how, where it is listed, how it is ended, and that it has then ended.
async fn what_is_created_is_listed_and_ended(server: Server) {
    let user = server.log_in().await;
    let (_, document) = server.get("/openapi.json", "").await;
    // Whatever is created is one of these; a new kind must be told here.
    let mut creating: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let created = item.as_object().unwrap().iter().filter(|(_, one)| !one["responses"]["201"].is_null());
            created.map(|(method, _)| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
        })
        .collect();
    creating.sort_unstable();
    let known = [
        (
            "POST /api/auth/cli-tokens",
            json!({ "name": "A", "scopes": ["scans:read"], "allRepositories": true }),
            "/api/auth/cli-tokens",
        ),
        ("POST /api/auth/cli-tokens/{id}/rotate", Value::Null, ""),
        ("POST /api/orgs", json!({ "name": "initech" }), "/api/orgs"),
        (
            "POST /api/orgs/{name}/invitations",
            json!({ "email": "bob@example.com", "role": "member" }),
            "/api/orgs/default/invitations",
        ),
        ("POST /api/projects", json!({ "name": "Website" }), "/api/projects"),
        ("POST /api/repos", json!({ "name": "acme/api" }), "/api/repos"),
    ];
    for path in &creating {
        assert!(
            known.iter().any(|(known, ..)| known == path),
            "{path} creates something: say how it is listed and ended"
        );
    }
    for (what, asked, list) in known.iter().filter(|(.., list)| !list.is_empty()) {
        let path = what.split(' ').nth(1).unwrap().replace("{name}", "default");
        let (status, made) = server.post(&path, &user, asked.clone()).await;
        assert_eq!(status, StatusCode::CREATED, "{what}: {made}");
        let made = if made["invitation"].is_object() { made["invitation"].clone() } else { made };
        let listed = async || -> bool {
            let (_, page) = server.get(list, &user).await;
            let items = page["items"].as_array().unwrap_or_else(|| panic!("{list}: {page}")).clone();
            items.iter().any(|item| item["id"] == made["id"] && item["status"] != "revoked")
        };
        assert!(listed().await, "{what}");
        let key = if *list == "/api/orgs" { text(&made["name"]) } else { text(&made["id"]) };
        let (status, body) = server.delete(&format!("{list}/{key}"), &user).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{what}: {body}");
        assert!(!listed().await, "{what}");
    }
    // A name that is taken for good can be freed.
    let (_, deleted) = server.get("/api/deleted-orgs", &user).await;
    assert_eq!(deleted["items"][0]["name"], "initech");
    assert_eq!(server.delete("/api/deleted-orgs/initech", &user).await.0, StatusCode::NO_CONTENT);

    instance_tokens_are_ended(&server, &user).await;
    credentials_are_ended(&server, &user).await;
}

async fn instance_tokens_are_ended(server: &Server, user: &str) {
    let foreign = server.foreign_organization().await;
    let asked = json!({
        "name": "Robot", "scopes": ["org:read", "tokens:read", "orgs:create"], "allRepositories": true, "level": "instance",
    });
    let (status, made) = server.post("/api/auth/cli-tokens", user, asked).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let (id, secret) = (text(&made["id"]), text(&made["token"]));
    let (path, list) = (format!("/api/auth/cli-tokens/{id}"), "/api/auth/cli-tokens?level=instance");
    // What looks like an id is one, and no organization's name.
    let default = text(&server.get("/api/orgs/default", user).await.1["id"]);
    for name in [default.clone(), default.replace('-', "")] {
        let (status, _) = server.post("/api/orgs", user, json!({ "name": name })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
    let named = server.request(Method::GET, "/api/auth/whoami", &secret).header("latchkey-organization", &default);
    assert_eq!(answer(named.send().await.unwrap()).await.1["organization"], "default");
    // What a header names must be there.
    let nowhere =
        server.request(Method::GET, "/api/auth/whoami", &secret).header("latchkey-organization", "no-such-org");
    assert_eq!(nowhere.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    // By instance admins and by instance tokens with the scope, and by nobody else.
    for (who, bearer, there) in
        [("admin", user, true), ("itself", &secret, true), ("stranger", &foreign.user_token, false)]
    {
        let (status, page) = server.get(list, bearer).await;
        assert_eq!(status, StatusCode::OK, "{who}: {page}");
        assert_eq!(page["items"].as_array().unwrap().iter().any(|item| item["id"] == made["id"]), there, "{who}");
        let expected = if there { StatusCode::OK } else { StatusCode::NOT_FOUND };
        assert_eq!(server.get(&path, bearer).await.0, expected, "{who}");
    }
    for (method, path, body) in [
        (Method::PATCH, path.clone(), json!({ "name": "Renamed" })),
        (Method::POST, format!("{path}/rotate"), json!({ "overlap": "1h" })),
    ] {
        let refused = server.send(method.clone(), &path, &foreign.user_token, &body).await;
        assert_eq!(refused.0, StatusCode::NOT_FOUND, "{path}");
        let (status, done) = server.send(method, &path, user, &body).await;
        assert!(status.is_success(), "{path}: {done}");
    }
    assert_eq!(server.delete(&path, &foreign.user_token).await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::OK);
    assert_eq!(server.delete(&path, user).await.0, StatusCode::NO_CONTENT);
    let (status, refused) = server.get("/api/auth/whoami", &secret).await;
    assert_eq!(
        (status, text(&refused["type"])),
        (StatusCode::UNAUTHORIZED, "urn:latchkey:problem:token-revoked".into())
    );
}

/// Sessions and user tokens: by their owner, and by an instance admin.
async fn credentials_are_ended(server: &Server, user: &str) {
    let another = server.log_in().await;
    assert_eq!(server.sign_in().await.status(), StatusCode::SEE_OTHER);
    let (_, page) = server.get("/api/users/me/credentials", user).await;
    let items = page["items"].as_array().unwrap();
    let kinds: Vec<_> = items.iter().map(|item| (text(&item["kind"]), item["current"].as_bool().unwrap())).collect();
    assert_eq!(kinds[..2], [("session".to_owned(), false), ("user-token".to_owned(), false)]);
    assert!(kinds.contains(&("user-token".to_owned(), true)), "{kinds:?}");
    for item in &items[..2] {
        let path = format!("/api/users/me/credentials/{}", text(&item["id"]));
        assert_eq!(server.delete(&path, user).await.0, StatusCode::NO_CONTENT);
        assert_eq!(server.delete(&path, user).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(server.get("/api/auth/whoami", &another).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(server.page("/orgs/default/settings/tokens").await.0, StatusCode::SEE_OTHER);
    // Somebody else's are not there for a stranger, and are for an instance admin.
    let stranger = server.user_id(user, "owner@globex.example").await;
    let foreign = format!("/api/users/{stranger}/credentials");
    let (_, page) = server.get(&foreign, user).await;
    let (id, theirs) = (text(&page["items"][0]["id"]), text(&page["items"][0]["kind"]));
    assert_eq!(theirs, "user-token");
    assert_eq!(server.delete(&format!("{foreign}/{id}"), user).await.0, StatusCode::NO_CONTENT);
    let (_, me) = server.get("/api/users/me", user).await;
    let own = format!("/api/users/{}/credentials", text(&me["id"]));
    assert_eq!(server.get(&own, user).await.0, StatusCode::OK);
    // One's own last: signing out.
    assert_eq!(server.delete("/api/users/me/credentials/current", user).await.0, StatusCode::NO_CONTENT);
    assert_eq!(server.get("/api/auth/whoami", user).await.0, StatusCode::UNAUTHORIZED);
}

async fn an_account_is_locked_and_opened_again(server: Server) {
    let (user, foreign) = (server.log_in().await, server.foreign_organization().await);
    let id = server.user_id(&user, "owner@globex.example").await;
    let path = format!("/api/users/{id}");
    let lock = async |bearer: &str, path: &str, locked: bool| {
        server.send(Method::PATCH, path, bearer, &json!({ "locked": locked })).await
    };
    assert_eq!(lock(&foreign.user_token, &path, false).await.0, StatusCode::FORBIDDEN);
    assert_eq!(server.get("/api/users", &foreign.user_token).await.0, StatusCode::FORBIDDEN);
    let (_, me) = server.get("/api/users/me", &user).await;
    assert_eq!(lock(&user, &format!("/api/users/{}", text(&me["id"])), true).await.0, StatusCode::CONFLICT);
    assert_eq!(
        server.get(&format!("/api/users/{}", text(&me["id"])), &foreign.user_token).await.0,
        StatusCode::NOT_FOUND
    );

    let (status, locked) = lock(&user, &path, true).await;
    assert_eq!((status, &locked["locked"]), (StatusCode::OK, &json!(true)));
    assert_eq!(server.get("/api/auth/whoami", &foreign.user_token).await.0, StatusCode::UNAUTHORIZED);
    let set = json!({ "newPassword": "staple battery horse" });
    let path_of_password = format!("{path}/password");
    assert_eq!(server.send(Method::PUT, &path_of_password, &user, &set).await.0, StatusCode::NO_CONTENT);
    let log_in = async |password: &str| {
        let body = json!({ "email": "owner@globex.example", "password": password });
        server.post("/api/auth/login", "", body).await
    };
    let (status, refused) = log_in("staple battery horse").await;
    assert_eq!(
        (status, text(&refused["type"])),
        (StatusCode::UNAUTHORIZED, "urn:latchkey:problem:account-locked".into())
    );
    // Who does not know the password does not learn it.
    assert_eq!(text(&log_in("something else altogether").await.1["type"]), "urn:latchkey:problem:wrong-password");
    assert_eq!(lock(&user, &path, false).await.0, StatusCode::OK);
    assert_eq!(log_in("staple battery horse").await.0, StatusCode::OK);
}

async fn a_password_change_ends_everything_else(server: Server) {
    let (user, other) = (server.log_in().await, server.log_in().await);
    let set = async |body: Value| server.send(Method::PUT, "/api/users/me/password", &user, &body).await;
    let missing = set(json!({ "newPassword": "staple battery horse" })).await;
    assert_eq!(
        (missing.0, &missing.1["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("currentPassword"))
    );
    let wrong = set(json!({ "currentPassword": "wrong", "newPassword": "staple battery horse" })).await;
    assert_eq!(
        (wrong.0, &wrong.1["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("currentPassword"))
    );
    let short = set(json!({ "currentPassword": PASSWORD, "newPassword": "short" })).await;
    assert_eq!((short.0, &short.1["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("newPassword")));
    let done = set(json!({ "currentPassword": PASSWORD, "newPassword": "staple battery horse" })).await;
    assert_eq!(done.0, StatusCode::NO_CONTENT, "{}", done.1);
    assert_eq!(server.get("/api/auth/whoami", &user).await.0, StatusCode::OK);
    assert_eq!(server.get("/api/auth/whoami", &other).await.0, StatusCode::UNAUTHORIZED);
    let old = server.post("/api/auth/login", "", json!({ "email": EMAIL, "password": PASSWORD })).await;
    assert_eq!(old.0, StatusCode::UNAUTHORIZED);
    // A token is no person.
    let asked = json!({ "name": "A", "scopes": ["tokens:manage"], "allRepositories": true });
    let (_, token) = server.post("/api/auth/cli-tokens", &user, asked).await;
    let refused = server.get("/api/users/me/credentials", &text(&token["token"])).await;
    assert_eq!(
        (refused.0, text(&refused.1["type"])),
        (StatusCode::FORBIDDEN, "urn:latchkey:problem:people-only".into())
    );
}

/// Whoever finds a token can end it with nothing but the token.
async fn a_token_ends_itself(server: Server) {
    let user = server.log_in().await;
    let ((id, secret), (other, _)) =
        (server.create_token(&user, "found").await, server.create_token(&user, "other").await);
    let refused = server.delete(&format!("/api/auth/cli-tokens/{other}"), &secret).await;
    assert_eq!((refused.0, &refused.1["missing_scope"]), (StatusCode::FORBIDDEN, &json!("tokens:manage")));
    assert_eq!(server.delete(&format!("/api/auth/cli-tokens/{id}"), &secret).await.0, StatusCode::NO_CONTENT);
    let again = server.delete(&format!("/api/auth/cli-tokens/{id}"), &secret).await;
    assert_eq!(
        (again.0, text(&again.1["type"])),
        (StatusCode::UNAUTHORIZED, "urn:latchkey:problem:token-revoked".into())
    );
}

async fn an_operator_ends_what_nobody_else_can(server: Server) {
    let user = server.log_in().await;
    // A wrong address finds no empty database in order.
    let nowhere = server.directory.join("nowhere.db");
    let lost = std::process::Command::new(env!("CARGO_BIN_EXE_latchkey-server"))
        .arg("users")
        .env_clear()
        .env("LATCHKEY_DATABASE_URL", format!("sqlite://{}", nowhere.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&lost.stderr).into_owned();
    assert!(!lost.status.success() && said.contains("there is no database at") && !nowhere.exists(), "{said}");
    // What nobody is told otherwise: forward-auth decides about one organization.
    assert!(!server.command(&["doctor"]).contains("forward-auth"));
    server.post("/api/orgs", &user, json!({ "name": "initech" })).await;
    assert!(server.command(&["doctor"]).contains("/orgs/{organization}/forward-auth"));

    let (id, secret) = server.create_token(&user, "forgotten").await;
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::OK);
    assert!(server.command(&["revoke", &id]).contains("API token forgotten"));
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::UNAUTHORIZED);
    assert!(server.command(&["users"]).contains(EMAIL));
    assert!(server.command(&["sign-out", EMAIL]).contains('1'));
    assert_eq!(server.get("/api/auth/whoami", &user).await.0, StatusCode::UNAUTHORIZED);
    let user = server.log_in().await;
    server.command(&["lock-user", EMAIL]);
    assert_eq!(server.get("/api/auth/whoami", &user).await.0, StatusCode::UNAUTHORIZED);
    server.command(&["unlock-user", EMAIL]);
    let user = server.log_in().await;
    let (_, page) = server.get("/api/users/me/credentials", &user).await;
    assert!(server.command(&["revoke", &text(&page["items"][0]["id"])]).contains(EMAIL));
    assert_eq!(server.get("/api/auth/whoami", &user).await.0, StatusCode::UNAUTHORIZED);
}
