//! Searches of expired and revoked tokens: their words get a second place soon after they have ended.

use std::time::Duration;

use latchkey_service::Service;

use super::ticks;

const INTERVAL: Duration = Duration::from_secs(2);

/// Goes on until it is aborted.
pub(super) async fn run(service: Service) {
    let mut ticks = ticks(INTERVAL);
    loop {
        ticks.tick().await;
        loop {
            match service.maintenance().index_ended().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, "words of ended tokens could not be indexed; searches for them take longer");
                    break;
                }
            }
        }
    }
}
