//! Delivers messages.

use std::time::Duration;

use latchkey_service::Service;
use tokio::sync::watch;

use super::notices::LogNotices;
use super::{next, ticks};

/// How often it is asked whether a message is due.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Ends when the server stops, after the batch that is being delivered.
pub(super) async fn run(service: Service, mut stopping: watch::Receiver<bool>) {
    let mut ticks = ticks(POLL_INTERVAL);
    while next(&mut ticks, &mut stopping).await {
        loop {
            match service.outbox().deliver(&LogNotices).await {
                Ok(report) if report.more && !*stopping.borrow() => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "messages could not be delivered; they are kept");
                    break;
                }
            }
        }
        if let Err(error) = service.outbox().count().await {
            tracing::debug!(%error, "messages could not be counted");
        }
    }
}
