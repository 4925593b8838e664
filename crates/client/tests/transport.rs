//! What the client does with responses that Latchkey does not send, or that something between has changed.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::time::Duration;

use latchkey_client::types::{PageQuery, SecretString, TokenQuery};
use latchkey_client::{Client, ClientBuilder, Error, example_token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Answers each request with the next of these texts; its own address, and the heads of the requests.
async fn server(responses: Vec<String>) -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, received) = unbounded_channel();
    tokio::spawn(async move {
        for response in responses {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                let mut bytes = [0; 1_024];
                let read = stream.read(&mut bytes).await.unwrap();
                head.extend_from_slice(&bytes[..read]);
            }
            sender.send(String::from_utf8(head).unwrap().to_lowercase()).unwrap();
            stream.write_all(response.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (format!("http://{address}"), received)
}

fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

const JSON: &str = "content-type: application/json\r\n";

async fn fails(response: String) -> Error {
    let (url, _requests) = server(vec![response]).await;
    let client = Client::builder(url).token("ci_secret").response_max(1_000).build().unwrap();
    client.tokens().list(&TokenQuery::default()).await.unwrap_err()
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (elsewhere, mut requests) = server(vec![response("200 OK", JSON, "{}")]).await;
    let error = fails(response("307 Temporary Redirect", &format!("location: {elsewhere}/\r\n"), "")).await;
    assert_eq!((error.status(), error.code()), (Some(307), None));
    assert!(requests.try_recv().is_err(), "the credential went elsewhere");
}

#[tokio::test]
async fn problems_are_typed() {
    let body = r#"{"type":"urn:latchkey:problem:rate-limited","title":"Too Many Requests","status":429,"detail":"Too many",
        "request_id":"7","errors":[{"field":"name","message":"is wrong"}],"missing_scope":"tokens:read","new":true}"#;
    let headers = "content-type: application/problem+json\r\nretry-after: 7\r\n";
    let error = fails(response("429 Too Many Requests", headers, body)).await;
    assert_eq!((error.status(), error.code()), (Some(429), Some("rate-limited")));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    let api = error.api().unwrap();
    assert_eq!((api.request_id.as_deref(), api.missing_scope.as_deref()), (Some("7"), Some("tokens:read")));
    assert_eq!((&*api.fields[0].field, &*api.fields[0].message), ("name", "is wrong"));
}

#[tokio::test]
async fn what_latchkey_does_not_send_is_no_success() {
    for (answer, status) in [
        (response("200 OK", "content-type: text/html\r\n", "<p>Sign in</p>"), 200),
        (response("200 OK", JSON, "{}"), 200),
        (response("200 OK", JSON, ""), 200),
        (response("502 Bad Gateway", "content-type: text/html\r\n", "<p>Bad gateway</p>"), 502),
        (response("404 Not Found", "content-type: application/problem+json\r\n", "{"), 404),
    ] {
        let error = fails(answer).await;
        assert!(matches!(error, Error::Unexpected { status: of, .. } if of == status), "{error:?}");
    }
}

#[tokio::test]
async fn an_endless_response_is_cut() {
    assert!(matches!(fails(response("200 OK", JSON, &" ".repeat(2_000))).await, Error::TooLarge(1_000)));
}

#[tokio::test]
async fn nobody_is_waited_for_without_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::builder(url).timeout(Duration::from_millis(50)).build().unwrap();
    assert!(client.health().live().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_newer_server_is_understood() {
    let (url, _requests) =
        server(vec![response("200 OK", JSON, r#"{"status":"ready","warnings":[],"since":"2027"}"#)]).await;
    let client = Client::builder(url).build().unwrap();
    assert_eq!(client.health().ready().await.unwrap().unwrap().status, "ready");
}

#[tokio::test]
async fn a_list_is_read_to_its_end_and_no_further() {
    let page = |cursor: &str, name: &str| {
        let item = r#"{"id":"01a20276-c695-74cc-ab86-ccae0efb2eef","createdAt":"2027-01-01T00:00:00Z","name":"#;
        response("200 OK", JSON, &format!(r#"{{"items":[{item}"{name}"}}],"nextCursor":{cursor}}}"#))
    };
    let (url, mut requests) = server(vec![page("\"a b\"", "one"), page("\"b\"", "two"), page("\"b\"", "three")]).await;
    let client = Client::builder(url).token("ci_secret").organization("acme").build().unwrap();
    let projects = client.projects().list_all().collect().await.unwrap();
    assert_eq!(projects.iter().map(|project| &*project.name).collect::<Vec<_>>(), ["one", "two", "three"]);
    for target in ["/api/projects ", "/api/projects?cursor=a+b ", "/api/projects?cursor=b "] {
        let head = requests.recv().await.unwrap();
        assert!(head.starts_with(&format!("get {target}")), "{head}");
        assert!(head.contains("authorization: bearer ci_secret") && head.contains("latchkey-organization: acme"));
        assert!(head.contains("user-agent: latchkey-client/"), "{head}");
    }
}

#[tokio::test]
async fn a_credential_goes_where_it_is_needed() {
    let ready = || response("200 OK", JSON, r#"{"status":"live"}"#);
    let (url, mut requests) = server(vec![ready(), ready()]).await;
    let token = example_token();
    let client = Client::builder(url).token(token.as_str()).signed().organization("acme").build().unwrap();
    client.health().live().await.unwrap();
    let head = requests.recv().await.unwrap();
    assert!(!head.contains("authorization") && !head.contains("x-cli-") && !head.contains("acme"), "{head}");
    let _ = client.users().list(&PageQuery::default()).await;
    let head = requests.recv().await.unwrap();
    let nonce = head.lines().find(|line| line.starts_with("x-cli-nonce: ")).unwrap();
    assert!(nonce.ends_with("@acme") && head.contains("x-cli-signature: "), "{head}");
}

#[test]
fn secrets_are_not_shown() {
    let builder = Client::builder("https://tokens.example.com").token("ci_secret");
    let client = builder.clone().build().unwrap();
    for shown in [format!("{builder:?}"), format!("{client:?}"), format!("{:?}", SecretString::from("ci_secret"))] {
        assert!(!shown.contains("ci_"), "{shown}");
    }
}

#[test]
fn an_address_is_one_of_an_instance() {
    let built = |url: &str, change: fn(ClientBuilder) -> ClientBuilder| change(Client::builder(url)).build().is_ok();
    for (url, is_good) in [
        ("https://tokens.example.com", true),
        ("http://127.0.0.1:3000/", true),
        ("tokens.example.com", false),
        ("ftp://tokens.example.com", false),
        ("https://user@tokens.example.com", false),
        ("https://:password@tokens.example.com", false),
        ("https://tokens.example.com/portal", false),
        ("https://tokens.example.com/?a", false),
        ("https://tokens.example.com/#a", false),
    ] {
        assert_eq!(built(url, |builder| builder), is_good, "{url}");
    }
    assert!(!built("http://localhost", |builder| builder.token("ci_\n")));
    assert!(!built("http://localhost", |builder| builder.token("lku_secret").signed()));
    assert!(!built("http://localhost", |builder| builder.signed()));
}
