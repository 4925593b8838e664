//! Whether requests can be served. Anybody may ask, so the answer of the last second is given again: however many ask,
//! the database is asked once a second.

use std::time::Duration;

use latchkey_domain::Timestamp;
use latchkey_store::instance;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::transaction::Purpose;
use crate::{Error, Health};

/// An answer is given again for so long.
const FRESH_SECONDS: i64 = 1;
/// Longer than a write waits for its turn.
const PROBE_TIMEOUT: Duration = Duration::from_secs(8);

/// Why requests can't be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unready {
    #[error("the database does not answer")]
    NoAnswer,
    /// It answers, but is not the one to ask.
    #[error("{0}")]
    Untrusted(&'static str),
    /// Its disk is full, it is read-only, or somebody else keeps it locked: nothing can be revoked.
    #[error("the database can't be written")]
    NotWritable,
}

/// The last answer, and when it was found.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<Option<(Timestamp, Result<(), Unready>)>>);

impl Health<'_> {
    /// Whether the database answers, and can be written. Found out once a second at most.
    pub async fn ready(self) -> Result<(), Unready> {
        let service = self.service.clone();
        // By itself: whoever goes away before the answer would make the next one ask again.
        let asked = tokio::spawn(async move {
            let mut last = service.inner.readiness.0.lock().await;
            if let Some((at, answer)) = *last
                && (at..at.plus_seconds(FRESH_SECONDS)).contains(&service.now())
            {
                return answer;
            }
            let answer = timeout(PROBE_TIMEOUT, service.health().check_ready()).await.unwrap_or(Err(Unready::NoAnswer));
            *last = Some((service.now(), answer));
            answer
        });
        asked.await.unwrap_or(Err(Unready::NoAnswer))
    }

    async fn check_ready(self) -> Result<(), Unready> {
        // As each request asks it.
        if self.service.inner.cache.catch_up().await.is_err() {
            return Err(self.service.inner.cache.untrusted().map_or(Unready::NoAnswer, Unready::Untrusted));
        }
        self.service.store().ping().await.map_err(|_| Unready::NoAnswer)?;
        self.probe_write().await.map_err(|error| {
            tracing::error!(%error, "the database can't be written");
            Unready::NotWritable
        })
    }

    /// `BEGIN IMMEDIATE` works on a full disk, so something is written and committed.
    async fn probe_write(self) -> Result<(), Error> {
        let mut tx = self.service.begin_system(Purpose::Containment).await?;
        instance::probe_write(&mut tx).await?;
        Ok(tx.commit().await?)
    }
}
