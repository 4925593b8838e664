//! What an operator does with messages from the server's shell. Authorized by having that shell.

use latchkey_domain::{AuditAction, OutboxMessageId};
use latchkey_store::outbox::{self, StoredMessage};
use serde_json::json;

use crate::recorder::{AuditEntry, operator};
use crate::transaction::Purpose;
use crate::{Error, Origin, Outbox};

const UNKNOWN: Error = Error::NotFound("message");

impl Outbox<'_> {
    /// Messages that are not delivered, oldest first, after an id.
    pub async fn list(self, after: OutboxMessageId, limit: u32) -> Result<Vec<StoredMessage>, Error> {
        Ok(outbox::list(self.service.store(), after, limit).await?)
    }

    /// Makes a message that is dead or waits for its next attempt due at once, with all attempts before it; returns its
    /// kind. `NotFound` too while it is being delivered.
    pub async fn retry(self, id: OutboxMessageId) -> Result<String, Error> {
        let mut tx = self.service.begin_system(Purpose::Request).await?;
        let kind = outbox::retry(&mut tx, id, self.service.now()).await?.ok_or(UNKNOWN)?;
        let entry = AuditEntry {
            organization: None,
            action: AuditAction::OutboxMessageRetried,
            target: ("outbox_message", Some(id.0), &kind),
            success: true,
            details: json!({}),
        };
        self.service.record(&mut tx, &operator(), &Origin::default(), entry).await?;
        tx.commit().await?;
        Ok(kind)
    }

    /// Removes a message without delivering it; returns its kind. One that is being delivered may still arrive.
    pub async fn delete(self, id: OutboxMessageId) -> Result<String, Error> {
        let mut tx = self.service.begin_system(Purpose::Request).await?;
        let kind = outbox::delete(&mut tx, id).await?.ok_or(UNKNOWN)?;
        let entry = AuditEntry {
            organization: None,
            action: AuditAction::OutboxMessageDropped,
            target: ("outbox_message", Some(id.0), &kind),
            success: true,
            details: json!({}),
        };
        self.service.record(&mut tx, &operator(), &Origin::default(), entry).await?;
        tx.commit().await?;
        Ok(kind)
    }
}
