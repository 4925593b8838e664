//! What the server does without being asked.

use std::time::Duration;

use latchkey_service::{Service, SweepKind};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Last uses wait in memory at most this long.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);
/// How often the clock is looked at for the hourly work.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_secs(15);

/// Starts the jobs; they end after a last write when `stopping` says so.
pub(crate) fn start(service: Service, stopping: watch::Receiver<bool>) -> JoinHandle<()> {
    let hourly = tokio::spawn(hourly(service.clone(), stopping.clone()));
    let renewal = tokio::spawn(reindex_names(service.clone()));
    tokio::spawn(async move {
        flush(service, stopping).await;
        // A sweep ends between two transactions; what it has not done, the next one does.
        hourly.abort();
        renewal.abort();
    })
}

async fn flush(service: Service, mut stopping: watch::Receiver<bool>) {
    let mut ticks = interval(FLUSH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let stop = tokio::select! {
            _ = ticks.tick() => false,
            _ = stopping.wait_for(|stop| *stop) => true,
        };
        if let Err(error) = service.maintenance().flush_uses().await {
            tracing::warn!(%error, waiting = service.maintenance().waiting_uses(), "last uses could not be written; they are kept");
        }
        if let Err(error) = service.maintenance().confirm_nonces().await {
            tracing::warn!(%error, "it could not be noted that the nonces of signed requests are whole");
        }
        if stop {
            return;
        }
    }
}

/// After an upgrade only: names of before are searched and compared as names are now.
async fn reindex_names(service: Service) {
    let mut ticks = interval(CLOCK_CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        match service.maintenance().reindex_names().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "names could not be reindexed; search may not find all by them yet");
                ticks.tick().await;
            }
        }
    }
}

async fn hourly(service: Service, mut stopping: watch::Receiver<bool>) {
    let mut due = service.auto_revoke().next_sweep_at();
    let mut minute = service.now();
    let mut ticks = interval(CLOCK_CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
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
        if let Err(error) = service.tidy().await {
            tracing::warn!(%error, "sessions and tokens that are over could not be removed");
        }
    }
}
