use std::pin::Pin;
use std::time::Duration;

use futures::future::join_all;
use latchkey_domain::{OutboxMessageId, Timestamp};
use latchkey_store::outbox::{self, StoredMessage};
use thiserror::Error;
use tokio::time::timeout;

use super::backoff::next_attempt;
use super::message::Message;
use crate::transaction::Purpose;
use crate::{Error, Outbox};

/// Messages that are delivered at a time.
const BATCH: u32 = 16;
/// An attempt may take so long; well below [`LEASE_SECONDS`], so that its result is recorded within the lease.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// When a worker that was killed is given up. Longer than clocks of replicas differ.
const LEASE_SECONDS: i64 = 60;
/// Attempts before a message is given up: 6 to 10 hours of waits.
const ATTEMPTS_MAX: u32 = 20;
/// What is stored of an error, in characters.
const ERROR_MAX: usize = 500;

/// A way to the outside.
pub trait Deliver: Send + Sync {
    /// Delivers a message. May be asked again for one that it has delivered: [`Delivery::id`] tells.
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a>;
}

/// What [`Deliver::deliver`] returns.
pub type Delivering<'a> = Pin<Box<dyn Future<Output = Result<(), DeliveryError>> + Send + 'a>>;

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The idempotency key: the same at each attempt, and no other message's.
    pub id: OutboxMessageId,
    /// From 1.
    pub attempt: u32,
    pub created_at: Timestamp,
    pub message: Message,
}

/// Why a message was not delivered. The text is stored and shown to operators: it holds no secret and no answer of a
/// stranger.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// It may work later.
    #[error("{0}")]
    Temporary(String),
    /// It never will.
    #[error("{0}")]
    Permanent(String),
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryReport {
    pub delivered: u32,
    /// To be tried again.
    pub failed: u32,
    /// Given up.
    pub dead: u32,
    /// The batch was full, so more may be due.
    pub more: bool,
}

impl Outbox<'_> {
    /// Delivers messages that are due, up to a batch. Several workers, of one replica or many, never hold the same one.
    pub async fn deliver(self, transport: &dyn Deliver) -> Result<DeliveryReport, Error> {
        let now = self.service.now();
        if !outbox::is_any_due(self.service.store(), now).await? {
            return Ok(DeliveryReport::default());
        }
        let lease = self.service.inner.random.uuid();
        let mut tx = self.service.begin_system(Purpose::Bookkeeping).await?;
        let claimed = outbox::claim(&mut tx, lease, now, now.plus_seconds(LEASE_SECONDS), BATCH).await?;
        tx.commit().await?;
        // No transaction is open while others are waited for.
        let results = join_all(claimed.iter().map(|stored| attempt(transport, stored))).await;

        let now = self.service.now();
        let more = u32::try_from(claimed.len()).is_ok_and(|count| count >= BATCH);
        let mut report = DeliveryReport { more, ..DeliveryReport::default() };
        let mut delivered = Vec::new();
        let mut tx = self.service.begin_system(Purpose::Bookkeeping).await?;
        for (stored, result) in claimed.iter().zip(results) {
            let (id, kind, attempts) = (stored.id, &stored.kind, stored.attempts);
            match result {
                Ok(()) => {
                    report.delivered += 1;
                    delivered.push(id);
                }
                Err(DeliveryError::Temporary(error)) if attempts < ATTEMPTS_MAX => {
                    report.failed += 1;
                    let error = shown(&error);
                    tracing::warn!(%id, kind, attempts, error, "a message could not be delivered; it is tried again");
                    let due_at = next_attempt(now, attempts, &*self.service.inner.random);
                    outbox::reschedule(&mut tx, lease, id, due_at, &error).await?;
                }
                Err(DeliveryError::Temporary(error) | DeliveryError::Permanent(error)) => {
                    report.dead += 1;
                    let error = shown(&error);
                    tracing::error!(%id, kind, attempts, error, "a message could not be delivered and is given up");
                    outbox::mark_dead(&mut tx, lease, id, now, &error).await?;
                }
            }
        }
        outbox::delete_delivered(&mut tx, lease, &delivered).await?;
        tx.commit().await?;
        Ok(report)
    }
}

async fn attempt(transport: &dyn Deliver, stored: &StoredMessage) -> Result<(), DeliveryError> {
    if stored.attempts > ATTEMPTS_MAX {
        // The process has ended during the last one.
        return Err(DeliveryError::Permanent("the result of the last attempt is not known".to_owned()));
    }
    let Some(message) = Message::decode(&stored.payload) else {
        // During a rollout, a replica of the newer release takes it.
        return Err(DeliveryError::Temporary("this release does not know the kind of message".to_owned()));
    };
    let delivery = Delivery { id: stored.id, attempt: stored.attempts, created_at: stored.created_at, message };
    let late = || DeliveryError::Temporary(format!("no answer within {} s", ATTEMPT_TIMEOUT.as_secs()));
    timeout(ATTEMPT_TIMEOUT, transport.deliver(&delivery)).await.map_err(|_| late())?
}

/// An error as it is stored: of one line, and bounded.
fn shown(error: &str) -> String {
    error.chars().map(|c| if c.is_control() { ' ' } else { c }).take(ERROR_MAX).collect()
}
