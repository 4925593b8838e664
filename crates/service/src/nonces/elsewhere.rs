//! Nonces in a store that may forget them, such as Redis.

use latchkey_domain::{Signature, Timestamp};
use latchkey_store::nonces::{self, NonceState};
use uuid::Uuid;

use super::{LEAP_SECONDS, Outcome, needed_until};
use crate::transaction::Purpose;
use crate::{Error, Nonces, NoncesError, Service, Taken};

/// So many seconds before the horizon is reached, it is moved.
const AHEAD_SECONDS: i64 = 1;
/// How often a nonce is tried that meets another epoch: each time the replica has learned of it.
const TRIES: usize = 4;
/// Nonces are kept for so many seconds more than they are needed: the clocks of replicas and of Redis differ.
const SKEW_SECONDS: i64 = 60;

impl Service {
    pub(super) async fn take_elsewhere(
        &self,
        elsewhere: &dyn Nonces,
        key: [u8; 32],
        at: Timestamp,
    ) -> Result<Outcome, Error> {
        self.mind_history().await?;
        for _ in 0..TRIES {
            let state = self.state_elsewhere(elsewhere).await?;
            if at <= state.since {
                return Ok(Outcome::Lost(state.since));
            }
            // First what is allowed, then what is done: whoever finds the nonces gone knows up to where they were taken.
            self.allow_up_to(at, &state).await?;
            let seconds = (needed_until(at).micros() - self.now().micros()) / 1_000_000 + SKEW_SECONDS;
            let seconds = seconds.clamp(SKEW_SECONDS, 2 * Signature::WINDOW_SECONDS + SKEW_SECONDS);
            match elsewhere.take(key, seconds, state.epoch).await.map_err(unavailable)? {
                Taken::First => return Ok(Outcome::Taken),
                Taken::Again => return Ok(Outcome::Used),
                Taken::OtherEpoch => self.renew(elsewhere, state.epoch).await?,
            }
        }
        Err(Error::NoncesUnavailable)
    }

    /// What is known of the nonces. They get a name before the first of them is taken.
    async fn state_elsewhere(&self, elsewhere: &dyn Nonces) -> Result<NonceState, Error> {
        if let Some(state) = self.inner.nonces.state().filter(|state| !state.epoch.is_nil()) {
            return Ok(state);
        }
        self.renew(elsewhere, Uuid::nil()).await?;
        self.inner.nonces.state().ok_or(Error::NoncesUnavailable)
    }

    /// Moves the horizon past a timestamp; near it, for those who come next, while this one goes on.
    async fn allow_up_to(&self, at: Timestamp, state: &NonceState) -> Result<(), Error> {
        if at <= state.horizon {
            if at.plus_seconds(AHEAD_SECONDS) > state.horizon && self.inner.nonces.changing.try_lock().is_ok() {
                let (service, at) = (self.clone(), at.plus_seconds(AHEAD_SECONDS));
                tokio::spawn(async move { service.move_horizon(at).await });
            }
            return Ok(());
        }
        self.move_horizon(at).await
    }

    async fn move_horizon(&self, at: Timestamp) -> Result<(), Error> {
        let keeper = &self.inner.nonces;
        let _changing = keeper.changing.lock().await;
        // Another may have done it meanwhile.
        if keeper.state().is_some_and(|state| at <= state.horizon) {
            return Ok(());
        }
        let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
        let found = nonces::advance(&mut tx, at.plus_seconds(LEAP_SECONDS), Timestamp::EPOCH).await?;
        tx.commit().await?;
        // What belongs to another epoch is learned where that is looked for.
        if let Some(known) = keeper.state() {
            keeper.know(NonceState { horizon: found.horizon, ..known });
        }
        Ok(())
    }

    /// Learns of the epoch that another replica has begun, or begins one: all signatures up to the horizon are refused.
    async fn renew(&self, elsewhere: &dyn Nonces, met: Uuid) -> Result<(), Error> {
        let keeper = &self.inner.nonces;
        let _changing = keeper.changing.lock().await;
        if keeper.state().is_some_and(|state| state.epoch != met) {
            return Ok(());
        }
        let there = elsewhere.epoch().await.map_err(unavailable)?;
        let state = nonces::state(self.store()).await?;
        if !state.epoch.is_nil() && there.whole == Some(state.epoch) {
            keeper.know(state);
            return Ok(());
        }
        let new = self.inner.random.uuid();
        let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
        let Some(renamed) = nonces::start_epoch(&mut tx, state.epoch, new).await? else { return Ok(()) };
        tx.commit().await?;
        elsewhere.begin(new, &there).await.map_err(unavailable)?;
        tracing::warn!("the nonces of signed requests are not those of before: what was signed until now is refused");
        keeper.know(renamed);
        Ok(())
    }
}

fn unavailable(error: NoncesError) -> Error {
    tracing::error!(%error, "the store of nonces does not answer");
    Error::NoncesUnavailable
}
