use latchkey_store::names;

use crate::{Error, Maintenance};

/// Objects of one batch: a write of some milliseconds, between which others have their turn.
const BATCH: u32 = 100;

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
}
