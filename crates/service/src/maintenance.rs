//! What the server calls from time to time.

use crate::{Error, Maintenance};

impl Maintenance<'_> {
    /// Writes the last uses that wait in memory; on failure they are kept for the next time. Called every few seconds
    /// and at shutdown.
    pub async fn flush_uses(self) -> Result<(), Error> {
        self.service.flush_uses().await
    }

    /// How many last uses wait to be written.
    pub fn waiting_uses(self) -> usize {
        self.service.inner.uses.len()
    }

    /// Checks whether the nonces are those that the last replica has left. Called at the start; when that fails, it is
    /// done before the first nonce is taken.
    pub async fn open_nonces(self) -> Result<(), Error> {
        self.service.open_nonces().await
    }

    /// Notes that no nonce is lost. Called every few seconds.
    pub async fn confirm_nonces(self) -> Result<(), Error> {
        self.service.beat_nonces(false).await
    }

    /// Forgets nonces whose time is over. Called every minute.
    pub async fn forget_nonces(self) -> Result<(), Error> {
        self.service.forget_nonces().await
    }
}
