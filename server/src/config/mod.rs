//! Settings: environment variables, a TOML file and flags, in rising precedence.

mod cli;

use std::{collections::HashMap, fs, net::SocketAddr, path::PathBuf};

use axum::http::HeaderValue;
use clap::ValueEnum;
use latchkey_domain::{AllowedNetworks, Catalogue, Pin, Routes};
use latchkey_service::Settings as InstanceSettings;
use serde::Deserialize;
use thiserror::Error;
use url::Url;

pub(crate) use self::cli::{Cli, Command, Flags};
use crate::secret_key;

/// Highest limit that can be set, in requests a minute.
const RATE_MAX: u32 = 1_000_000;
const A_NUMBER: &str = "a number of connections, 1 at least";

/// The settings file, and the same names read from the environment.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    addr: Option<String>,
    public_url: Option<String>,
    database_url: Option<String>,
    scopes_file: Option<PathBuf>,
    routes_file: Option<PathBuf>,
    forward_auth_organizations: Option<String>,
    redis_url: Option<String>,
    bootstrap_admin_email: Option<String>,
    bootstrap_admin_password: Option<String>,
    trusted_proxies: Option<String>,
    cors_origins: Option<String>,
    restricted_org_creation: Option<bool>,
    secret_key_file: Option<PathBuf>,
    api_rate_limit: Option<u32>,
    organization_rate_limit: Option<u32>,
    memory_mib: Option<u32>,
    tokens_per_organization: Option<u32>,
    max_connections: Option<usize>,
    max_connections_per_address: Option<usize>,
    log: Option<String>,
    log_format: Option<LogFormat>,
}

/// Lines for people or for machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Checked settings.
pub(crate) struct Config {
    pub(crate) addr: SocketAddr,
    public_url: Option<Url>,
    pub(crate) database_url: String,
    pub(crate) catalogue: Catalogue,
    pub(crate) routes: Routes,
    pub(crate) forward_auth_organizations: Option<Pin>,
    pub(crate) redis_url: Option<String>,
    pub(crate) bootstrap_admin: Option<BootstrapAdmin>,
    pub(crate) trusted_proxies: Option<AllowedNetworks>,
    /// As browsers send them in `Origin`.
    pub(crate) cors_origins: Vec<HeaderValue>,
    pub(crate) instance: InstanceSettings,
    pub(crate) secret_key_file: PathBuf,
    /// Requests a minute of one credential; 0 for no limit.
    pub(crate) api_rate_limit: u32,
    /// Requests a minute of all API tokens of one organization; 0 for no limit.
    pub(crate) organization_rate_limit: u32,
    /// `None` for what there is room for.
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_connections_per_address: Option<usize>,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

/// The first account, for the first start.
pub(crate) struct BootstrapAdmin {
    pub(crate) email: String,
    pub(crate) password: String,
}

/// What is wrong with the settings, and where.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("can't read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}: {message}")]
    Syntax { path: PathBuf, message: String },
    #[error("{name} is {value:?}; it must be {expected}")]
    Value { name: &'static str, value: String, expected: &'static str },
    #[error("LATCHKEY_BOOTSTRAP_ADMIN_EMAIL and LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD go together; one is missing")]
    HalfBootstrap,
}

impl Config {
    /// Reads everything; `env` is the process's environment.
    pub(crate) fn load(flags: &Flags, env: &HashMap<String, String>) -> Result<Self, ConfigError> {
        let env_of = |name: &str| env.get(name).filter(|value| !value.is_empty()).cloned();
        let path = flags.config.clone().or_else(|| env_of("LATCHKEY_CONFIG").map(PathBuf::from));
        let file = path.map_or(Ok(Settings::default()), read_file)?;
        let pick = |flag: &Option<String>, file: Option<String>, name| flag.clone().or(file).or_else(|| env_of(name));

        let addr = pick(&flags.addr, file.addr, "LATCHKEY_ADDR").unwrap_or_else(|| "127.0.0.1:3000".to_owned());
        let addr: SocketAddr =
            addr.parse().map_err(|_| invalid("addr", &addr, "an address and port such as 127.0.0.1:3000"))?;
        let public_url = pick(&flags.public_url, file.public_url, "LATCHKEY_PUBLIC_URL");
        let database_url = pick(&flags.database_url, file.database_url, "LATCHKEY_DATABASE_URL")
            .unwrap_or_else(|| "sqlite://data/latchkey.db".to_owned());
        let email = pick(&flags.bootstrap_admin_email, file.bootstrap_admin_email, "LATCHKEY_BOOTSTRAP_ADMIN_EMAIL");
        let password = pick(&None, file.bootstrap_admin_password, "LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD");
        let proxies = pick(&flags.trusted_proxies, file.trusted_proxies, "LATCHKEY_TRUSTED_PROXIES");
        let origins = pick(&flags.cors_origins, file.cors_origins, "LATCHKEY_CORS_ORIGINS");
        let pin = pick(
            &flags.forward_auth_organizations,
            file.forward_auth_organizations,
            "LATCHKEY_FORWARD_AUTH_ORGANIZATIONS",
        );
        let scopes_file = flags
            .scopes_file
            .clone()
            .or(file.scopes_file)
            .or_else(|| env_of("LATCHKEY_SCOPES_FILE").map(PathBuf::from));
        let routes_file = flags
            .routes_file
            .clone()
            .or(file.routes_file)
            .or_else(|| env_of("LATCHKEY_ROUTES_FILE").map(PathBuf::from));
        let secret_key_file = flags
            .secret_key_file
            .clone()
            .or(file.secret_key_file)
            .or_else(|| env_of("LATCHKEY_SECRET_KEY_FILE").map(PathBuf::from))
            .unwrap_or_else(|| secret_key::beside(&database_url));
        let number = |set: Option<u32>, name, variable, default, expected| match (set, env_of(variable)) {
            (Some(number), _) => Ok(number),
            (None, Some(text)) => text.parse().map_err(|_| invalid(name, &text, expected)),
            (None, None) => Ok(default),
        };
        let (set, expected) = (flags.memory_mib.or(file.memory_mib), "a number of MiB from 1 on");
        let memory_mib = number(set, "memory_mib", "LATCHKEY_MEMORY_MIB", 128, expected)?;
        if memory_mib == 0 {
            return Err(invalid("memory_mib", "0", expected));
        }
        let (set, expected) =
            (flags.tokens_per_organization.or(file.tokens_per_organization), "a number of tokens, or 0 for no limit");
        let variable = "LATCHKEY_TOKENS_PER_ORGANIZATION";
        let tokens_per_organization = number(set, "tokens_per_organization", variable, 100_000, expected)?;
        let rate = |set, name, variable, default| {
            let limit = number(set, name, variable, default, "a number of requests a minute")?;
            let expected = "1,000,000 at most, or 0 for no limit";
            if limit > RATE_MAX { Err(invalid(name, &limit.to_string(), expected)) } else { Ok(limit) }
        };
        let set = flags.api_rate_limit.or(file.api_rate_limit);
        let api_rate_limit = rate(set, "api_rate_limit", "LATCHKEY_API_RATE_LIMIT", 1_200)?;
        let set = flags.organization_rate_limit.or(file.organization_rate_limit);
        let default = api_rate_limit.saturating_mul(10).min(RATE_MAX);
        let organization_rate_limit =
            rate(set, "organization_rate_limit", "LATCHKEY_ORGANIZATION_RATE_LIMIT", default)?;
        let count = |flag: Option<usize>, file: Option<usize>, name: &'static str, env: &str| {
            let text = || env_of(env).map(|text| text.parse().map_err(|_| invalid(name, &text, A_NUMBER)));
            let number = flag.or(file).map_or_else(|| text().transpose(), |number| Ok(Some(number)))?;
            if number == Some(0) { Err(invalid(name, "0", A_NUMBER)) } else { Ok(number) }
        };
        let max_connections =
            count(flags.max_connections, file.max_connections, "max_connections", "LATCHKEY_MAX_CONNECTIONS")?;
        let max_connections_per_address = count(
            flags.max_connections_per_address,
            file.max_connections_per_address,
            "max_connections_per_address",
            "LATCHKEY_MAX_CONNECTIONS_PER_ADDRESS",
        )?;
        let log_format = match flags.log_format.or(file.log_format) {
            Some(format) => format,
            None => env_of("LATCHKEY_LOG_FORMAT").map_or(Ok(LogFormat::default()), |text| {
                LogFormat::from_str(&text, true).map_err(|_| invalid("log_format", &text, "text or json"))
            })?,
        };
        let restricted_organization_creation = match flags.restricted_org_creation.or(file.restricted_org_creation) {
            Some(restricted) => restricted,
            None => env_of("LATCHKEY_RESTRICTED_ORG_CREATION").map_or(Ok(false), |text| {
                text.parse().map_err(|_| invalid("restricted_org_creation", &text, "true or false"))
            })?,
        };
        Ok(Self {
            addr,
            public_url: public_url.map(parse_public_url).transpose()?,
            database_url,
            catalogue: scopes_file.map_or_else(|| Ok(Catalogue::built_in()), read_catalogue)?,
            routes: read_routes(routes_file)?,
            forward_auth_organizations: pin.map(|text| parse_pin(&text)).transpose()?,
            redis_url: pick(&flags.redis_url, file.redis_url, "LATCHKEY_REDIS_URL"),
            bootstrap_admin: match (email, password) {
                (Some(email), Some(password)) => Some(BootstrapAdmin { email, password }),
                (None, None) => None,
                _ => return Err(ConfigError::HalfBootstrap),
            },
            trusted_proxies: proxies.map(parse_networks).transpose()?,
            cors_origins: origins.map_or(Ok(Vec::new()), |text| parse_origins(&text))?,
            instance: InstanceSettings {
                restricted_organization_creation,
                memory: u64::from(memory_mib) * 1024 * 1024,
                tokens_per_organization,
            },
            secret_key_file,
            api_rate_limit,
            organization_rate_limit,
            max_connections,
            max_connections_per_address,
            log: pick(&flags.log, file.log, "LATCHKEY_LOG").unwrap_or_else(|| "info".to_owned()),
            log_format,
        })
    }

    /// Whether browsers come by https.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }

    /// What browsers and clients use, without a slash at the end; `bound` is where the server really listens.
    pub(crate) fn public_url(&self, bound: SocketAddr) -> String {
        let url = self.public_url.as_ref().map_or_else(|| format!("http://{bound}"), Url::to_string);
        url.trim_end_matches('/').to_owned()
    }
}

fn read_file(path: PathBuf) -> Result<Settings, ConfigError> {
    let text = read(&path)?;
    toml::from_str(&text).map_err(|error| ConfigError::Syntax { path, message: error.to_string() })
}

fn read_catalogue(path: PathBuf) -> Result<Catalogue, ConfigError> {
    let text = read(&path)?;
    Catalogue::from_toml(&text).map_err(|error| ConfigError::Syntax { path, message: error.to_string() })
}

fn read_routes(path: Option<PathBuf>) -> Result<Routes, ConfigError> {
    let (path, text) = match path {
        None => (PathBuf::from("the built-in routes"), None),
        Some(path) => (path.clone(), Some(read(&path)?)),
    };
    let routes = text.map_or_else(Routes::built_in, |text| Routes::from_toml(&text));
    routes.map_err(|error| ConfigError::Syntax { path, message: error.to_string() })
}

fn read(path: &PathBuf) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.clone(), source })
}

fn parse_public_url(text: String) -> Result<Url, ConfigError> {
    let expected = "an http or https URL without a path, such as https://tokens.example.com";
    match Url::parse(&text) {
        // Nothing but the origin, which every form is compared with.
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.as_str().strip_suffix('/') == Some(&url.origin().ascii_serialization()) =>
        {
            Ok(url)
        }
        _ => Err(invalid("public_url", &text, expected)),
    }
}

fn parse_networks(text: String) -> Result<AllowedNetworks, ConfigError> {
    let networks = text.split([',', ' ']).map(str::trim).filter(|network| !network.is_empty());
    AllowedNetworks::new(networks).map_err(|_| invalid("trusted_proxies", &text, "networks such as 10.0.0.0/8,::1"))
}

/// Each of the form that browsers send: scheme and host in lower case, no default port, no path. Never `*`.
fn parse_origins(text: &str) -> Result<Vec<HeaderValue>, ConfigError> {
    let expected = "origins such as https://console.example.com, with commas between";
    let parse = |origin: &str| {
        let url = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let written = url.origin().ascii_serialization();
        (written == origin.trim_end_matches('/')).then_some(())?;
        HeaderValue::from_str(&written).ok()
    };
    let origins = text.split([',', ' ']).map(str::trim).filter(|origin| !origin.is_empty());
    origins.map(|origin| parse(origin).ok_or_else(|| invalid("cors_origins", text, expected))).collect()
}

fn parse_pin(text: &str) -> Result<Pin, ConfigError> {
    let expected = "names or ids of organizations such as acme,globex, or the word any by itself";
    Pin::from_text(text).map_err(|_| invalid("forward_auth_organizations", text, expected))
}

fn invalid(name: &'static str, value: &str, expected: &'static str) -> ConfigError {
    ConfigError::Value { name, value: value.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_environment() {
        let path = std::env::temp_dir().join(format!("latchkey-config-{}.toml", std::process::id()));
        fs::write(&path, "addr = '127.0.0.1:2'\nlog = 'debug'\n").unwrap();
        let env = env(&[("LATCHKEY_ADDR", "127.0.0.1:3"), ("LATCHKEY_LOG", "warn"), ("LATCHKEY_LOG_FORMAT", "json")]);
        let flags = Flags { config: Some(path.clone()), addr: Some("127.0.0.1:1".into()), ..Flags::default() };
        let config = Config::load(&flags, &env).ok().unwrap();
        fs::remove_file(path).unwrap();
        assert_eq!(config.addr.port(), 1);
        assert_eq!((config.log.as_str(), config.log_format), ("debug", LogFormat::Json));
        assert_eq!(config.database_url, "sqlite://data/latchkey.db");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |pairs: &[(&str, &str)]| match Config::load(&Flags::default(), &env(pairs)) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(refused(&[("LATCHKEY_ADDR", "3000")]).starts_with("addr is \"3000\""));
        for url in
            ["tokens.example.com", "https://a.example/path", "https://a.example?q", "https://me@a.example", "ftp://a.b"]
        {
            assert!(refused(&[("LATCHKEY_PUBLIC_URL", url)]).starts_with("public_url is"), "{url}");
        }
        assert_eq!(refused(&[("LATCHKEY_PUBLIC_URL", "https://A.example:443/")]), "accepted");
        assert!(refused(&[("LATCHKEY_BOOTSTRAP_ADMIN_EMAIL", "a@b")]).contains("go together"));
        assert!(refused(&[("LATCHKEY_CONFIG", "/nowhere.toml")]).starts_with("can't read /nowhere.toml"));
        assert!(refused(&[("LATCHKEY_API_RATE_LIMIT", "many")]).starts_with("api_rate_limit is \"many\""));
        assert!(refused(&[("LATCHKEY_API_RATE_LIMIT", "1000001")]).starts_with("api_rate_limit is"));
        assert!(refused(&[("LATCHKEY_ORGANIZATION_RATE_LIMIT", "-1")]).starts_with("organization_rate_limit is"));
        assert!(refused(&[("LATCHKEY_MEMORY_MIB", "0")]).starts_with("memory_mib is"));
        assert!(refused(&[("LATCHKEY_TOKENS_PER_ORGANIZATION", "-1")]).starts_with("tokens_per_organization is"));
        assert!(refused(&[("LATCHKEY_MAX_CONNECTIONS", "0")]).starts_with("max_connections is"));
        assert!(
            refused(&[("LATCHKEY_MAX_CONNECTIONS_PER_ADDRESS", "x")]).starts_with("max_connections_per_address is")
        );
        assert!(refused(&[("LATCHKEY_TRUSTED_PROXIES", "proxy")]).starts_with("trusted_proxies is"));
        for origins in
            ["*", "null", "console.example.com", "https://a.example/path", "https://a.example, https://b.example:x"]
        {
            assert!(refused(&[("LATCHKEY_CORS_ORIGINS", origins)]).starts_with("cors_origins is"), "{origins}");
        }
        assert_eq!(refused(&[("LATCHKEY_CORS_ORIGINS", "https://a.example, http://localhost:5173")]), "accepted");
        for pin in [",", "Acme Corp", "any,acme", "acme;globex"] {
            let text = refused(&[("LATCHKEY_FORWARD_AUTH_ORGANIZATIONS", pin)]);
            assert!(text.starts_with("forward_auth_organizations is"), "{pin}");
        }
        for pin in ["any", "acme", "acme, 01a20276-c695-74cc-ab86-ccae0efb2eef"] {
            assert_eq!(refused(&[("LATCHKEY_FORWARD_AUTH_ORGANIZATIONS", pin)]), "accepted", "{pin}");
        }
        assert!(refused(&[("LATCHKEY_RESTRICTED_ORG_CREATION", "yes")]).starts_with("restricted_org_creation is"));
        assert_eq!(refused(&[]), "accepted");
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(
            toml::from_str::<Settings>("adr = '127.0.0.1:1'").is_err_and(|error| error.to_string().contains("adr"))
        );
    }
}
