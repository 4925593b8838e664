//! Nonces in Redis, for replicas that share one.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use latchkey_service::{Nonces, NoncesError};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ExistenceCheck, RedisError, SetExpiry, SetOptions};

/// An answer that takes longer has failed: a pipeline waits for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest pause before Redis is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Connects when it is first needed, and again by itself whenever the connection is lost.
pub(crate) struct RedisNonces(ConnectionManager);

impl RedisNonces {
    /// From `redis://…`. Redis need not be there yet.
    pub(crate) fn open(url: &str) -> Result<Arc<dyn Nonces>, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(1)
            .set_max_delay(PAUSE);
        let manager = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
        Ok(Arc::new(Self(manager)))
    }
}

impl Nonces for RedisNonces {
    fn take(
        &self,
        key: [u8; 32],
        seconds: i64,
    ) -> Pin<Box<dyn Future<Output = Result<bool, NoncesError>> + Send + '_>> {
        let mut connection = self.0.clone();
        Box::pin(async move {
            let key = [b"latchkey:nonce:".as_slice(), &key].concat();
            let options = SetOptions::default()
                .conditional_set(ExistenceCheck::NX)
                .with_expiration(SetExpiry::PX(seconds.unsigned_abs() * 1_000));
            let set: Option<String> = redis::cmd("SET")
                .arg(key)
                .arg("")
                .arg(options)
                .query_async(&mut connection)
                .await
                .map_err(|error| NoncesError(error.to_string()))?;
            Ok(set.is_some())
        })
    }
}
