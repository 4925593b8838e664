//! What others notice of a flood: how long a revocation and an honest verification take while somebody sends as much as
//! they can.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use latchkey_client::Signer;
use latchkey_domain::{Secret, SecretKind};
use latchkey_service::{Random as _, SystemRandom};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::corpus::{self, ORGANIZATION};
use crate::report::{Line, append};
use crate::requests::{guarded, request, some_active};
use crate::{Failure, say};

#[derive(Args)]
pub(crate) struct Options {
    /// Host and port
    #[arg(long)]
    host: String,
    /// A user token of an admin
    #[arg(long)]
    bearer: String,
    #[arg(long)]
    engine: String,
    #[arg(long)]
    size: u64,
    /// How long each flood lasts
    #[arg(long)]
    seconds: u64,
    /// Where to append the results
    #[arg(long)]
    to: PathBuf,
    /// One of them alone
    #[arg(long)]
    only: Option<String>,
}

/// A flood: its name, its connections, and the next request of it.
type Flood = (&'static str, usize, Arc<dyn Fn() -> String + Send + Sync>);

/// What there is to learn of one.
#[derive(Default)]
struct Noticed {
    revocations: Vec<Duration>,
    verifications: Vec<Duration>,
    failed: u64,
}

/// Time between two revocations, and between two verifications.
const EVERY: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(10)];

pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let mut client = Client::connect(&options.host).await?;
    let target = Target { host: options.host.clone(), bearer: options.bearer.clone() };
    for (name, connections, next) in floods(options, &mut client, &target).await? {
        if options.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let count = Duration::from_secs(options.seconds).as_millis() / EVERY[0].as_millis();
        let mut revoked = Vec::new();
        for number in 0..count {
            revoked.push(target.create(&mut client, &format!("flood {name} {number}"), &["scans:read"]).await?.0);
        }
        let honest: Vec<_> = (0..8)
            .map(|number| verification(&options.host, some_active(options.size) + number, options.size))
            .collect();
        let honest = honest.into_iter().flatten().collect();
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        // On a thread of its own, so that what is measured does not wait for the flood on this side.
        let measuring = measure(target.clone(), revoked, honest, Duration::from_secs(options.seconds));
        let measuring = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measuring)
        });
        for _ in 0..connections {
            tokio::spawn(flood(options.host.clone(), next.clone(), stop.clone(), sent.clone()));
        }
        let noticed = tokio::task::spawn_blocking(move || measuring.join()).await?;
        let noticed = noticed.map_err(|_| "the measuring thread panicked")??;
        stop.store(true, Ordering::Relaxed);
        let flooded = sent.load(Ordering::Relaxed) as f64 / options.seconds as f64;
        for (what, mut times) in [("revocation", noticed.revocations), ("verification", noticed.verifications)] {
            times.sort_unstable();
            let at = |part: f64| {
                times.get((times.len() as f64 * part) as usize).map_or(0.0, |time| time.as_secs_f64() * 1e6)
            };
            let line = Line {
                kind: "flood".to_owned(),
                engine: options.engine.clone(),
                size: options.size,
                operation: format!("{name}/{what}"),
                requests: times.len() as u64,
                per_second: flooded,
                p50: at(0.5),
                p99: at(0.99),
                errors: noticed.failed,
                ..Line::default()
            };
            say(&format!(
                "{name}, {flooded:.0} a second: {what} p50 {:.1} ms, p99 {:.1} ms of {} ({} failed)",
                line.p50 / 1e3,
                line.p99 / 1e3,
                times.len(),
                noticed.failed
            ))?;
            append(&options.to, &line)?;
        }
        // Those who are still waiting are to be gone before the next.
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

async fn floods(options: &Options, client: &mut Client, target: &Target) -> Result<Vec<Flood>, Failure> {
    let host = options.host.clone();
    let signed = signing(options)?;
    let (signer, bearer) = (signed.0.clone(), signed.1.clone());
    let one = host.clone();
    let signed_requests = move || {
        let mut headers = vec![("x-original-method", "GET".to_owned()), ("x-original-uri", signed.2.clone())];
        headers.push(("authorization", format!("Bearer {}", signed.1)));
        headers.extend(signed.0.headers("GET", &signed.2, b""));
        get(&one, "/forward-auth", &headers)
    };
    let (_, asks) = target.create(client, "flood asks", &["tokens:introspect"]).await?;
    let two = host.clone();
    let batches = move || {
        let requests: Vec<_> = (0..100)
            .map(|_| {
                let [(_, signature), (_, timestamp), (_, nonce)] = signer.headers("GET", "/api/scans", b"");
                let signature = json!({ "signature": signature, "timestamp": timestamp, "nonce": nonce });
                json!({ "token": bearer, "method": "GET", "path": "/api/scans", "signature": signature })
            })
            .collect();
        let body = json!({ "requests": requests }).to_string();
        let headers = [("authorization", format!("Bearer {asks}")), ("content-type", "application/json".to_owned())];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        request(&two, "POST", "/api/verify/batch", &headers, &body)
    };
    let three = host.clone();
    let unknown = move || {
        let secret = Secret::generate(SecretKind::ApiToken, |bytes| SystemRandom.fill(bytes));
        let headers = [
            ("x-original-method", "GET".to_owned()),
            ("x-original-uri", "/api/scans".to_owned()),
            ("authorization", format!("Bearer {}", secret.reveal())),
        ];
        get(&three, "/forward-auth", &headers)
    };
    let number = AtomicU64::new(0);
    let sign_ins = move || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "email": format!("user{}@example.com", number % 1_000), "password": "a wrong guess" });
        request(&host, "POST", "/api/auth/login", &[("content-type", "application/json")], &body.to_string())
    };
    Ok(vec![
        ("quiet", 0, Arc::new(String::new)),
        ("signed", 3_000, Arc::new(signed_requests)),
        ("batches", 64, Arc::new(batches)),
        ("unknown", 1_000, Arc::new(unknown)),
        ("sign-ins", 2_000, Arc::new(sign_ins)),
    ])
}

/// A token that signs, and what it may ask for.
fn signing(options: &Options) -> Result<(Signer, String, String), Failure> {
    let number = some_active(options.size) + 100;
    let number = (number..options.size).find(|number| {
        corpus::state(*number) == latchkey_domain::TokenState::Active && guarded(*number, options.size).is_some()
    });
    let number = number.ok_or("no token of the database may sign")?;
    let secret = corpus::secret(number);
    let (_, path) = guarded(number, options.size).ok_or("it may do nothing")?;
    Ok((Signer::new(secret.reveal())?, secret.reveal().to_owned(), path.to_owned()))
}

fn verification(host: &str, number: u64, size: u64) -> Option<String> {
    let (method, path) = guarded(number, size)?;
    let headers = [
        ("x-original-method", method.to_owned()),
        ("x-original-uri", path.to_owned()),
        ("authorization", format!("Bearer {}", corpus::secret(number).reveal())),
    ];
    (corpus::state(number) == latchkey_domain::TokenState::Active).then(|| get(host, "/forward-auth", &headers))
}

fn get(host: &str, path: &str, headers: &[(&str, String)]) -> String {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    request(host, "GET", path, &headers, "")
}

/// Sends one request after the other, as fast as they are answered.
async fn flood(host: String, next: Arc<dyn Fn() -> String + Send + Sync>, stop: Arc<AtomicBool>, sent: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut client) = Client::connect(&host).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        while !stop.load(Ordering::Relaxed) && client.send(&next()).await.is_ok() {
            sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn measure(
    target: Target,
    revoked: Vec<String>,
    honest: Vec<String>,
    length: Duration,
) -> Result<Noticed, Failure> {
    // Known before the flood, as in real life.
    let mut client = Client::connect(&target.host).await?;
    for request in &honest {
        client.send(request).await?;
    }
    // The flood is to have begun.
    sleep(Duration::from_secs(1)).await;
    let until = Instant::now() + length;
    let revocations = async {
        let mut times = Vec::new();
        let mut failed = 0;
        let mut client = Client::connect(&target.host).await?;
        for id in revoked {
            if Instant::now() > until {
                break;
            }
            let (took, status) =
                client.time(&target.request("DELETE", &format!("/api/auth/cli-tokens/{id}"), "")).await?;
            if matches!(status, 200 | 204) {
                times.push(took)
            } else {
                failed += 1
            }
            sleep(EVERY[0]).await;
        }
        Ok::<_, Failure>((times, failed))
    };
    let verifications = async {
        let mut times = Vec::new();
        let mut failed = 0;
        for request in honest.iter().cycle() {
            if Instant::now() > until {
                break;
            }
            let (took, status) = client.time(request).await?;
            if matches!(status, 200 | 204) {
                times.push(took)
            } else {
                failed += 1
            }
            sleep(EVERY[1]).await;
        }
        Ok::<_, Failure>((times, failed))
    };
    let ((revocations, lost), (verifications, refused)) = tokio::try_join!(revocations, verifications)?;
    Ok(Noticed { revocations, verifications, failed: lost + refused })
}

/// Where an admin asks.
#[derive(Clone)]
struct Target {
    host: String,
    bearer: String,
}

impl Target {
    fn request(&self, method: &str, path: &str, body: &str) -> String {
        let bearer = format!("Bearer {}", self.bearer);
        let headers = [
            ("authorization", bearer.as_str()),
            ("latchkey-organization", ORGANIZATION),
            ("content-type", "application/json"),
        ];
        request(&self.host, method, path, &headers, body)
    }

    /// Id and secret of a new token.
    async fn create(&self, client: &mut Client, name: &str, scopes: &[&str]) -> Result<(String, String), Failure> {
        let name = format!("{name} {}", SystemRandom.id(latchkey_domain::Timestamp::EPOCH).simple());
        let body = json!({ "name": name, "scopes": scopes, "allRepositories": true, "expiresIn": "720h" }).to_string();
        let (status, body) = client.send(&self.request("POST", "/api/auth/cli-tokens", &body)).await?;
        let created: serde_json::Value = serde_json::from_slice(&body)?;
        match (created["id"].as_str(), created["token"].as_str()) {
            (Some(id), Some(secret)) => Ok((id.to_owned(), secret.to_owned())),
            _ => Err(format!("{status}: can't create a token: {created}").into()),
        }
    }
}

/// HTTP/1.1, as far as the server's answers need it.
struct Client(BufStream<TcpStream>);

impl Client {
    async fn connect(host: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufStream::with_capacity(4_096, 4_096, stream)))
    }

    async fn time(&mut self, request: &str) -> Result<(Duration, u16), Failure> {
        let started = Instant::now();
        let (status, _) = self.send(request).await?;
        Ok((started.elapsed(), status))
    }

    /// The status and body of the answer.
    async fn send(&mut self, request: &str) -> Result<(u16, Vec<u8>), Failure> {
        self.0.write_all(request.as_bytes()).await?;
        self.0.flush().await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await?);
        }
        let head = String::from_utf8(head)?.to_ascii_lowercase();
        let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or("no status")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(Ok(0), str::parse)?];
        self.0.read_exact(&mut body).await?;
        Ok((status, body))
    }
}
