//! What the organization holds: token number `n` of a database of `size` is the same in every run, but for times, which
//! are seen from the moment of seeding.

use latchkey_domain::{Secret, SecretKind, Timestamp, TokenState};
use uuid::Uuid;

use crate::random::Random;

pub(crate) const ORGANIZATION: &str = "acme";
/// Other organizations, without tokens.
pub(crate) const OTHERS: u64 = 100;
pub(crate) const PROJECTS: u64 = 20;
pub(crate) const REPOSITORIES: u64 = 10_000;
/// Creates everything; cannot sign in.
pub(crate) const CREATORS: u64 = 50;
/// The first account of the instance; and an owner of the one organization, who reads it.
pub(crate) const ADMIN: &str = "admin@example.com";
pub(crate) const READER: &str = "reader@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) const JOBS: [&str; 12] = [
    "GitHub Actions CI",
    "Nightly drift report",
    "Terraform Cloud",
    "Runner autoscaler",
    "GitLab mirror",
    "Grafana dashboard",
    "Backstage plugin",
    "Jenkins deploy",
    "Drift autofix bot",
    "Audit export",
    "Release train",
    "Production deploy",
];
pub(crate) const TEAMS: [&str; 40] = [
    "accounts",
    "ads",
    "analytics",
    "android",
    "api",
    "billing",
    "catalog",
    "chat",
    "checkout",
    "compliance",
    "content",
    "core",
    "data",
    "design",
    "devices",
    "email",
    "finance",
    "fraud",
    "fulfilment",
    "growth",
    "identity",
    "infra",
    "ios",
    "ledger",
    "logistics",
    "maps",
    "media",
    "messaging",
    "mobile",
    "orders",
    "partners",
    "payments",
    "platform",
    "pricing",
    "profile",
    "returns",
    "search",
    "security",
    "shipping",
    "web",
];
pub(crate) const PARTS: [&str; 25] = [
    "admin",
    "auth",
    "backend",
    "batch",
    "cache",
    "charts",
    "client",
    "cron",
    "docs",
    "events",
    "frontend",
    "gateway",
    "importer",
    "jobs",
    "library",
    "mailer",
    "proxy",
    "queue",
    "reports",
    "runner",
    "schema",
    "sdk",
    "service",
    "terraform",
    "worker",
];
const USES: [&str; 6] = [
    "Scans every pull request",
    "Posts to the channel",
    "Read only",
    "Triggers a scan",
    "Opens pull requests",
    "Exports",
];
const ENVIRONMENTS: [&str; 4] = ["production", "staging", "preview", "development"];
const SCOPES: [&str; 11] = [
    "repos:read",
    "scans:read",
    "drifts:read",
    "runners:read",
    "scans:trigger",
    "repos:write",
    "drifts:write",
    "runners:manage",
    "org:read",
    "tokens:read",
    "tokens:manage",
];
const AGENTS: [&str; 3] = ["curl/8.9.1", "GitHub-Actions/2.320", "Go-http-client/2.0"];

/// Tokens are created over so many days, the last of them an hour ago.
const AGE_DAYS: i64 = 700;
const DAY: i64 = 86_400_000_000;

/// What random numbers are for.
mod kind {
    pub(super) const PLAN: u64 = 1;
    pub(super) const SECRET: u64 = 2;
    pub(super) const ID: u64 = 3;
    pub(super) const TIMES: u64 = 4;
}

/// A token that is to be.
pub(crate) struct Planned {
    pub(crate) id: Uuid,
    pub(crate) secret: Secret,
    pub(crate) state: TokenState,
    pub(crate) name: String,
    pub(crate) description: String,
    /// Number of its project; a third has one.
    pub(crate) project: Option<u64>,
    /// Alphabetically, with a space between.
    pub(crate) scopes: String,
    /// Numbers of the repositories it is limited to; a quarter is.
    pub(crate) repositories: Vec<u64>,
    /// Number of a creator.
    pub(crate) creator: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
    /// When, from where, with what.
    pub(crate) used: Option<(Timestamp, String, &'static str)>,
}

/// 80 % active, 10 % expired, 10 % revoked.
pub(crate) fn state(number: u64) -> TokenState {
    match Random::of(kind::PLAN, number).below(10) {
        0..8 => TokenState::Active,
        8 => TokenState::Expired,
        _ => TokenState::Revoked,
    }
}

pub(crate) fn secret(number: u64) -> Secret {
    let mut random = Random::of(kind::SECRET, number);
    Secret::generate(SecretKind::ApiToken, |bytes| random.fill(bytes))
}

/// An id as the service makes them, for the thing of that kind and number.
pub(crate) fn id(of: &str, number: u64, at: Timestamp) -> Uuid {
    let mut bytes = [0; 10];
    let kind = of.bytes().fold(kind::ID, |kind, byte| kind.wrapping_mul(31).wrapping_add(byte.into()));
    Random::of(kind, number).fill(&mut bytes);
    uuid::Builder::from_unix_timestamp_millis(at.millis().unsigned_abs(), &bytes).into_uuid()
}

pub(crate) fn creator_email(number: u64) -> String {
    format!("person-{number}@example.com")
}

pub(crate) fn project_name(number: u64) -> String {
    TEAMS[usize::try_from(number * 2).unwrap_or(0) % TEAMS.len()].to_uppercase()
}

pub(crate) fn repository_name(number: u64) -> String {
    let at = usize::try_from(number).unwrap_or(0);
    let (team, part, rest) = (TEAMS[at % 40], PARTS[at / 40 % 25], at / 1_000);
    format!("{ORGANIZATION}/{team}-{part}-{rest}")
}

impl Planned {
    pub(crate) fn new(number: u64, size: u64, now: Timestamp) -> Self {
        let mut random = Random::of(kind::PLAN, number);
        let _ = random.next(); // the state's
        let (job, team, part) = (random.pick(&JOBS), random.pick(&TEAMS), random.pick(&PARTS));
        let name = format!("{job} {team}-{part} {number}");
        let described = random.below(2) == 0;
        let (use_, environment, owner) = (random.pick(&USES), random.pick(&ENVIRONMENTS), random.pick(&TEAMS));
        let description = if described { format!("{use_} in {environment}, owned by {owner}") } else { String::new() };
        let project = (random.below(3) == 0).then(|| random.below(PROJECTS));
        // The first scopes are common, the last are rare.
        let mut scopes: Vec<_> = (0..=random.below(4))
            .map(|_| {
                let most = random.below(SCOPES.len() as u64) + 1;
                SCOPES[usize::try_from(random.below(most)).unwrap_or(0)]
            })
            .collect();
        scopes.sort_unstable();
        scopes.dedup();
        let limited = random.below(4) == 0;
        let count = random.below(5) + 1;
        let mut repositories: Vec<_> = (0..count).map(|_| random.below(REPOSITORIES)).collect();
        repositories.sort_unstable();
        repositories.dedup();
        if !limited {
            repositories.clear();
        }
        let creator = random.below(CREATORS);

        let mut random = Random::of(kind::TIMES, number);
        let now = now.micros();
        let born = now - AGE_DAYS * DAY;
        let step = (AGE_DAYS * DAY - DAY / 24) / i64::try_from(size.max(1)).unwrap_or(i64::MAX);
        let created = born + step * i64::try_from(number).unwrap_or(0);
        let state = state(number);
        let ended = random.between(created + 1, now);
        let expires = match state {
            TokenState::Expired => Some(ended),
            _ if random.below(100) < 35 => None,
            // Up to a year ahead; a revoked one may have expired since.
            _ => Some(now + random.between(DAY / 8, 365 * DAY)),
        };
        let until = if state == TokenState::Active { now } else { ended };
        let used = match random.below(100) {
            0..15 => None,
            15..70 => Some(random.between((until - 2 * DAY).max(created), until)),
            _ => Some(random.between(created, until)),
        };
        let address = format!("192.0.2.{}", random.below(250) + 1);
        let agent = random.pick(&AGENTS);
        let at = Timestamp::from_micros;
        Self {
            id: id("token", number, at(created)),
            secret: secret(number),
            state,
            name,
            description,
            project,
            scopes: scopes.join(" "),
            repositories,
            creator,
            created_at: at(created),
            expires_at: expires.map(at),
            revoked_at: (state == TokenState::Revoked).then_some(at(ended)),
            used: used.map(|used| (at(used), address, agent)),
        }
    }
}
