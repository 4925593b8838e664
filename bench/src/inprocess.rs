//! The use cases themselves, one call after the other: what a change of a query does shows here first.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use latchkey_domain::Catalogue;
use latchkey_service::{
    Bearer, Browser, Caller, CreateToken, ListTokens, Origin, Position, PresentedCredential, Principal, Service,
    SessionId, Sort, SortKey, StateFilter, SystemClock, SystemRandom,
};
use latchkey_store::Store;

use crate::corpus::{self, ORGANIZATION};
use crate::report::Line;
use crate::{Failure, requests, say, seed};

#[derive(Args)]
pub(crate) struct Options {
    #[arg(long)]
    database_url: String,
    #[arg(long)]
    engine: String,
    #[arg(long)]
    size: u64,
    /// How long to repeat each call, in seconds
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Where to append the results
    #[arg(long)]
    to: PathBuf,
    /// Only the operation of this name; without, all that change nothing
    #[arg(long)]
    only: Option<String>,
}

struct World {
    service: Service,
    caller: Caller,
    session: SessionId,
    secrets: Vec<String>,
    searches: Vec<String>,
    common: Vec<String>,
    two_common: Vec<String>,
    rare: Vec<String>,
    creators: Vec<String>,
    deep: Option<Position>,
}

const OPERATIONS: [&str; 23] = [
    "session",
    "verify",
    "list",
    "list, page 20",
    "list, all states",
    "list by name",
    "list by last use",
    "list, filter by a rare scope",
    "list, filter by repository",
    "list, filter by creator",
    "list, filter by project",
    "list, filter that nothing passes",
    "list by name, filter by a rare scope",
    "list by last use, filter by a rare scope",
    "overview",
    "search",
    "search, common word",
    "search, two common words",
    "search, one token",
    "search by name, common word",
    "search, common word and a rare scope",
    "search, common word among revoked",
    "create",
];

pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let store = Store::connect(&options.database_url).await?;
    let service = Service::new(store, Catalogue::built_in(), Arc::new(SystemClock), Arc::new(SystemRandom));
    let origin = Origin::new("192.0.2.1".parse().ok(), "latchkey-bench", "bench");
    let signed_in = service.sessions().sign_in(&origin, Browser::default(), corpus::READER, corpus::PASSWORD).await?;
    let caller = Caller { principal: Principal::Session(signed_in.person), origin };
    let (mut deep, mut creators) = (None, Vec::new());
    for _ in 0..20 {
        let access = service.organizations().access(&caller, ORGANIZATION).await?;
        let page = service.tokens().list(&access, ListTokens { cursor: deep, ..newest() }).await?;
        creators.extend(page.tokens.iter().filter_map(|shown| shown.token.created_by.id.map(|id| id.to_string())));
        deep = page.next;
    }
    creators.sort_unstable();
    creators.dedup();
    let number = requests::some_active(options.size);
    let world = World {
        session: signed_in.session,
        secrets: seed::rotation(options.size).map(|number| corpus::secret(number).reveal().to_owned()).collect(),
        searches: requests::searches(options.size),
        common: ["deploy", "drift", "de", "github", "actions", "production", "ci"].map(str::to_owned).to_vec(),
        two_common: (0..corpus::TEAMS.len())
            .map(|at| format!("{} {}", corpus::TEAMS[at], corpus::PARTS[at * 7 % corpus::PARTS.len()]))
            .collect(),
        creators,
        rare: vec![number.to_string(), corpus::secret(number).prefix().as_str().to_owned()],
        deep,
        service,
        caller,
    };
    let mut to = std::fs::OpenOptions::new().create(true).append(true).open(&options.to)?;
    for operation in OPERATIONS {
        let chosen = options.only.as_ref().map_or(operation != "create", |only| only == operation);
        if !chosen {
            continue;
        }
        let mut times = measure(&world, operation, Duration::from_secs_f64(options.seconds)).await?;
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
        let line = Line {
            kind: "service".to_owned(),
            engine: options.engine.clone(),
            size: options.size,
            operation: operation.to_owned(),
            p50: at(50),
            p99: at(99),
            requests: times.len() as u64,
            ..Line::default()
        };
        say(&format!("{operation:40} {:9.0} µs, {:9.0} µs at most in 99 %", line.p50, line.p99))?;
        writeln!(to, "{}", serde_json::to_string(&line)?)?;
    }
    world.service.close().await;
    Ok(())
}

async fn measure(world: &World, operation: &str, length: Duration) -> Result<Vec<Duration>, Failure> {
    const WARM_UP: u64 = 20;
    let mut times = Vec::new();
    let started = Instant::now();
    for number in 0.. {
        let begun = Instant::now();
        once(world, operation, number).await?;
        if number >= WARM_UP {
            times.push(begun.elapsed());
        }
        if times.len() >= 20 && started.elapsed() > length {
            break;
        }
    }
    world.service.maintenance().flush_uses().await?;
    Ok(times)
}

async fn once(world: &World, operation: &str, number: u64) -> Result<(), Failure> {
    let World { service, caller, .. } = world;
    let turn = |of: &[String]| of[usize::try_from(number).unwrap_or(0) % of.len()].clone();
    let by_name = Sort { key: SortKey::Name, descending: false };
    let by_use = Sort { key: SortKey::LastUsed, descending: true };
    let rare_scope = ListTokens { scope: Some("tokens:manage".to_owned()), ..newest() };
    let list = match operation {
        "session" => {
            let person = service.sessions().person(world.session).await?;
            return person.map(|_| ()).ok_or_else(|| "the session is over".into());
        }
        "verify" => {
            let bearer = Bearer::parse(&turn(&world.secrets));
            let presented = PresentedCredential { bearer: &bearer, origin: &caller.origin, signature: None };
            return Ok(service.authentication().authenticate(&presented).await.map(|_| ())?);
        }
        "overview" => {
            let (own, caller) = (service.clone(), caller.clone());
            // As the page does it.
            let reading = Box::pin(async move {
                let access = own.organizations().access(&caller, ORGANIZATION).await?;
                own.tokens().overview(&access, newest()).await.map(|_| ())
            });
            return Ok(service.reading(reading).await?);
        }
        "create" => {
            let asked = creation(number);
            let access = service.organizations().access(caller, ORGANIZATION).await?;
            return Ok(service.tokens().create(&access, asked).await.map(|_| ())?);
        }
        "list" => newest(),
        "list, page 20" => ListTokens { cursor: world.deep.clone(), ..newest() },
        "list, all states" => ListTokens { state: StateFilter::All, ..newest() },
        "list by name" => ListTokens { sort: by_name, ..newest() },
        "list by last use" => ListTokens { sort: by_use, ..newest() },
        "list, filter by a rare scope" => rare_scope,
        "list, filter by repository" => {
            ListTokens { repository: Some(corpus::repository_name(number % corpus::REPOSITORIES)), ..newest() }
        }
        "list, filter by creator" => ListTokens { creator: Some(turn(&world.creators)), ..newest() },
        "list, filter by project" => {
            ListTokens { level: Some(corpus::project_name(number % corpus::PROJECTS)), ..newest() }
        }
        "list, filter that nothing passes" => ListTokens { scope: Some("nobody:has".to_owned()), ..newest() },
        "list by name, filter by a rare scope" => ListTokens { sort: by_name, ..rare_scope },
        "list by last use, filter by a rare scope" => ListTokens { sort: by_use, ..rare_scope },
        "search" => ListTokens { query: turn(&world.searches), ..newest() },
        "search, common word" => ListTokens { query: turn(&world.common), ..newest() },
        "search, two common words" => ListTokens { query: turn(&world.two_common), ..newest() },
        "search, one token" => ListTokens { query: turn(&world.rare), ..newest() },
        "search by name, common word" => ListTokens { query: turn(&world.common), sort: by_name, ..newest() },
        "search, common word and a rare scope" => ListTokens { query: turn(&world.common), ..rare_scope },
        "search, common word among revoked" => {
            ListTokens { query: turn(&world.common), state: StateFilter::Revoked, ..newest() }
        }
        other => return Err(format!("there is no operation {other}").into()),
    };
    let access = service.organizations().access(caller, ORGANIZATION).await?;
    Ok(service.tokens().list(&access, list).await.map(|_| ())?)
}

/// The list as a page shows it at first.
fn newest() -> ListTokens {
    ListTokens {
        state: StateFilter::Active,
        query: String::new(),
        scope: None,
        kind: None,
        level: None,
        repository: None,
        creator: None,
        sort: Sort { key: SortKey::Created, descending: true },
        cursor: None,
        limit: 50,
    }
}

fn creation(number: u64) -> CreateToken {
    let asked = requests::creation(std::process::id(), 1_000_000 + number);
    let texts = |name: &str| -> Vec<String> {
        asked[name].as_array().into_iter().flatten().filter_map(|text| text.as_str()).map(str::to_owned).collect()
    };
    CreateToken {
        name: asked["name"].as_str().unwrap_or_default().to_owned(),
        description: asked["description"].as_str().unwrap_or_default().to_owned(),
        scopes: texts("scopes"),
        all_repositories: asked["allRepositories"] == true,
        repositories: texts("repositories"),
        ..CreateToken::default()
    }
}
