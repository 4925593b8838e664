//! What is sent to do harm, in the frames of HTTP/2 (RFC 9113) and in JSON.

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::connections::{TEST_TIMEOUT, is_served, with_sent};
use crate::common::Server;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Names and values as literals without an index (RFC 7541, section 6.2.2).
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let field = |(name, value): &(&str, &str)| [vec![0], text(name), text(value)].concat();
    fields.iter().flat_map(field).collect()
}

fn request(method: &str, path: &str) -> Vec<u8> {
    fields(&[(":method", method), (":scheme", "http"), (":authority", "latchkey"), (":path", path)])
}

/// Sends frames until there are no more or the server has had enough, and says whether it ended the connection with a
/// word about it.
async fn sent(server: &Server, frames: impl Iterator<Item = Vec<u8>>) -> bool {
    let stream = with_sent(server, &[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
    let (mut read, mut write) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut all = Vec::new();
        let _ = timeout(TEST_TIMEOUT, read.read_to_end(&mut all)).await.unwrap();
        all
    });
    for frame in frames {
        if write.write_all(&frame).await.is_err() {
            break;
        }
    }
    let _ = write.shutdown().await;
    let mut all = &reading.await.unwrap()[..];
    while let Some((head, rest)) = all.split_at_checked(9) {
        if head[3] == GOAWAY {
            return true;
        }
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        all = rest.get(length..).unwrap_or_default();
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_http_2_exhaust_nothing() {
    let server = Server::start();
    // Rapid reset (CVE-2023-44487).
    let head = request("GET", "/orgs/x/settings/tokens");
    let reset = |number: u32| {
        let stream = 2 * number + 1;
        [frame(HEADERS, END_HEADERS | 1, stream, &head), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    assert!(sent(&server, (0..20_000).map(reset)).await, "reset");
    is_served(&server).await;
    // A head that never ends.
    let begun = frame(HEADERS, 0, 1, &request("GET", "/"));
    let more = frame(CONTINUATION, 0, 1, &fields(&[("x-more", &"x".repeat(100))]).repeat(100));
    assert!(sent(&server, std::iter::once(begun).chain((0..2_000).map(|_| more.clone()))).await, "continuation");
    is_served(&server).await;
    // Bodies on every stream that there may be, of which nobody has said who they are from: they are not kept.
    let head = request("POST", "/api/verify");
    let opened = (0..90).map(|number| frame(HEADERS, END_HEADERS, 2 * number + 1, &head));
    let data = (0..90).map(|number| frame(DATA, 0, 2 * number + 1, &vec![b' '; 2_000]));
    sent(&server, opened.chain(data)).await;
    is_served(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_json_is_refused() {
    let server = Server::start();
    let user = server.log_in().await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = [&open.repeat(100_000), "1", &close.repeat(100_000)].concat();
        for (path, body) in [
            ("/api/auth/cli-tokens", deep.clone()),
            ("/api/auth/cli-tokens", format!("{{\"name\":{deep}}}")),
            ("/api/auth/login", deep[..16_000].to_owned()),
            ("/api/verify", deep.clone()),
            ("/api/verify", format!("{{\"token\":{deep}}}")),
            ("/api/verify/batch", deep.clone()),
            ("/api/verify/batch", format!("{{\"requests\":[{deep}]}}")),
        ] {
            let request = server.request(reqwest::Method::POST, path, &user).header("content-type", "application/json");
            let status = request.body(body).send().await.unwrap().status();
            // In a batch, what is wrong with one is the answer to that one.
            let told = path == "/api/verify/batch" && status == StatusCode::OK;
            assert!(told || (status.is_client_error() && status != StatusCode::UNAUTHORIZED), "{path} {status}");
        }
    }
    is_served(&server).await;
}
