//! Sessions: opening, finding and ending them, and tidying up what is over.

use latchkey_domain::{CredentialId, Secret, SecretHash, SecretKind, Timestamp};
use latchkey_store::{Tx, attempts, changes, sessions, tokens::Actor, user_tokens, users, users::User};
use serde_json::json;

use crate::recorder::AuditEntry;
use crate::sign_in::{REMEMBERED_DAYS, window};
use crate::transaction::Purpose;
use crate::{AuthenticationError, Browser, Error, Origin, Person, Principal, Service, SignedIn};

/// A session ends after so long without a request.
const IDLE_SECONDS: i64 = 12 * 3_600;
/// A session ends this long after sign-in, whatever happens.
const ABSOLUTE_DAYS: i64 = 7;
/// `last_seen_at` is written at most this often.
const TOUCH_SECONDS: i64 = 5 * 60;

impl Service {
    /// Who the cookie's session belongs to, while it is live. Moves its idle time on.
    pub async fn session(&self, cookie: &str) -> Result<Option<Person>, Error> {
        let Some(hash) = session_hash(cookie) else { return Ok(None) };
        let now = self.now();
        let (made_since, seen_since) = live_since(now);
        let Some(session) = sessions::live(self.store(), &hash, made_since, seen_since).await? else { return Ok(None) };
        if session.last_seen_at < now.plus_seconds(-TOUCH_SECONDS) {
            // While nothing can be written, people can still read; their sessions end a little earlier then.
            if let Err(error) = self.touch_session(&hash, now).await {
                tracing::warn!(%error, "that a session is in use could not be written");
            }
        }
        Ok(Some(Person::new(session.user, session.id)))
    }

    async fn touch_session(&self, hash: &SecretHash, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.begin_system(Purpose::Containment).await?;
        sessions::touch(&mut tx, hash, now).await?;
        Ok(tx.commit().await?)
    }

    /// Ends the session of a cookie, if there is one.
    pub async fn sign_out(&self, origin: &Origin, cookie: &str) -> Result<(), Error> {
        let Some(hash) = session_hash(cookie) else { return Ok(()) };
        let (made_since, seen_since) = live_since(self.now());
        // Whoever makes up a cookie must not get among the urgent writes.
        if sessions::live(self.store(), &hash, made_since, seen_since).await?.is_none() {
            return Ok(());
        }
        let mut tx = self.begin_system(Purpose::Containment).await?;
        self.end_session(&mut tx, origin, None, cookie).await?;
        Ok(tx.commit().await?)
    }

    /// Removes sessions, user tokens, counted guesses and idempotency keys that are over. Called hourly.
    pub async fn tidy(&self) -> Result<(), Error> {
        const BATCH: u32 = 1_000;
        let now = self.now();
        let (made_since, seen_since) = live_since(now);
        loop {
            let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
            let removed = [
                sessions::delete_dead(&mut tx, made_since, seen_since, BATCH).await?,
                user_tokens::delete_expired(&mut tx, now.plus_days(-1), BATCH).await?,
                attempts::delete_old(&mut tx, window(now), BATCH).await?,
                attempts::delete_old_networks(&mut tx, now.plus_days(-REMEMBERED_DAYS), BATCH).await?,
                changes::delete_old(&mut tx, BATCH).await?,
                self.forget_keys(&mut tx, BATCH).await?,
            ];
            tx.commit().await?;
            if removed.iter().all(|count| *count < u64::from(BATCH)) {
                return Ok(());
            }
        }
    }

    /// The one way to a new session. The one that the browser had ends with it, also if it is somebody else's.
    pub(crate) async fn open_session(
        &self,
        tx: &mut Tx,
        origin: &Origin,
        browser: Browser<'_>,
        user: User,
        password_hash: &str,
    ) -> Result<SignedIn, Error> {
        open_account(tx, &user, password_hash).await?;
        if let Some(cookie) = browser.session {
            self.end_session(tx, origin, Some(&user), cookie).await?;
        }
        let (id, session) = (CredentialId(self.new_id()), self.new_secret(SecretKind::Session));
        sessions::insert(tx, id, &session.hash(), user.id, origin.address, origin.user_agent(), self.now()).await?;
        self.record(tx, &actor(&user), origin, on_user("session.created", &user, true)).await?;
        let device = self.mark_device(browser.device.unwrap_or_default(), user.id, password_hash);
        Ok(SignedIn { session, person: Person::new(user, id), device })
    }

    /// Ends the session of a cookie; `by` whom, if not by its own user.
    async fn end_session(&self, tx: &mut Tx, origin: &Origin, by: Option<&User>, cookie: &str) -> Result<(), Error> {
        let Some(hash) = session_hash(cookie) else { return Ok(()) };
        let (made_since, seen_since) = live_since(self.now());
        // Of several at once that end it, the one that finds it says so.
        if let Some(user) = sessions::end(tx, &hash, made_since, seen_since).await? {
            let ended = on_user("session.ended", &user, true);
            self.record(tx, &actor(by.unwrap_or(&user)), origin, ended).await?;
        }
        Ok(())
    }

    pub(crate) fn new_secret(&self, kind: SecretKind) -> Secret {
        Secret::generate(kind, |bytes| self.inner.random.fill(bytes))
    }
}

impl Principal {
    /// Whether this is a person in a browser.
    pub fn is_session(&self) -> bool {
        matches!(self, Self::Session(_))
    }
}

pub(crate) fn live_since(now: Timestamp) -> (Timestamp, Timestamp) {
    (now.plus_days(-ABSOLUTE_DAYS), now.plus_seconds(-IDLE_SECONDS))
}

fn session_hash(cookie: &str) -> Option<SecretHash> {
    Secret::parse(cookie).ok().filter(|secret| secret.kind() == SecretKind::Session).map(|secret| secret.hash())
}

/// Refuses an account that was locked, or got another password, since its password was proved; and keeps it from that
/// until the transaction ends.
pub(crate) async fn open_account(tx: &mut Tx, user: &User, password_hash: &str) -> Result<(), Error> {
    match users::lock_shared(tx, user.id).await? {
        Some(User { locked_at: None, .. }) => {}
        Some(_) => return Err(AuthenticationError::Locked.into()),
        None => return Err(AuthenticationError::Password.into()),
    }
    let same = users::password_hash(tx, user.id).await?.as_deref() == Some(password_hash);
    if same { Ok(()) } else { Err(AuthenticationError::Password.into()) }
}

pub(crate) fn actor(user: &User) -> Actor {
    Actor { kind: "user", id: Some(user.id.0), name: user.email.clone() }
}

pub(crate) fn on_user<'a>(action: &'static str, user: &'a User, success: bool) -> AuditEntry<'a> {
    AuditEntry {
        organization: None,
        action,
        target: ("user", Some(user.id.0), &user.email),
        success,
        details: json!({}),
    }
}
