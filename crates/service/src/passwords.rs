//! Password hashing: Argon2id with the parameters of the OWASP cheat sheet (19 MiB, 2 passes), off the async threads.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use latchkey_domain::Password;
use tokio::sync::Semaphore;

use crate::{Error, Random};

/// Hashes at most two passwords at a time: a flood of sign-ins waits instead of taking the processor and memory.
pub(crate) struct Hasher {
    places: Arc<Semaphore>,
    /// Verified when the email is unknown, so that the answer takes as long as for a known one.
    decoy: String,
}

impl Hasher {
    pub(crate) fn new() -> Self {
        // A valid hash of nothing anybody knows: made of a constant, it only has to cost as much.
        let decoy = Argon2::default()
            .hash_password_with_salt(b"no account has this password", b"latchkey decoy 1")
            .map(|hash: PasswordHash| hash.to_string())
            .unwrap_or_default();
        Self { places: Arc::new(Semaphore::new(2)), decoy }
    }

    /// The PHC string to store.
    pub(crate) async fn hash(&self, password: Password, random: &dyn Random) -> Result<String, Error> {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        self.work(move || {
            let hash: Option<PasswordHash> =
                Argon2::default().hash_password_with_salt(password.reveal().as_bytes(), &salt).ok();
            hash.map(|hash| hash.to_string())
        })
        .await?
        .ok_or(Error::Unavailable)
    }

    /// Whether the password is the one of the hash; `None` (unknown email, or an account without password) costs the same.
    pub(crate) async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool, Error> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let matches = self
            .work(move || {
                PasswordHash::new(&hash)
                    .is_ok_and(|hash| Argon2::default().verify_password(password.reveal().as_bytes(), &hash).is_ok())
            })
            .await?;
        Ok(known && matches)
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Error::Unavailable)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(place);
            result
        });
        done.await.map_err(|_| Error::Unavailable)
    }
}
