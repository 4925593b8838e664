use latchkey_store::{ended_words, names};

use crate::{Error, Maintenance};

/// Objects of one batch: a write of some milliseconds, between which others have their turn.
const BATCH: u32 = 100;
/// Tokens of one batch: each has some dozens of words.
const ENDED_BATCH: u32 = 25;

impl Maintenance<'_> {
    /// Brings a few names that an earlier release wrote into the form that they are searched and compared in; false when
    /// there are no more. Called by the server from its start on, not by anybody.
    pub async fn reindex_names(self) -> Result<bool, Error> {
        let batch = names::reindex(self.service.store(), BATCH).await?;
        for id in &batch.duplicates {
            tracing::warn!(%id, "another has the same name by today's rules; both go on, until one is renamed");
        }
        Ok(batch.read > 0)
    }

    /// Gives the words of a few tokens that have expired or were revoked their second place; false when there are no
    /// more. Called by the server, not by anybody.
    pub async fn index_ended(self) -> Result<bool, Error> {
        Ok(ended_words::index_ended(self.service.store(), ENDED_BATCH).await? > 0)
    }
}
