//! What is told to the outside: a message is written in the transaction of the change that it tells of, and delivered
//! afterwards, at least once. What is rolled back is never told.

mod backoff;
mod delivery;
mod message;
mod operator;

use std::sync::atomic::{AtomicU64, Ordering};

use latchkey_domain::OutboxMessageId;
use latchkey_store::{
    Tx,
    outbox::{self, NewMessage, OutboxCounts},
};

pub use delivery::{Deliver, Delivering, Delivery, DeliveryError, DeliveryReport};
pub use message::{Message, SweepFinished};

use crate::{Error, Outbox, Service};

/// Messages that were given up are kept for so long.
const DEAD_KEPT_DAYS: i64 = 30;

/// What was last counted, for metrics.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) pending: AtomicU64,
    pub(crate) dead: AtomicU64,
}

impl Service {
    /// Adds a message to what a transaction writes.
    pub(crate) async fn enqueue(&self, tx: &mut Tx, message: &Message) -> Result<(), Error> {
        let payload = message.encode();
        let new = NewMessage {
            id: OutboxMessageId(self.new_id()),
            kind: message.kind(),
            payload: &payload,
            created_at: self.now(),
        };
        Ok(outbox::insert(tx, &new).await?)
    }

    /// Removes up to `limit` messages that were given up long ago; returns how many.
    pub(crate) async fn delete_dead_messages(&self, tx: &mut Tx, limit: u32) -> Result<u64, Error> {
        Ok(outbox::delete_dead(tx, self.now().plus_days(-DEAD_KEPT_DAYS), limit).await?)
    }
}

impl Outbox<'_> {
    /// Counts the messages, for [`Stats`](crate::Stats).
    pub async fn count(self) -> Result<OutboxCounts, Error> {
        let counts = outbox::counts(self.service.store()).await?;
        self.service.inner.outbox.pending.store(counts.pending.into(), Ordering::Relaxed);
        self.service.inner.outbox.dead.store(counts.dead.into(), Ordering::Relaxed);
        Ok(counts)
    }
}
