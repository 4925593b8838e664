//! Whether the nonces are known to be whole, and what follows when they are not.

use std::sync::PoisonError;

use latchkey_domain::{Signature, Timestamp};
use latchkey_store::Tx;
use latchkey_store::database_identity::{self, DatabaseIdentity};
use latchkey_store::nonces::{self, NonceState};
use uuid::Uuid;

use crate::transaction::Purpose;
use crate::{Error, Service};

/// With a longer pause between a last replica that was killed and the next one's start, nobody knows what the database is:
/// a backup that was made under a running replica looks like that.
const PAUSE_SECONDS: i64 = 15;
/// Nonces are kept for so much longer than they are needed: clocks of replicas differ.
const SKEW_SECONDS: i64 = 60;
/// SQLite: a file that was written to so long after the last sign of life was put there since; in microseconds, after an
/// end in order, which writes once more, and after any other.
const WRITTEN_AFTER_MICROS: [i64; 2] = [500_000, 2_000_000];

impl Service {
    /// Looks whether the nonces are those that the last replica has left. Called at the start; when that fails, before
    /// the first nonce is taken.
    pub(crate) async fn open_nonces(&self) -> Result<(), Error> {
        self.inner.nonces.opened.get_or_try_init(|| self.check_nonces()).await.map(|_| ())
    }

    async fn check_nonces(&self) -> Result<(), Error> {
        let now = self.now();
        // As it was found, too: this program may have migrated it since.
        let databases =
            [database_identity::found(self.store()).await?, database_identity::current(self.store()).await?];
        let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
        let state = nonces::state_in(&mut tx).await?;
        let here = self.inner.nonces.elsewhere.is_none();
        if here && !state.epoch.is_nil() {
            // Those of before are in Redis.
            nonces::start_epoch(&mut tx, state.epoch, Uuid::nil()).await?;
        }
        if !databases.iter().any(|database| is_as_left(&state, database, now)) {
            self.give_up(&mut tx).await?;
        }
        let database = database_identity::assign_name(self.store(), self.inner.random.uuid()).await?;
        let state = nonces::record_heartbeat(&mut tx, now, false, &database).await?;
        tx.commit().await?;
        if here {
            self.inner.nonces.know(state);
        }
        Ok(())
    }

    /// Notes that the nonces are whole. Called every few seconds, and once when all is written at the end.
    pub(crate) async fn beat_nonces(&self, stopping: bool) -> Result<(), Error> {
        self.mind_history().await?;
        let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
        let known = self.inner.nonces.state();
        if nonces::state_in(&mut tx).await?.heartbeat_at < known.as_ref().and_then(|known| known.heartbeat_at) {
            drop(tx);
            return self.lose_nonces().await;
        }
        // With each end, too: what was copied while it ran is then another database.
        let database = match stopping {
            true => database_identity::assign_name(self.store(), self.inner.random.uuid()).await?,
            false => database_identity::current(self.store()).await?.name,
        };
        let state = nonces::record_heartbeat(&mut tx, self.now(), stopping, &database).await?;
        tx.commit().await?;
        let _changing = self.inner.nonces.changing.lock().await;
        match self.inner.nonces.state() {
            Some(known) if known.epoch == state.epoch => self.inner.nonces.know(state),
            // What belongs to another epoch is learned where that is looked for.
            Some(known) => self.inner.nonces.know(NonceState { heartbeat_at: state.heartbeat_at, ..known }),
            None => {}
        }
        Ok(())
    }

    /// Forgets nonces whose time is over. Called every minute: with signed requests they come by the thousand.
    pub(crate) async fn forget_nonces(&self) -> Result<(), Error> {
        const BATCH: u32 = 5_000;
        let until = self.now().plus_seconds(-SKEW_SECONDS);
        loop {
            let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
            // Locks it, as those do who take nonces, before any nonce. Beyond the horizon, nothing was accepted.
            let horizon = nonces::advance(&mut tx, Timestamp::EPOCH, Timestamp::EPOCH).await?.horizon;
            let removed = nonces::delete_expired(&mut tx, until, BATCH).await?;
            if removed > 0 {
                // Whatever clocks say later, what is forgotten is refused.
                let since = until.plus_seconds(-Signature::WINDOW_SECONDS).min(horizon);
                nonces::advance(&mut tx, Timestamp::EPOCH, since).await?;
            }
            tx.commit().await?;
            if removed < u64::from(BATCH) {
                return Ok(());
            }
        }
    }

    /// Acts on a break of the database's history, once.
    pub(super) async fn mind_history(&self) -> Result<(), Error> {
        self.open_nonces().await?;
        let keeper = &self.inner.nonces;
        let broke_at = self.inner.cache.history_broke_at();
        if broke_at > *keeper.minded.read().unwrap_or_else(PoisonError::into_inner) {
            self.lose_nonces().await?;
            *keeper.minded.write().unwrap_or_else(PoisonError::into_inner) = broke_at;
        }
        Ok(())
    }

    /// The database has lost something: whatever may have been signed and used until now is refused.
    pub(super) async fn lose_nonces(&self) -> Result<(), Error> {
        let keeper = &self.inner.nonces;
        let _changing = keeper.changing.lock().await;
        let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
        let state = self.give_up(&mut tx).await?;
        tx.commit().await?;
        keeper.know(state);
        Ok(())
    }

    /// Refuses what may have been used until now. What Redis holds tells by itself whether it is whole; then only what
    /// is known of it was lost.
    async fn give_up(&self, tx: &mut Tx) -> Result<NonceState, Error> {
        // A signature that was used before now says at most this.
        let until = self.now().plus_seconds(Signature::WINDOW_SECONDS + 1);
        let here = self.inner.nonces.elsewhere.is_none();
        tracing::warn!(
            "this database may have lost nonces of signed requests; {}",
            if here { "what is signed within the next 5 minutes is refused" } else { "Redis has them" }
        );
        Ok(nonces::advance(tx, until, if here { until } else { Timestamp::EPOCH }).await?)
    }
}

/// Whether a database is the one that the last replica has left, or a new one.
fn is_as_left(state: &NonceState, current: &DatabaseIdentity, now: Timestamp) -> bool {
    let Some(heartbeat_at) = state.heartbeat_at else { return true };
    let written_after = WRITTEN_AFTER_MICROS[usize::from(!state.stopped)];
    let written_since = |at: Timestamp| at.micros() - heartbeat_at.micros() > written_after;
    (state.stopped || now.micros() - heartbeat_at.micros() <= PAUSE_SECONDS * 1_000_000)
        && state.database == current.name
        && !current.written_at.is_some_and(written_since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_was_put_there_is_noticed() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let before = |millis: i64| Timestamp::from_micros(now.micros() - millis * 1_000);
        let state = |heartbeat_at: Option<Timestamp>, stopped| NonceState {
            epoch: Uuid::nil(),
            horizon: now,
            since: Timestamp::EPOCH,
            heartbeat_at,
            stopped,
            database: "1".to_owned(),
        };
        let database = |name: &str, written_at| DatabaseIdentity { name: name.to_owned(), written_at };
        assert!(is_as_left(&state(None, false), &database("2", Some(now)), now), "a new one");
        let left = state(Some(before(5_000)), true);
        assert!(is_as_left(&left, &database("1", None), now));
        assert!(is_as_left(&left, &database("1", Some(before(4_900))), now), "written to as it was closed");
        assert!(!is_as_left(&left, &database("1", Some(before(4_000))), now), "put there later");
        assert!(!is_as_left(&left, &database("2", None), now), "another table or server");
        assert!(
            is_as_left(&state(Some(before(90_000)), true), &database("1", Some(before(90_000))), now),
            "stopped in order"
        );
        assert!(
            !is_as_left(&state(Some(before(16_000)), false), &database("1", Some(before(16_000))), now),
            "a long pause"
        );
        let killed = state(Some(before(5_000)), false);
        assert!(is_as_left(&killed, &database("1", Some(before(4_000))), now));
        assert!(!is_as_left(&killed, &database("1", Some(before(1_000))), now));
    }
}
