//! After an upgrade only: names of before are searched and compared as names are now.

use std::time::Duration;

use latchkey_service::Service;

use super::ticks;

const RETRY_INTERVAL: Duration = Duration::from_secs(15);

/// Ends when there is nothing left.
pub(super) async fn run(service: Service) {
    let mut ticks = ticks(RETRY_INTERVAL);
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
