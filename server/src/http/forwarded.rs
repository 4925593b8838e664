//! A proxy in front that nobody has told us of: everybody behind it is one address.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::http::HeaderMap;

use super::context::RequestContext;
use super::headers::X_FORWARDED_FOR;

/// At most one warning in this time: anybody can send the header.
const WARN_INTERVAL_MICROS: i64 = 3_600 * 1_000_000;

/// When this process warned last.
static WARNED_AT: AtomicI64 = AtomicI64::new(i64::MIN);

/// Warns of `X-Forwarded-For` from a peer that is not trusted, and notes it for `doctor` and the next start.
pub(crate) fn warn_if_untrusted(context: &RequestContext, peer: Option<IpAddr>, headers: &HeaderMap) {
    if !headers.contains_key(&X_FORWARDED_FOR) {
        return;
    }
    let Some(peer) = peer.map(|peer| peer.to_canonical()) else { return };
    if context.trusted_proxies.as_ref().is_some_and(|trusted| trusted.allow(peer))
        || !is_due(context.service.now().micros())
    {
        return;
    }
    tracing::warn!("{}", untrusted_proxy_hint(peer));
    let service = context.service.clone();
    tokio::spawn(async move {
        if let Err(error) = service.health().note_untrusted_proxy(peer).await {
            tracing::warn!(%error, "can't note the proxy that is not trusted");
        }
    });
}

/// True for one caller in each interval.
fn is_due(now: i64) -> bool {
    let warned_at = WARNED_AT.load(Ordering::Relaxed);
    now.saturating_sub(warned_at) >= WARN_INTERVAL_MICROS
        && WARNED_AT.compare_exchange(warned_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

/// A peer that sends `X-Forwarded-For` and is not trusted.
pub(crate) fn untrusted_proxy_hint(peer: IpAddr) -> String {
    format!(
        "{peer} sends X-Forwarded-For and is not a trusted proxy, so what it says is not believed; if it is a proxy of \
         yours, name its network in LATCHKEY_TRUSTED_PROXIES, or everybody behind it counts as one address, for allowed \
         networks and guesses at passwords alike"
    )
}
