//! One function per command.

use std::sync::Arc;

use latchkey_service::{Service, SweepKind, SystemClock, SystemRandom};
use latchkey_store::Store;
use tracing_subscriber::EnvFilter;

use crate::config::{Cli, Command, Config, Flags, LogFormat};
use crate::redis::RedisNonces;
use crate::{assets, serve};

type Failure = Box<dyn std::error::Error>;

pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve { flags, demo } => {
            let config = load(&flags)?;
            let service = open(&config).await?;
            serve::run(config, service, demo).await
        }
        Command::Migrate { flags } => {
            open(&load(&flags)?).await?;
            say("The database schema is up to date.")
        }
        Command::Sweep { flags } => {
            let service = open(&load(&flags)?).await?;
            match service.sweep(SweepKind::Manual).await? {
                Some(report) => say(&format!(
                    "Revoked {} inactive tokens in {} organizations with auto-revoke.",
                    report.revoked, report.organizations
                )),
                None => Err("another sweep is running; try again when it has ended".into()),
            }
        }
        Command::Doctor { flags } => doctor(&load(&flags)?).await,
    }
}

fn load(flags: &Flags) -> Result<Config, Failure> {
    let config = Config::load(flags, &std::env::vars().collect())?;
    let filter = EnvFilter::try_new(&config.log).map_err(|error| format!("log is {:?}: {error}", config.log))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(config)
}

/// Connects and migrates.
async fn open(config: &Config) -> Result<Service, Failure> {
    let store = Store::connect(&config.database_url).await?;
    store.migrate().await?;
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let service = Service::with_settings(store, config.catalogue.clone(), clock, random, config.instance);
    Ok(match &config.redis_url {
        Some(url) => {
            // The URL may hold a password, and so may what the client says of it.
            let nonces = RedisNonces::open(url).map_err(|_| "redis_url must be of the form redis://host:port/0")?;
            service.with_nonces(nonces)
        }
        None => service,
    })
}

async fn doctor(config: &Config) -> Result<(), Failure> {
    say(&format!("configuration   fine, listens on {}", config.addr))?;
    say(&format!("scopes          {} in the catalogue", config.catalogue.scopes().count()))?;
    match assets::pkg_dir() {
        Some(dir) => say(&format!("assets          built, in {dir}"))?,
        None => return Err("assets are missing: build them with `make site`".into()),
    }
    let service = open(config).await?;
    service.ready().await?;
    say("database        answers, schema is up to date")?;
    say(if service.is_new().await? {
        "first account   none yet: `serve` prints a set-up link"
    } else {
        "first account   there"
    })
}

/// A result for whoever runs the command, apart from the log.
fn say(line: &str) -> Result<(), Failure> {
    std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes())?;
    Ok(())
}
