use std::net::SocketAddr;

use axum::http::HeaderValue;
use clap::Args;
use latchkey_domain::AllowedNetworks;
use url::Url;

/// Origins as browsers send them in `Origin`.
pub(crate) type Origins = Vec<HeaderValue>;

/// Where the server listens, and what stands in front of it.
#[derive(Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerConfig {
    /// Where to listen
    #[arg(long, env = "LATCHKEY_ADDR", default_value = "127.0.0.1:3000", value_parser = parse_addr)]
    pub(crate) addr: SocketAddr,
    /// What browsers and clients use [default: http://{addr}]
    #[arg(long, env = "LATCHKEY_PUBLIC_URL", value_name = "URL", value_parser = parse_public_url)]
    public_url: Option<Url>,
    /// Proxies in front, in CIDR notation with commas between: their X-Forwarded-For is believed
    #[arg(long, env = "LATCHKEY_TRUSTED_PROXIES", value_name = "NETWORKS", value_parser = parse_networks)]
    pub(crate) trusted_proxies: Option<AllowedNetworks>,
    /// Origins whose pages may call gRPC-Web, with commas between
    #[arg(long, env = "LATCHKEY_CORS_ORIGINS", value_name = "ORIGINS", value_parser = parse_origins)]
    pub(crate) cors_origins: Option<Origins>,
}

impl ServerConfig {
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

fn parse_addr(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "an address and port such as 127.0.0.1:3000")
}

fn parse_public_url(text: &str) -> Result<Url, &'static str> {
    match Url::parse(text) {
        // Nothing but the origin, which every form is compared with.
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.as_str().strip_suffix('/') == Some(&url.origin().ascii_serialization()) =>
        {
            Ok(url)
        }
        _ => Err("an http or https URL without a path, such as https://tokens.example.com"),
    }
}

fn parse_networks(text: &str) -> Result<AllowedNetworks, &'static str> {
    AllowedNetworks::new(items(text)).map_err(|_| "networks such as 10.0.0.0/8,::1")
}

/// Each of the form that browsers send: scheme and host in lower case, no default port, no path. Never `*`.
fn parse_origins(text: &str) -> Result<Origins, &'static str> {
    let parse = |origin: &str| {
        let url = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let written = url.origin().ascii_serialization();
        (written == origin.trim_end_matches('/')).then_some(())?;
        HeaderValue::from_str(&written).ok()
    };
    let origins: Option<Origins> = items(text).map(parse).collect();
    origins.ok_or("origins such as https://console.example.com, with commas between")
}

/// The items of a list with commas or blanks between.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).map(str::trim).filter(|item| !item.is_empty())
}
