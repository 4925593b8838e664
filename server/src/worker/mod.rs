//! What the server does without being asked.

mod ended_words;
mod flush;
mod hourly;
mod notices;
mod outbox;
mod reindex;

use std::time::Duration;

use latchkey_service::Service;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// How long the end of the process waits for the messages that are being delivered.
const LAST_DELIVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts the workers; they end after a last write when `stopping` says so.
pub(crate) fn start(service: Service, stopping: watch::Receiver<bool>) -> JoinHandle<()> {
    let hourly = tokio::spawn(hourly::run(service.clone(), stopping.clone()));
    let reindex = tokio::spawn(reindex::run(service.clone()));
    let ended_words = tokio::spawn(ended_words::run(service.clone()));
    let mut outbox = tokio::spawn(outbox::run(service.clone(), stopping.clone()));
    tokio::spawn(async move {
        flush::run(service, stopping).await;
        // A sweep ends between two transactions; what it has not done, the next one does.
        hourly.abort();
        reindex.abort();
        ended_words.abort();
        if timeout(LAST_DELIVERY_TIMEOUT, &mut outbox).await.is_err() {
            // Their leases end, and they are delivered again.
            outbox.abort();
        }
    })
}

/// Ticks that are late are not made up for.
fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits for the next tick; false when the server stops.
async fn next(ticks: &mut Interval, stopping: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        _ = ticks.tick() => true,
        _ = stopping.wait_for(|stop| *stop) => false,
    }
}
