use clap::Args;

/// Highest limit that can be set, in requests a minute.
const RATE_MAX: u32 = 1_000_000;

/// How much of what there may be.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitsConfig {
    /// Requests a minute that one token or user may send by REST and gRPC together, 0 for no limit
    #[arg(long, env = "LATCHKEY_API_RATE_LIMIT", value_name = "REQUESTS", default_value_t = 1_200)]
    #[arg(value_parser = parse_rate)]
    pub(crate) api_rate_limit: u32,
    /// Requests a minute that all API tokens of one organization may send by REST and gRPC together, 0 for no limit
    /// [default: ten times the API rate limit]
    #[arg(long, env = "LATCHKEY_ORGANIZATION_RATE_LIMIT", value_name = "REQUESTS", value_parser = parse_rate)]
    organization_rate_limit: Option<u32>,
    /// Memory for what is remembered of tokens between requests, in MiB
    #[arg(long, env = "LATCHKEY_MEMORY_MIB", value_name = "MIB", default_value_t = 128, value_parser = parse_memory)]
    pub(super) memory_mib: u32,
    /// Tokens of an organization that are neither revoked nor expired, 0 for no limit
    #[arg(long, env = "LATCHKEY_TOKENS_PER_ORGANIZATION", value_name = "TOKENS", default_value_t = 100_000)]
    #[arg(value_parser = parse_tokens)]
    pub(super) tokens_per_organization: u32,
    /// Connections that may be open at the same time [default: 20000, or as many as there are files for]
    #[arg(long, env = "LATCHKEY_MAX_CONNECTIONS", value_name = "CONNECTIONS", value_parser = parse_connections)]
    pub(crate) max_connections: Option<usize>,
    /// The same of one address or IPv6 network (/64); this machine and trusted proxies may have more
    /// [default: 1024, or half of all]
    #[arg(long, env = "LATCHKEY_MAX_CONNECTIONS_PER_ADDRESS", value_name = "CONNECTIONS")]
    #[arg(value_parser = parse_connections)]
    pub(crate) max_connections_per_address: Option<usize>,
}

impl LimitsConfig {
    /// Requests a minute of all API tokens of one organization; 0 for no limit.
    pub(crate) fn organization_rate_limit(&self) -> u32 {
        self.organization_rate_limit.unwrap_or_else(|| self.api_rate_limit.saturating_mul(10).min(RATE_MAX))
    }
}

fn parse_rate(text: &str) -> Result<u32, &'static str> {
    let rate = text.parse().map_err(|_| "a number of requests a minute")?;
    if rate > RATE_MAX { Err("1,000,000 at most, or 0 for no limit") } else { Ok(rate) }
}

fn parse_memory(text: &str) -> Result<u32, &'static str> {
    text.parse().ok().filter(|mib| *mib > 0).ok_or("a number of MiB from 1 on")
}

fn parse_tokens(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "a number of tokens, or 0 for no limit")
}

fn parse_connections(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|connections| *connections > 0).ok_or("a number of connections, 1 at least")
}
