//! Nonces in a real Redis, which loses them in every way there is: no replay passes, and who signs again is let through.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use latchkey_domain::{Secret, Signature, SignedRequest, Timestamp};
use latchkey_service::{Clock, SystemClock};
use reqwest::{Method, StatusCode};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::{Running, free_port, run, until_listening};
use crate::common::{Server, answer};

/// The address of Redis that servers know; what stands behind it changes.
struct Balancer {
    port: u16,
    target: Arc<AtomicU16>,
}

impl Balancer {
    async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, target) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU16::new(target)));
        let to = target.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let to = to.load(Ordering::SeqCst);
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { port, target }
    }
}

struct World {
    directory: PathBuf,
    balancer: Balancer,
    server: Server,
    secret: String,
    redis: Option<Running>,
}

fn redis(port: u16, home: &Path, more: &[&str]) -> Running {
    let (port, home) = (port.to_string(), home.display().to_string());
    let plain = ["--port", &port, "--bind", "127.0.0.1", "--dir", &home, "--save", "", "--appendonly", "no"];
    run("redis-server", &[&plain, more].concat())
}

/// Asks Redis itself.
fn cli(port: u16, command: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(command).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

impl World {
    async fn start(name: &str) -> Self {
        let port = free_port();
        let directory = std::env::temp_dir().join(format!("latchkey-redis-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let redis = redis(port, &directory, &[]);
        until_listening(port).await;
        let balancer = Balancer::start(port).await;
        let server = start(&directory, balancer.port);
        let user = server.log_in().await;
        let (_, secret) = server.create_token(&user, "Signer").await;
        Self { directory, balancer, server, secret, redis: Some(redis) }
    }

    fn port(&self) -> u16 {
        self.balancer.target.load(Ordering::SeqCst)
    }

    fn signed(&self, nonce: &str, at: Timestamp) -> Signature {
        let request = SignedRequest { method: "GET", target: "/api/repos", body_hash: SignedRequest::NO_BODY };
        Signature::sign(&Secret::parse(&self.secret).unwrap(), &request, at, nonce)
    }

    async fn send(&self, server: &Server, signature: &Signature) -> (StatusCode, String) {
        let request = server.request(Method::GET, "/api/repos", &self.secret);
        let request =
            signature.headers().into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let (status, body) = answer(request.send().await.unwrap()).await;
        (status, body["type"].as_str().unwrap_or_default().trim_start_matches("urn:latchkey:problem:").to_owned())
    }

    /// What is signed from now on is let through in the end, and what was used before never.
    async fn no_replay_passes(&self, server: &Server, used: &Signature) {
        for attempt in 0..300 {
            assert_ne!(self.send(server, used).await.0, StatusCode::OK, "a replay passes");
            let now = SystemClock.now();
            let again = self.signed(&format!("again-{attempt}-{}", now.micros()), now);
            let (status, why) = self.send(server, &again).await;
            if status == StatusCode::OK {
                assert_ne!(self.send(server, used).await.0, StatusCode::OK, "a replay passes");
                assert_eq!(self.send(server, &again).await.0, StatusCode::UNAUTHORIZED, "replayed");
                return;
            }
            assert!(["nonces-lost", "nonces-unavailable"].contains(&&*why), "{status} {why}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("who signs again is not let through");
    }
}

fn start(directory: &Path, port: u16) -> Server {
    let database = format!("sqlite://{}", directory.join("latchkey.db").display());
    let url = format!("redis://127.0.0.1:{port}/0");
    Server::start_with(directory.to_owned(), database, &[("LATCHKEY_REDIS_URL", url.as_str())], true)
}

/// Two replicas share the nonces; when Redis is away, only signed requests are refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_keeps_nonces_for_all_replicas() {
    let mut world = World::start("shared").await;
    let (one, two) = (&world.server, start(&world.directory, world.balancer.port));
    let used = world.signed("n-1", SystemClock.now());
    assert_eq!(world.send(one, &used).await.0, StatusCode::OK, "the first one waits for nothing");
    let replayed = (StatusCode::UNAUTHORIZED, "replayed".to_owned());
    assert_eq!(world.send(&two, &used).await, replayed);
    assert_eq!(world.send(&two, &world.signed("n-2", SystemClock.now())).await.0, StatusCode::OK);
    // Both at once, and one gets through.
    let both = world.signed("n-both", SystemClock.now());
    let answers = tokio::join!(world.send(one, &both), world.send(&two, &both));
    assert_eq!([&answers.0.0, &answers.1.0].iter().filter(|status| ***status == StatusCode::OK).count(), 1);

    world.redis = None;
    let away = (StatusCode::SERVICE_UNAVAILABLE, "nonces-unavailable".to_owned());
    assert_eq!(world.send(&world.server, &world.signed("n-3", SystemClock.now())).await, away);
    let unsigned = world.server.get("/api/auth/whoami", &world.secret).await;
    assert_eq!(unsigned.0, StatusCode::OK, "unsigned requests need no Redis");

    // It comes back empty.
    world.redis = Some(redis(world.port(), &world.directory, &[]));
    until_listening(world.port()).await;
    world.no_replay_passes(&world.server, &used).await;
    world.no_replay_passes(&two, &used).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_forgets_is_not_good_again() {
    let world = World::start("forgets").await;
    let server = &world.server;
    let port = world.port();
    for (at, loss) in ["FLUSHALL", "FLUSHDB", "one nonce is evicted", "the epoch is gone"].into_iter().enumerate() {
        let used = world.signed(&format!("n-{at}"), SystemClock.now());
        assert_eq!(world.send(server, &used).await.0, StatusCode::OK, "{loss}");
        match loss {
            "one nonce is evicted" => {
                cli(port, &["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]);
                cli(port, &["CONFIG", "SET", "maxmemory", "100kb"]);
                cli(port, &["SET", "other", "1"]);
                cli(port, &["CONFIG", "SET", "maxmemory", "0"]);
                assert!(!cli(port, &["INFO", "stats"]).contains("evicted_keys:0\r"), "evicted");
                assert_eq!(cli(port, &["EXISTS", "latchkey:nonces"]).trim(), "1", "the epoch has survived");
            }
            "the epoch is gone" => drop(cli(port, &["DEL", "latchkey:nonces"])),
            flush => drop(cli(port, &[flush])),
        }
        world.no_replay_passes(server, &used).await;
    }
    // Redis may write and read all back: nothing is lost by that.
    let used = world.signed("n-reload", SystemClock.now());
    assert_eq!(world.send(server, &used).await.0, StatusCode::OK);
    cli(port, &["BGREWRITEAOF"]);
    assert_eq!(world.send(server, &used).await.1, "replayed");
    assert_eq!(world.send(server, &world.signed("n-after", SystemClock.now())).await.0, StatusCode::OK);
}

/// Clocks of clients may be five minutes ahead: then all wait so long, because nobody knows which of these were used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_signed_for_later_is_not_good_again_either() {
    let world = World::start("later").await;
    let ahead = world.signed("ahead", SystemClock.now().plus_seconds(290));
    assert_eq!(world.send(&world.server, &ahead).await.0, StatusCode::OK);
    cli(world.port(), &["FLUSHALL"]);
    let lost = (StatusCode::SERVICE_UNAVAILABLE, "nonces-lost".to_owned());
    assert_eq!(world.send(&world.server, &ahead).await, lost);
    let now = world.signed("now", SystemClock.now());
    let request = world.server.request(Method::GET, "/api/repos", &world.secret);
    let request = now.headers().into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let response = request.send().await.unwrap();
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((250..=300).contains(&wait), "{wait}");
    let later = world.signed("later", SystemClock.now().plus_seconds(299));
    assert_eq!(world.send(&world.server, &later).await.0, StatusCode::OK, "later than all that was used");
}

/// A replica that lagged is promoted; and then the first one comes back as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_redis_lets_no_replay_pass() {
    let mut world = World::start("promoted").await;
    let (first, second) = (world.port(), free_port());
    let _second = redis(second, &world.directory, &["--dbfilename", "second.rdb"]);
    until_listening(second).await;
    let early = world.signed("early", SystemClock.now());
    assert_eq!(world.send(&world.server, &early).await.0, StatusCode::OK);
    cli(second, &["REPLICAOF", "127.0.0.1", &first.to_string()]);
    let in_step = |port| cli(port, &["EXISTS", "latchkey:nonces"]).trim() == "1";
    for _ in 0..200 {
        if in_step(second) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(in_step(second));
    // It lags from here on.
    cli(second, &["REPLICAOF", "NO", "ONE"]);
    let used = world.signed("lost", SystemClock.now());
    assert_eq!(world.send(&world.server, &used).await.0, StatusCode::OK);
    world.balancer.target.store(second, Ordering::SeqCst);
    cli(first, &["CLIENT", "KILL", "TYPE", "normal"]);
    world.no_replay_passes(&world.server, &used).await;
    world.no_replay_passes(&world.server, &early).await;
    // The first one, which knows nothing of what was used since.
    let used = world.signed("since", SystemClock.now());
    assert_eq!(world.send(&world.server, &used).await.0, StatusCode::OK);
    world.balancer.target.store(first, Ordering::SeqCst);
    cli(second, &["CLIENT", "KILL", "TYPE", "normal"]);
    world.no_replay_passes(&world.server, &used).await;
    // Also for a replica that was not there: it goes by what the database knows.
    let used = world.signed("last", SystemClock.now());
    assert_eq!(world.send(&world.server, &used).await.0, StatusCode::OK);
    world.balancer.target.store(second, Ordering::SeqCst);
    world.server.stop();
    world.server = start(&world.directory, world.balancer.port);
    world.no_replay_passes(&world.server, &used).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_says_what_redis_may_forget() {
    let world = World::start("doctor").await;
    let doctor = || {
        let url = format!("redis://127.0.0.1:{}/0", world.balancer.port);
        world.server.command(&["doctor", "--redis-url", &url])
    };
    let said = doctor();
    assert!(said.contains("append-only") && !said.contains("evicts"), "{said}");
    for command in [["maxmemory", "100mb"], ["maxmemory-policy", "allkeys-lru"], ["appendonly", "yes"]] {
        cli(world.port(), &[&["CONFIG", "SET"][..], &command].concat());
    }
    let said = doctor();
    assert!(said.contains("maxmemory-policy allkeys-lru") && !said.contains("append-only"), "{said}");
}
