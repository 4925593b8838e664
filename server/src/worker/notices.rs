//! Notices, as lines of the log: that is where operators see them until there is e-mail.

use std::time::Duration;

use latchkey_service::{Deliver, Delivering, Delivery, DeliveryError, Message, SweepFinished};

use crate::log;

/// How long a line may take to be written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Writes each message to the log, with its kind as `notice` and its idempotency key as `id`. A message counts as
/// delivered once the operating system has taken the line, not before.
pub(super) struct LogNotices;

impl Deliver for LogNotices {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(async move {
            let before = log::counts().dropped;
            write(delivery);
            let written = tokio::task::spawn_blocking(|| log::wait_until_written(WRITE_TIMEOUT)).await;
            match written {
                Ok(true) if log::counts().dropped == before => Ok(()),
                _ => Err(DeliveryError::Temporary("the log could not be written".to_owned())),
            }
        })
    }
}

fn write(Delivery { id, attempt, message, .. }: &Delivery) {
    let notice = message.kind();
    match message {
        Message::SweepFinished(SweepFinished { sweep, organization, threshold_days, revoked, finished_at }) => {
            tracing::info!(
                notice, %id, attempt, %sweep, %organization, threshold_days, revoked, %finished_at,
                "auto-revoke has revoked inactive tokens"
            );
        }
    }
}
