//! Connections that only cost something.

use std::net::TcpListener as StdListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::common::{self, Server};

/// Longer than anything here takes: only a failure waits for it.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(60);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HALF_A_HEAD: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: latchkey\r\nX-More: ";

/// A connection to the server on which something has been sent.
pub(crate) async fn with_sent(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// What comes until the server closes the connection, which it must.
pub(crate) async fn until_closed(mut stream: TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    // A reset is an end, too.
    let _ = timeout(TEST_TIMEOUT, stream.read_to_end(&mut read)).await.unwrap();
    read
}

pub(crate) async fn is_served(server: &Server) {
    let answer =
        timeout(TEST_TIMEOUT, server.http.get(format!("{}/healthz", server.url)).send()).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

/// A number from `/metrics`.
pub(crate) async fn counted(server: &Server, name: &str) -> u64 {
    let (_, text) = server.page("/metrics").await;
    let found = text.lines().find_map(|line| line.strip_prefix(&format!("latchkey_{name} ")));
    found.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
}

/// The same program with only so many files, in a shell that gives it no more.
struct FewFiles {
    process: Child,
    address: String,
}

impl FewFiles {
    fn start(server: &Server, files: u32) -> Self {
        let address = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let process = Command::new("sh")
            .args(["-c", &format!("ulimit -n {files}; exec \"$0\" serve"), common::PROGRAM])
            .env_clear()
            .env("LATCHKEY_ADDR", &address)
            .env("LATCHKEY_DATABASE_URL", &server.database_url)
            .current_dir(&server.directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, address }
    }
}

impl Drop for FewFiles {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_sent_heads_keep_nobody_out() {
    raise_files();
    let first = Server::start();
    let few = FewFiles::start(&first, 256);
    let url = format!("http://{}", few.address);
    let http = reqwest::Client::new();
    let health = || http.get(format!("{url}/healthz")).send();
    let served = async {
        while health().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TEST_TIMEOUT, served).await.unwrap();
    // A request that is under way, with half of its body sent.
    let body = format!("{{\"email\":\"{}\",\"password\":\"{}\"}}", common::EMAIL, common::PASSWORD);
    let head = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut under_way = TcpStream::connect(&few.address).await.unwrap();
    under_way.write_all(format!("{head}{}", &body[..10]).as_bytes()).await.unwrap();
    let mut held = Vec::new();
    for number in 0..600 {
        // One that was closed to make room is no matter.
        let mut stream = TcpStream::connect(&few.address).await.unwrap();
        let _ = stream.write_all(HALF_A_HEAD).await;
        held.push(stream);
        if number % 50 == 49 {
            let answer = timeout(TEST_TIMEOUT, reqwest::get(format!("{url}/healthz"))).await.unwrap().unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "after {number}");
        }
    }
    let metrics = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    assert!(!metrics.contains("latchkey_connections_closed_for_room_total 0"), "{metrics}");
    under_way.write_all(&body.as_bytes()[10..]).await.unwrap();
    let answer = String::from_utf8(until_closed(under_way).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_ask_in_time_is_not_waited_for() {
    let server = Server::start();
    let mut begun = Vec::new();
    for bytes in [&b""[..], b"P", PREFACE, &PREFACE[..10], HALF_A_HEAD] {
        begun.push(with_sent(&server, bytes).await);
    }
    // And after a request that was answered.
    let mut again = with_sent(&server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut first = [0; 12];
    again.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    again.write_all(HALF_A_HEAD).await.unwrap();
    begun.push(again);
    for stream in begun {
        until_closed(stream).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_cost_nothing_and_live_on() {
    let count = raise_files().min(2_400) - 400;
    let server = Server::start();
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut idle = Vec::new();
    for _ in 0..count {
        idle.push(with_sent(&server, request).await);
    }
    is_served(&server).await;
    assert!(counted(&server, "connections").await >= count);
    assert_eq!(counted(&server, "connections_refused_total").await, 0);
    for stream in idle.iter_mut().step_by(100) {
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        stream.write_all(request).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_waits_keeps_the_server_from_ending() {
    let mut server = Server::start();
    let mut held = Vec::new();
    for bytes in [&b""[..], PREFACE, &PREFACE[..10], HALF_A_HEAD, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"] {
        held.push(with_sent(&server, bytes).await);
    }
    is_served(&server).await;
    server.stop();
    let log = server.log();
    assert!(log.contains("\"stopped\"") && !log.contains("did not end in time"), "{log}");
}

/// Sets how many files this process may have open as high as it goes.
fn raise_files() -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    maximum.unwrap_or(u64::MAX)
}
