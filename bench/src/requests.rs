//! What the load generator sends: whole HTTP/1.1 requests with a NUL between them, so that it has nothing to put
//! together.

use std::path::{Path, PathBuf};

use clap::Args;
use latchkey_domain::{Timestamp, TokenState};
use serde_json::json;

use crate::corpus::{self, JOBS, ORGANIZATION, PARTS, TEAMS};
use crate::random::Random;
use crate::{Failure, seed};

#[derive(Args)]
pub(crate) struct Options {
    #[arg(long)]
    size: u64,
    /// Host and port, as the requests name them
    #[arg(long)]
    host: String,
    /// The session's, as a request sends it
    #[arg(long)]
    cookie: String,
    /// A user token, for creating
    #[arg(long)]
    bearer: String,
    /// Where to write `verify`, `list`, `search` and `create`
    #[arg(long)]
    to: PathBuf,
}

/// Creations of one run: none is sent twice, since names are unique.
const CREATIONS: u64 = 150_000;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let page = format!("/orgs/{ORGANIZATION}/settings/tokens");
    let cookie = ("cookie", options.cookie.as_str());
    let html = ("accept", "text/html");
    let get = |path: &str, headers: &[(&str, &str)]| request(&options.host, "GET", path, headers, "");

    let verify = seed::rotation(options.size).filter_map(|number| {
        let (method, target) = guarded(number, options.size)?;
        let bearer = format!("Bearer {}", corpus::secret(number).reveal());
        // As nginx asks.
        let original = [("x-original-method", method), ("x-original-uri", target), ("authorization", &bearer)];
        Some(get("/forward-auth", &original))
    });
    write(&options.to, "verify", verify)?;
    write(&options.to, "list", [get(&page, &[cookie, html])])?;
    let searches = searches(options.size);
    let searches = searches.iter().map(|query| {
        let query = query.replace(' ', "+");
        get(&format!("{page}?q={query}"), &[cookie, html])
    });
    write(&options.to, "search", searches)?;

    let bearer = format!("Bearer {}", options.bearer);
    let headers = [
        ("authorization", bearer.as_str()),
        ("latchkey-organization", ORGANIZATION),
        ("content-type", "application/json"),
    ];
    let run = std::process::id();
    let create = (0..CREATIONS).map(|number| {
        let body = creation(run, number).to_string();
        request(&options.host, "POST", "/api/auth/cli-tokens", &headers, &body)
    });
    write(&options.to, "create", create)
}

/// A request to a guarded service that a token may make, by one of its scopes.
pub(crate) fn guarded(number: u64, size: u64) -> Option<(&'static str, &'static str)> {
    let scopes = corpus::Planned::new(number, size, Timestamp::EPOCH).scopes;
    let target = |scope| match scope {
        "scans:read" => Some(("GET", "/api/scans/dashboard")),
        "drifts:read" => Some(("GET", "/api/drifts/?status=detected&severity=high")),
        "drifts:write" => Some(("PATCH", "/api/drifts/1742")),
        "runners:read" => Some(("GET", "/api/runners")),
        "runners:manage" => Some(("DELETE", "/api/runners/17")),
        "repos:read" => Some(("GET", "/api/repos")),
        _ => None,
    };
    scopes.split(' ').find_map(target)
}

/// A token as pipelines ask for one; each fourth is limited to three repositories.
pub(crate) fn creation(run: u32, number: u64) -> serde_json::Value {
    let mut random = Random::of(77, number);
    let (job, team, part) = (random.pick(&JOBS), random.pick(&TEAMS), random.pick(&PARTS));
    let limited = number.is_multiple_of(4);
    let first = random.below(corpus::REPOSITORIES - 3);
    let repositories: Vec<_> = (first..first + 3).filter(|_| limited).map(corpus::repository_name).collect();
    json!({
        "name": format!("{job} {team}-{part} run {run} {number}"),
        "description": format!("Made by the benchmark for {team}"),
        "scopes": ["repos:read", "scans:read", "scans:trigger"],
        "allRepositories": !limited,
        "repositories": repositories,
        "expiresIn": "720h",
    })
}

/// What people look for: 500 searches, from words that a million tokens have in their tens of thousands to names that
/// one has, alone and together, whole and begun.
pub(crate) fn searches(size: u64) -> Vec<String> {
    let words: Vec<&str> =
        JOBS.iter().flat_map(|job| job.split(' ')).chain(["production", "staging", "owned"]).collect();
    let mut found = Vec::new();
    for number in 0..500 {
        let mut random = Random::of(78, number);
        let (word, team, part) = (random.pick(&words), random.pick(&TEAMS), random.pick(&PARTS));
        let some = random.below(size);
        found.push(match number % 10 {
            0 | 1 => word.to_lowercase(),
            2 => word.to_lowercase().chars().take(2).collect(),
            3 => team.to_owned(),
            4 => part.to_owned(),
            5 => format!("{team} {part}"),
            6 => format!("{word} {team} {part}"),
            7 => some.to_string(),
            8 => corpus::secret(some).prefix().as_str().to_owned(),
            _ => format!("nobody {number}"),
        });
    }
    found
}

/// A token that is active, to look at more closely.
pub(crate) fn some_active(size: u64) -> u64 {
    (size / 2..size).find(|number| corpus::state(*number) == TokenState::Active).unwrap_or(0)
}

pub(crate) fn request(host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: latchkey-bench\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body);
    request
}

fn write(folder: &Path, name: &str, requests: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    let requests: Vec<_> = requests.into_iter().collect();
    Ok(std::fs::write(folder.join(name), requests.join("\0"))?)
}
