//! Bodies: nothing is read for whom it can't be, and all that is kept has room.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connections::{TEST_TIMEOUT, counted, with_sent};
use crate::common::{Server, text};

/// Of the right form, with the right checksum, and nobody's.
const NOBODYS: &str = "ci_0000000000000000000000000000000Dzvt7";
const MIB: usize = 1024 * 1024;
const LIST: &str = "/controlplane.v1.APITokenService/List";

fn head(path: &str, length: usize, lines: &str) -> String {
    let kind = match path {
        LIST => "application/grpc-web+proto",
        "/oauth/introspect" => "application/x-www-form-urlencoded",
        _ => "application/json",
    };
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Sec-Fetch-Site: same-origin\r\n{lines}\r\n"
    )
}

/// An answer with its length: head and body.
async fn answer(stream: &mut TcpStream) -> (String, String) {
    let read = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length =
            head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    };
    timeout(TEST_TIMEOUT, read).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_can_not_be_right_is_refused_before_the_body() {
    let server = Server::start();
    let wrong = format!("{}8", &NOBODYS[..NOBODYS.len() - 1]);
    for path in ["/api/auth/cli-tokens", "/api/orgs", "/api/verify", "/api/verify/batch", LIST] {
        for (line, kind) in [
            (String::new(), "credential-missing"),
            ("Authorization: Basic x\r\n".to_owned(), "credential-missing"),
            ("Authorization: Bearer something\r\n".to_owned(), "token-malformed"),
            (format!("Authorization: Bearer {wrong}\r\n"), "token-checksum"),
            ("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n".to_owned(), "ambiguous-request"),
        ] {
            // Nothing of the body is sent before the answer is there.
            let mut stream = with_sent(&server, head(path, MIB, &line).as_bytes()).await;
            let (head_of, body) = answer(&mut stream).await;
            if path == LIST {
                let code = if kind == "ambiguous-request" { "3" } else { "16" };
                assert!(head_of.contains(&format!("grpc-status: {code}\r\n")), "{path} {line} {head_of}");
                continue;
            }
            let problem: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(problem["type"], format!("urn:latchkey:problem:{kind}"), "{path} {line}");
            if path == "/api/verify" {
                // Whoever sends it all the same goes on, and what was left is not taken for a request.
                stream.write_all(&vec![b'x'; MIB]).await.unwrap();
                stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
                let (head_of, _) = answer(&mut stream).await;
                assert!(head_of.starts_with("http/1.1 200"), "{head_of}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_anybody_may_send_is_short() {
    let server = Server::start();
    for path in ["/oauth/introspect", "/api/auth/login", "/login", "/setup", "/join", "/theme"] {
        // The rest never comes, and nobody waits for it.
        let sent = [head(path, MIB, "").into_bytes(), vec![b'x'; 17 * 1024]].concat();
        let (head, _) = answer(&mut with_sent(&server, &sent).await).await;
        assert!(["413 ", "415 "].iter().any(|status| head.starts_with(&format!("http/1.1 {status}"))), "{path} {head}");
    }
    // Services of gRPC that anybody may call.
    let message = [&[0][..], &9_000_u32.to_be_bytes(), &[b'x'; 9_000]].concat();
    let request = server.http.post(format!("{}/grpc.health.v1.Health/Check", server.url));
    let answer = request.header("content-type", "application/grpc-web+proto").body(message).send().await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "11");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_have_a_budget_and_small_ones_get_through() {
    let server = Server::start();
    let user = server.log_in().await;
    let mut held = Vec::new();
    for path in ["/api/verify", "/api/verify/batch", "/api/auth/cli-tokens", LIST].into_iter().cycle() {
        // All but the last byte: who this is can't be asked before.
        let line = format!("Authorization: Bearer {NOBODYS}\r\n");
        let mut stream = with_sent(&server, head(path, MIB, &line).as_bytes()).await;
        // Of those that are refused, the rest is taken in while the answer is on its way.
        stream.write_all(&vec![b' '; MIB - 1]).await.unwrap();
        held.push(stream);
        // One after the other: two that are refused at the same moment would leave room for one more.
        let all = (held.len() * (MIB - 1)) as u64;
        let settled = async {
            while counted(&server, "body_bytes").await < all && counted(&server, "bodies_refused_total").await == 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(TEST_TIMEOUT, settled).await.unwrap();
        if counted(&server, "bodies_refused_total").await > 0 {
            break;
        }
    }
    let in_flight = counted(&server, "body_bytes").await;
    assert!(in_flight <= 13 * 1024 * 1024, "{in_flight}");
    // From the same address.
    server.create_token(&user, "small").await;
    let large = json!({ "name": "large", "description": "x".repeat(MIB - 100), "scopes": ["scans:read"] });
    let (status, problem) = server.send(Method::POST, "/api/auth/cli-tokens", &user, &large).await;
    assert_eq!(
        (status, text(&problem["type"])),
        (StatusCode::TOO_MANY_REQUESTS, "urn:latchkey:problem:too-many-at-once".to_owned())
    );
    drop(held);
    let given_back = async {
        while counted(&server, "body_bytes").await > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(TEST_TIMEOUT, given_back).await.unwrap();
    let (status, _) = server.send(Method::POST, "/api/auth/cli-tokens", &user, &large).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}
