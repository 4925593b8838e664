//! One function per command.

mod operator;
mod outbox;

use std::sync::Arc;

use latchkey_service::{Service, SweepKind, SystemClock, SystemRandom};
use latchkey_store::Store;

use crate::config::{self, Command, Config, ConfigError};
use crate::redis::RedisNonces;
use crate::{assets, hints, log, secret_key, serve};

pub(crate) type CommandError = Box<dyn std::error::Error>;

pub(crate) async fn run() -> Result<(), CommandError> {
    let (command, config) = match config::load(std::env::args_os()) {
        // Help and version are no failures, and the rest is said as every command line says it.
        Err(ConfigError::CommandLine(error)) => error.exit(),
        loaded => loaded?,
    };
    log::start(&config.log)?;
    match command {
        Command::Serve { demo } => {
            let root_key = secret_key::open(&config.database.secret_key_file(), &SystemRandom)?;
            let store = open_store(&config).await?;
            let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
            let (catalogue, settings) = (config.catalogue.clone(), config.instance());
            let service = Service::with_settings(store, catalogue, clock, random, root_key, settings);
            let service = match redis_nonces(&config)? {
                Some(nonces) => service.with_nonces(nonces.shared()),
                None => service,
            };
            if let Err(error) = service.maintenance().open_nonces().await {
                tracing::warn!(%error, "signed requests are refused until the database can be written to");
            }
            for hint in hints::all(&config, &service).await?.into_iter().chain(nonce_hints(&config).await?) {
                tracing::warn!("{hint}");
            }
            serve::run(config, service, demo).await
        }
        Command::Migrate => {
            open_store(&config).await?;
            print("The database schema is up to date.")
        }
        Command::Sweep => {
            let service = open_service(&config).await?;
            match service.auto_revoke().sweep(SweepKind::Manual).await? {
                Some(report) => print(&format!(
                    "Revoked {} inactive tokens in {} organizations with auto-revoke.",
                    report.revoked, report.organizations
                )),
                None => Err("another sweep is running; try again when it has ended".into()),
            }
        }
        Command::Revoke { id } => operator::revoke(&open_service(&config).await?, id).await,
        Command::Tokens => operator::tokens(&open_service(&config).await?).await,
        Command::Users => operator::users(&open_service(&config).await?).await,
        Command::LockUser { email } => operator::lock(&open_service(&config).await?, &email, true).await,
        Command::UnlockUser { email } => operator::lock(&open_service(&config).await?, &email, false).await,
        Command::SignOut { email } => operator::sign_out(&open_service(&config).await?, &email).await,
        Command::SetPassword { email } => operator::set_password(&open_service(&config).await?, &email).await,
        Command::Outbox { command } => outbox::run(&open_service(&config).await?, command).await,
        Command::Doctor => doctor(&config).await,
    }
}

/// Connects to the database and migrates it.
async fn open_store(config: &Config) -> Result<Store, CommandError> {
    let store = Store::connect(&config.database.database_url).await?;
    store.migrate().await?;
    Ok(store)
}

/// The use cases for commands that need no root key. Only `serve` and `migrate` create a database: the other commands
/// would find an empty one in order.
async fn open_service(config: &Config) -> Result<Service, CommandError> {
    if let Some(file) = secret_key::database_file(&config.database.database_url).filter(|file| !file.exists()) {
        return Err(format!("there is no database at {}; see LATCHKEY_DATABASE_URL", file.display()).into());
    }
    let store = open_store(config).await?;
    Ok(Service::new(store, config.catalogue.clone(), Arc::new(SystemClock), Arc::new(SystemRandom)))
}

/// The nonces in Redis, if they are not in the database.
fn redis_nonces(config: &Config) -> Result<Option<RedisNonces>, CommandError> {
    // The URL may hold a password, and so may what the client says of it.
    let open = |url: &String| RedisNonces::open(url).map_err(|_| "redis_url must be of the form redis://host:port/0");
    Ok(config.database.redis_url.as_ref().map(open).transpose()?)
}

async fn nonce_hints(config: &Config) -> Result<Vec<String>, CommandError> {
    Ok(match redis_nonces(config)? {
        Some(nonces) => nonces.hints().await,
        None => Vec::new(),
    })
}

async fn doctor(config: &Config) -> Result<(), CommandError> {
    print(&format!("configuration   fine, listens on {}", config.server.addr))?;
    print(&format!("scopes          {} in the catalogue", config.catalogue.scopes().count()))?;
    match assets::pkg_dir() {
        Some(dir) => print(&format!("assets          built, in {dir}"))?,
        None => return Err("assets are missing: build them with `make site`".into()),
    }
    let secret_key_file = config.database.secret_key_file();
    secret_key::check(&secret_key_file)?;
    print(&format!("root key        {}", secret_key_file.display()))?;
    let service = open_service(config).await?;
    service.health().ready().await?;
    print("database        answers, schema is up to date")?;
    print(if service.setup().is_pending().await? {
        "first account   none yet: `serve` prints a set-up link"
    } else {
        "first account   there"
    })?;
    for hint in hints::all(config, &service).await?.into_iter().chain(nonce_hints(config).await?) {
        print(&format!("warning         {hint}"))?;
    }
    Ok(())
}

/// Prints a line of a result to standard output; the log is on standard error.
pub(crate) fn print(line: &str) -> Result<(), CommandError> {
    std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes())?;
    Ok(())
}
