//! Last uses, gathered in memory and written in batches: a write for each request would halve the throughput.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use latchkey_domain::{Timestamp, TokenId};
use latchkey_store::tokens::{self, Token, Use};

use crate::token_cache::CachedToken;
use crate::transaction::Purpose;
use crate::{AuthenticationError, Error, Origin, Service};

/// A token whose stored last use is older than this is written through before the request is accepted. The shortest
/// threshold is a day, so whatever waits in the memory of a replica can't decide a sweep: not here, not on another
/// replica, and not after a crash.
const WRITE_THROUGH_SECONDS: i64 = 12 * 3_600;
/// Rows of one transaction.
const BATCH: usize = 500;

/// Tokens whose uses may wait; those of more are written through.
const WAITING: usize = 100_000;

/// Uses that are not yet written, the newest of each token.
#[derive(Default)]
pub(crate) struct UseBuffer {
    waiting: Mutex<HashMap<TokenId, Use>>,
}

impl UseBuffer {
    fn lock(&self) -> MutexGuard<'_, HashMap<TokenId, Use>> {
        // What is inside is whole at every moment, so a panic elsewhere can't have spoiled it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, token: TokenId, new: Use) {
        let mut waiting = self.lock();
        match waiting.get_mut(&token) {
            Some(old) if old.at >= new.at => {}
            Some(old) => *old = new,
            None => drop(waiting.insert(token, new)),
        }
    }

    /// Adds a use that was now, if there is room for its token.
    fn note(&self, token: TokenId, at: Timestamp, origin: &Origin) -> bool {
        let mut waiting = self.lock();
        if let Some(old) = waiting.get_mut(&token) {
            if old.at < at {
                (old.at, old.address) = (at, origin.address);
                // Its memory is used again.
                origin.user_agent().clone_into(&mut old.user_agent);
            }
            return true;
        }
        let room = waiting.len() < WAITING;
        if room {
            waiting.insert(token, use_of(origin, at));
        }
        room
    }

    /// Shows a token with its newest use, written or not.
    pub(crate) fn overlay(&self, token: &mut Token) {
        if let Some(newest) = self.lock().get(&token.id)
            && token.last_use.as_ref().is_none_or(|stored| stored.at < newest.at)
        {
            token.last_use = Some(newest.clone());
        }
    }

    fn take(&self) -> Vec<(TokenId, Use)> {
        self.lock().drain().collect()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}

fn use_of(origin: &Origin, at: Timestamp) -> Use {
    Use { at, address: origin.address, user_agent: origin.user_agent().to_owned() }
}

impl Service {
    /// Notes that a request with this token was accepted.
    pub(crate) async fn note_use(&self, token: &CachedToken, origin: &Origin) -> Result<(), Error> {
        let now = self.now();
        let recent = token.idle_since() > now.plus_seconds(-WRITE_THROUGH_SECONDS);
        if recent && self.inner.uses.note(token.id, now, origin) {
            token.used(now);
            return Ok(());
        }
        // In a box: few requests need its room.
        Box::pin(self.write_through(token, use_of(origin, now))).await
    }

    /// Writes a use at once.
    async fn write_through(&self, token: &CachedToken, new: Use) -> Result<(), Error> {
        let at = new.at;
        let mut tx = self.begin_system(Purpose::Request).await?;
        let unrevoked = tokens::record_uses(&mut tx, &[(token.id, new)]).await?;
        tx.commit().await?;
        // A sweep may have come between the read and this write; then the token is revoked and stays so.
        if unrevoked.is_empty() {
            return Err(AuthenticationError::Revoked.into());
        }
        token.used(at);
        Ok(())
    }

    /// Writes what was gathered; on failure it is kept for the next time. Called every few seconds, before a sweep and
    /// at shutdown.
    pub(crate) async fn flush_uses(&self) -> Result<(), Error> {
        let mut taken = self.inner.uses.take();
        // The same order on every replica, so that two batches can't wait for each other's rows.
        taken.sort_by_key(|(token, _)| *token);
        for (at, batch) in taken.chunks(BATCH).enumerate() {
            if let Err(error) = self.write_uses(batch).await {
                for (token, waiting) in taken.iter().skip(at * BATCH) {
                    self.inner.uses.add(*token, waiting.clone());
                }
                return Err(error);
            }
        }
        Ok(())
    }

    async fn write_uses(&self, batch: &[(TokenId, Use)]) -> Result<(), Error> {
        let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
        tokens::record_uses(&mut tx, batch).await?;
        Ok(tx.commit().await?)
    }
}
