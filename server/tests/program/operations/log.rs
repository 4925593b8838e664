//! A log that can't be written stops nobody, and nobody fills it.

use std::fs::{File, OpenOptions};
use std::io::pipe;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use reqwest::StatusCode;
use tokio::time::timeout;

use super::connections::{TEST_TIMEOUT, counted};
use crate::common::{self, Server};

/// The program with its log on something of ours.
pub(crate) struct Logging {
    process: Child,
    url: String,
}

impl Logging {
    pub(crate) async fn to(server: &Server, log: Stdio) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new(common::PROGRAM)
            .arg("serve")
            .env_clear()
            .env("LATCHKEY_ADDR", address.to_string())
            .env("LATCHKEY_DATABASE_URL", &server.database_url)
            .env("LATCHKEY_LOG", "debug")
            .current_dir(&server.directory)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let logging = Self { process, url: format!("http://{address}") };
        let up = async {
            while reqwest::get(format!("{}/healthz", logging.url)).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        timeout(TEST_TIMEOUT, up).await.unwrap();
        logging
    }

    /// More requests than the log has room for are answered, and so are those that write no line.
    pub(crate) async fn serves(&self) {
        let http = reqwest::Client::new();
        for number in 0..1_500 {
            let (path, status) = match number % 3 {
                0 => ("/healthz", StatusCode::OK),
                1 => ("/login", StatusCode::OK),
                _ => ("/forward-auth", StatusCode::BAD_REQUEST),
            };
            let answer = timeout(TEST_TIMEOUT, http.get(format!("{}{path}", self.url)).send()).await.unwrap().unwrap();
            assert_eq!(answer.status(), status, "{path} {number}");
        }
    }

    async fn dropped(&self) -> bool {
        let metrics = reqwest::get(format!("{}/metrics", self.url)).await.unwrap().text().await.unwrap();
        metrics.contains("latchkey_log_lines_dropped_total")
            && !metrics.contains("latchkey_log_lines_dropped_total 0\n")
    }

    fn stops(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_can_not_be_written_stops_nobody() {
    let server = Server::start();
    // Nobody reads any more.
    let (reader, writer) = pipe().unwrap();
    let logging = Logging::to(&server, writer.into()).await;
    drop(reader);
    logging.serves().await;
    assert!(logging.dropped().await);
    logging.stops();
    // The device is full.
    if let Ok(full) = OpenOptions::new().write(true).open("/dev/full") {
        let logging = Logging::to(&server, full.into()).await;
        logging.serves().await;
        assert!(logging.dropped().await);
        logging.stops();
    }
    // Somebody has stopped reading: a pipe takes 64 KiB, and the end waits for nobody.
    let (reader, writer) = pipe().unwrap();
    let logging = Logging::to(&server, writer.into()).await;
    logging.serves().await;
    logging.stops();
    drop(reader);
    // Commands say that they could not say it.
    for full in [File::create("/dev/full").ok(), None] {
        let output = full.map_or_else(|| pipe().unwrap().1.into(), Stdio::from);
        let command = Command::new(common::PROGRAM)
            .arg("migrate")
            .env_clear()
            .env("LATCHKEY_DATABASE_URL", &server.database_url)
            .current_dir(&server.directory)
            .stdout(output)
            .output()
            .unwrap();
        let said = String::from_utf8(command.stderr).unwrap();
        assert!(
            !command.status.success() && said.contains("latchkey-server: ") && !said.contains("panicked"),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_fills_the_log() {
    let server = Server::start();
    for path in ["/a/ci%5FPasted", "/a/%2563i_Pasted", "/setup/lki%25255FPasted", "/api/x/CI%5fPasted?ci_Pasted"] {
        server.page(path).await;
    }
    for number in 0..500 {
        server.page(&format!("/{number}/{}", "x".repeat(290))).await;
        server.page(&format!("/api/{number}/{}", "x".repeat(290))).await;
    }
    let left_out = async {
        while !server.log().contains("similar lines were suppressed") {
            tokio::task::yield_now().await;
        }
    };
    timeout(TEST_TIMEOUT, left_out).await.unwrap();
    assert!(counted(&server, "log_lines_left_out_total").await > 0);
    let log = server.log();
    assert!(!log.contains("Pasted"), "{log}");
    let refused = log.lines().filter(|line| line.contains("\"status\":404") && line.contains("answered"));
    assert!(refused.clone().all(|line| !line.contains(&"x".repeat(70))));
    assert!(refused.count() < 1_000);
}
