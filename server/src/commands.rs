//! One function per command.

mod operator;

use std::sync::Arc;

use latchkey_service::{Service, SweepKind, SystemClock, SystemRandom};
use latchkey_store::Store;

use crate::config::{self, Command, Config, ConfigError};
use crate::redis::RedisNonces;
use crate::{assets, hints, log, secret_key, serve};

pub(crate) type Failure = Box<dyn std::error::Error>;

pub(crate) async fn run() -> Result<(), Failure> {
    let (command, config) = match config::load(std::env::args_os()) {
        // Help and version are no failures, and the rest is said as every command line says it.
        Err(ConfigError::CommandLine(error)) => error.exit(),
        loaded => loaded?,
    };
    log::start(&config.log)?;
    match command {
        Command::Serve { demo } => {
            let root_key = secret_key::open(&config.database.secret_key_file(), &SystemRandom)?;
            let store = migrated(&config).await?;
            let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
            let (catalogue, settings) = (config.catalogue.clone(), config.instance());
            let service = Service::with_settings(store, catalogue, clock, random, root_key, settings);
            let service = match nonces(&config)? {
                Some(nonces) => service.with_nonces(nonces.shared()),
                None => service,
            };
            if let Err(error) = service.open_nonces().await {
                tracing::warn!(%error, "signed requests are refused until the database can be written to");
            }
            for hint in hints::all(&config, &service).await?.into_iter().chain(of_nonces(&config).await?) {
                tracing::warn!("{hint}");
            }
            serve::run(config, service, demo).await
        }
        Command::Migrate => {
            migrated(&config).await?;
            say("The database schema is up to date.")
        }
        Command::Sweep => {
            let service = open(&config).await?;
            match service.sweep(SweepKind::Manual).await? {
                Some(report) => say(&format!(
                    "Revoked {} inactive tokens in {} organizations with auto-revoke.",
                    report.revoked, report.organizations
                )),
                None => Err("another sweep is running; try again when it has ended".into()),
            }
        }
        Command::Revoke { id } => operator::revoke(&open(&config).await?, id).await,
        Command::Tokens => operator::tokens(&open(&config).await?).await,
        Command::Users => operator::users(&open(&config).await?).await,
        Command::LockUser { email } => operator::lock(&open(&config).await?, &email, true).await,
        Command::UnlockUser { email } => operator::lock(&open(&config).await?, &email, false).await,
        Command::SignOut { email } => operator::sign_out(&open(&config).await?, &email).await,
        Command::SetPassword { email } => operator::set_password(&open(&config).await?, &email).await,
        Command::Doctor => doctor(&config).await,
    }
}

async fn migrated(config: &Config) -> Result<Store, Failure> {
    let store = Store::connect(&config.database.database_url).await?;
    store.migrate().await?;
    Ok(store)
}

/// Connects and migrates, for commands that derive nothing from the root key. Only `serve` and `migrate` make a database:
/// the others would look into an empty one, and find all in order.
async fn open(config: &Config) -> Result<Service, Failure> {
    if let Some(file) = secret_key::database_file(&config.database.database_url).filter(|file| !file.exists()) {
        return Err(format!("there is no database at {}; see LATCHKEY_DATABASE_URL", file.display()).into());
    }
    let store = migrated(config).await?;
    Ok(Service::new(store, config.catalogue.clone(), Arc::new(SystemClock), Arc::new(SystemRandom)))
}

/// Where nonces are kept, if not in the database.
fn nonces(config: &Config) -> Result<Option<RedisNonces>, Failure> {
    // The URL may hold a password, and so may what the client says of it.
    let open = |url: &String| RedisNonces::open(url).map_err(|_| "redis_url must be of the form redis://host:port/0");
    Ok(config.database.redis_url.as_ref().map(open).transpose()?)
}

async fn of_nonces(config: &Config) -> Result<Vec<String>, Failure> {
    Ok(match nonces(config)? {
        Some(nonces) => nonces.hints().await,
        None => Vec::new(),
    })
}

async fn doctor(config: &Config) -> Result<(), Failure> {
    say(&format!("configuration   fine, listens on {}", config.server.addr))?;
    say(&format!("scopes          {} in the catalogue", config.catalogue.scopes().count()))?;
    match assets::pkg_dir() {
        Some(dir) => say(&format!("assets          built, in {dir}"))?,
        None => return Err("assets are missing: build them with `make site`".into()),
    }
    let secret_key_file = config.database.secret_key_file();
    secret_key::check(&secret_key_file)?;
    say(&format!("root key        {}", secret_key_file.display()))?;
    let service = open(config).await?;
    service.ready().await?;
    say("database        answers, schema is up to date")?;
    say(if service.is_new().await? {
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
