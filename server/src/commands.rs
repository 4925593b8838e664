//! One function per command.

mod operator;

use std::sync::Arc;

use latchkey_service::{Service, SweepKind, SystemClock, SystemRandom};
use latchkey_store::Store;

use crate::config::{Cli, Command, Config, Flags};
use crate::redis::RedisNonces;
use crate::{assets, hints, log, secret_key, serve};

pub(crate) type Failure = Box<dyn std::error::Error>;

pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve { flags, demo } => {
            let config = load(&flags)?;
            let root_key = secret_key::open(&config.secret_key_file, &SystemRandom)?;
            let store = migrated(&config).await?;
            let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
            let (catalogue, settings) = (config.catalogue.clone(), config.instance);
            let service = Service::with_settings(store, catalogue, clock, random, root_key, settings);
            let service = match nonces(&config)? {
                Some(nonces) => service.with_nonces(nonces.shared()),
                None => service,
            };
            if let Err(error) = service.maintenance().open_nonces().await {
                tracing::warn!(%error, "signed requests are refused until the database can be written to");
            }
            for hint in hints::all(&config, &service).await?.into_iter().chain(of_nonces(&config).await?) {
                tracing::warn!("{hint}");
            }
            serve::run(config, service, demo).await
        }
        Command::Migrate { flags } => {
            migrated(&load(&flags)?).await?;
            say("The database schema is up to date.")
        }
        Command::Sweep { flags } => {
            let service = open(&load(&flags)?).await?;
            match service.auto_revoke().sweep(SweepKind::Manual).await? {
                Some(report) => say(&format!(
                    "Revoked {} inactive tokens in {} organizations with auto-revoke.",
                    report.revoked, report.organizations
                )),
                None => Err("another sweep is running; try again when it has ended".into()),
            }
        }
        Command::Revoke { id, flags } => operator::revoke(&open(&load(&flags)?).await?, id).await,
        Command::Tokens { flags } => operator::tokens(&open(&load(&flags)?).await?).await,
        Command::Users { flags } => operator::users(&open(&load(&flags)?).await?).await,
        Command::LockUser { email, flags } => operator::lock(&open(&load(&flags)?).await?, &email, true).await,
        Command::UnlockUser { email, flags } => operator::lock(&open(&load(&flags)?).await?, &email, false).await,
        Command::SignOut { email, flags } => operator::sign_out(&open(&load(&flags)?).await?, &email).await,
        Command::SetPassword { email, flags } => operator::set_password(&open(&load(&flags)?).await?, &email).await,
        Command::Doctor { flags } => doctor(&load(&flags)?).await,
    }
}

fn load(flags: &Flags) -> Result<Config, Failure> {
    let config = Config::load(flags, &std::env::vars().collect())?;
    log::start(&config)?;
    Ok(config)
}

async fn migrated(config: &Config) -> Result<Store, Failure> {
    let store = Store::connect(&config.database_url).await?;
    store.migrate().await?;
    Ok(store)
}

/// Connects and migrates, for commands that derive nothing from the root key. Only `serve` and `migrate` make a database:
/// the others would look into an empty one, and find all in order.
async fn open(config: &Config) -> Result<Service, Failure> {
    if let Some(file) = secret_key::database_file(&config.database_url).filter(|file| !file.exists()) {
        return Err(format!("there is no database at {}; see LATCHKEY_DATABASE_URL", file.display()).into());
    }
    let store = migrated(config).await?;
    Ok(Service::new(store, config.catalogue.clone(), Arc::new(SystemClock), Arc::new(SystemRandom)))
}

/// Where nonces are kept, if not in the database.
fn nonces(config: &Config) -> Result<Option<RedisNonces>, Failure> {
    // The URL may hold a password, and so may what the client says of it.
    let open = |url: &String| RedisNonces::open(url).map_err(|_| "redis_url must be of the form redis://host:port/0");
    Ok(config.redis_url.as_ref().map(open).transpose()?)
}

async fn of_nonces(config: &Config) -> Result<Vec<String>, Failure> {
    Ok(match nonces(config)? {
        Some(nonces) => nonces.hints().await,
        None => Vec::new(),
    })
}

async fn doctor(config: &Config) -> Result<(), Failure> {
    say(&format!("configuration   fine, listens on {}", config.addr))?;
    say(&format!("scopes          {} in the catalogue", config.catalogue.scopes().count()))?;
    match assets::pkg_dir() {
        Some(dir) => say(&format!("assets          built, in {dir}"))?,
        None => return Err("assets are missing: build them with `make site`".into()),
    }
    secret_key::check(&config.secret_key_file)?;
    say(&format!("root key        {}", config.secret_key_file.display()))?;
    let service = open(config).await?;
    service.health().ready().await?;
    say("database        answers, schema is up to date")?;
    say(if service.setup().is_pending().await? {
        "first account   none yet: `serve` prints a set-up link"
    } else {
        "first account   there"
    })?;
    for hint in hints::all(config, &service).await?.into_iter().chain(of_nonces(config).await?) {
        say(&format!("warning         {hint}"))?;
    }
    Ok(())
}

/// A result for whoever runs the command, apart from the log.
pub(crate) fn say(line: &str) -> Result<(), Failure> {
    std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes())?;
    Ok(())
}
