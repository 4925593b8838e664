//! Writes what waits in memory.

use std::time::Duration;

use latchkey_service::Service;
use tokio::sync::watch;

use super::{next, ticks};

/// Last uses wait in memory at most this long.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// Ends after a last write.
pub(super) async fn run(service: Service, mut stopping: watch::Receiver<bool>) {
    let mut ticks = ticks(FLUSH_INTERVAL);
    loop {
        let goes_on = next(&mut ticks, &mut stopping).await;
        if let Err(error) = service.maintenance().flush_uses().await {
            tracing::warn!(%error, waiting = service.maintenance().waiting_uses(), "last uses could not be written; they are kept");
        }
        if let Err(error) = service.maintenance().confirm_nonces().await {
            tracing::warn!(%error, "it could not be noted that the nonces of signed requests are whole");
        }
        if !goes_on {
            return;
        }
    }
}
