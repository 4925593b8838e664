//! The hourly sweep, and the removal of what is over.

use std::time::Duration;

use latchkey_service::{Service, SweepKind};
use tokio::sync::watch;

use super::{next, ticks};

/// How often the clock is read for the hourly work.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_secs(15);

/// Ends when the server stops.
pub(super) async fn run(service: Service, mut stopping: watch::Receiver<bool>) {
    let mut due = service.auto_revoke().next_sweep_at();
    let mut minute = service.now();
    let mut ticks = ticks(CLOCK_CHECK_INTERVAL);
    while next(&mut ticks, &mut stopping).await {
        if minute <= service.now() {
            minute = service.now().plus_seconds(60);
            if let Err(error) = service.maintenance().forget_nonces().await {
                tracing::warn!(%error, "nonces that are over could not be removed");
            }
        }
        if service.now() < due {
            continue;
        }
        due = service.auto_revoke().next_sweep_at();
        match service.auto_revoke().sweep(SweepKind::Scheduled).await {
            Ok(Some(report)) => {
                tracing::info!(organizations = report.organizations, revoked = report.revoked, "swept");
            }
            Ok(None) => tracing::debug!("another replica sweeps"),
            Err(error) => tracing::error!(%error, "the sweep failed; the next one will take what it left"),
        }
        if let Err(error) = service.maintenance().tidy().await {
            tracing::warn!(%error, "sessions and tokens that are over could not be removed");
        }
    }
}
