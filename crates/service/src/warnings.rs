//! What the database does not promise, although revocation relies on it.

use std::sync::{Mutex, PoisonError};

use latchkey_domain::Timestamp;

use crate::{Error, Health};

/// How long the warnings that were found are told again, in microseconds.
const KEPT: i64 = 30_000_000;

/// What was found last, and when.
#[derive(Default)]
pub(crate) struct Found(Mutex<Option<(Timestamp, Vec<String>)>>);

impl Health<'_> {
    /// What is amiss with the database, in short words; at most half a minute old.
    pub async fn warnings(self) -> Result<Vec<String>, Error> {
        let (now, found) = (self.service.now(), &self.service.inner.warnings.0);
        let kept = found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, warnings)) = kept
            && (0..KEPT).contains(&now.micros().saturating_sub(at.micros()))
        {
            return Ok(warnings);
        }
        let warnings = latchkey_store::warnings(self.service.store()).await?;
        *found.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, warnings.clone()));
        Ok(warnings)
    }
}
