//! What an operator does with messages from the server's shell. Authorized by having that shell.

use latchkey_domain::OutboxMessageId;
use latchkey_store::outbox::{self, StoredMessage};
use serde_json::json;

use crate::recorder::{AuditEntry, operator};
use crate::transaction::Purpose;
use crate::{Error, Origin, Service};

const UNKNOWN: Error = Error::NotFound("message");

impl Service {
    /// Messages that are not delivered, oldest first, after an id.
    pub async fn messages_for_operator(&self, after: OutboxMessageId, limit: u32) -> Result<Vec<StoredMessage>, Error> {
        Ok(outbox::list(self.store(), after, limit).await?)
    }

    /// Makes a message that is dead or waits for its next attempt due at once, with all attempts before it; returns its
    /// kind. `NotFound` too while it is being delivered.
    pub async fn retry_message_by_operator(&self, id: OutboxMessageId) -> Result<String, Error> {
        let mut tx = self.begin_system(Purpose::Request).await?;
        let kind = outbox::retry(&mut tx, id, self.now()).await?.ok_or(UNKNOWN)?;
        let entry = AuditEntry {
            organization: None,
            action: "outbox.message_retried",
            target: ("outbox_message", Some(id.0), &kind),
            success: true,
            details: json!({}),
        };
        self.record(&mut tx, &operator(), &Origin::default(), entry).await?;
        tx.commit().await?;
        Ok(kind)
    }

    /// Removes a message without delivering it; returns its kind. One that is being delivered may still arrive.
    pub async fn drop_message_by_operator(&self, id: OutboxMessageId) -> Result<String, Error> {
        let mut tx = self.begin_system(Purpose::Request).await?;
        let kind = outbox::delete(&mut tx, id).await?.ok_or(UNKNOWN)?;
        let entry = AuditEntry {
            organization: None,
            action: "outbox.message_dropped",
            target: ("outbox_message", Some(id.0), &kind),
            success: true,
            details: json!({}),
        };
        self.record(&mut tx, &operator(), &Origin::default(), entry).await?;
        tx.commit().await?;
        Ok(kind)
    }
}
