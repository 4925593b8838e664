//! What all transports share: who calls and from where, bodies and their signatures, limits, and problem details. It knows
//! no transport and no page.

pub(crate) mod admission;
pub(crate) mod body;
pub(crate) mod body_budget;
pub(crate) mod client_network;
pub(crate) mod compression;
pub(crate) mod context;
pub(crate) mod credential;
pub(crate) mod etag;
pub(crate) mod fallback;
mod forwarded;
pub(crate) mod headers;
pub(crate) mod idempotency;
pub(crate) mod json;
pub(crate) mod page;
pub(crate) mod problem;
pub(crate) mod query;
pub(crate) mod rate_limit;
pub(crate) mod routes;
pub(crate) mod schema;
pub(crate) mod security_headers;
pub(crate) mod signature;
pub(crate) mod timeout;
pub(crate) mod unread_body;

pub(crate) use self::forwarded::untrusted_proxy_hint;
