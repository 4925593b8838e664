//! Sessions: opening, finding and ending them, and tidying up what is over.

mod browser;
mod id;
mod pending;
mod request_store;

use latchkey_domain::{AuditAction, CredentialId, Secret, SecretKind, Timestamp, UserId};
use latchkey_store::sessions::{self, LiveSince, NewSession};
use latchkey_store::{Tx, attempts, changes, tokens::Actor, user_tokens, users, users::User};
use serde_json::json;

pub use browser::BrowserSession;
pub use id::SessionId;
pub use pending::PendingSignIn;
pub use request_store::RequestSessionStore;

use crate::recorder::AuditEntry;
use crate::sign_in::{REMEMBERED_DAYS, window};
use crate::transaction::Purpose;
use crate::{
    AuthenticationError, Browser, Caller, Error, Maintenance, Origin, Person, Principal, Service, Sessions, SignedIn,
};

/// A session ends after so long without a request.
const IDLE_SECONDS: i64 = 12 * 3_600;
/// A session ends this long after sign-in, whatever happens.
const ABSOLUTE_DAYS: i64 = 7;
/// A session without a user, in which somebody is about to sign in, ends after so long.
const SIGN_IN_MINUTES: i64 = 15;
/// `last_seen_at` is written at most this often.
const TOUCH_SECONDS: i64 = 5 * 60;

impl Sessions<'_> {
    /// Who a session belongs to, while it is live. Moves its idle time on.
    pub async fn person(self, id: SessionId) -> Result<Option<Person>, Error> {
        let now = self.service.now();
        let Some(session) = sessions::live(self.service.store(), &id.hash(), live_since(now)).await? else {
            return Ok(None);
        };
        if session.last_seen_at < now.plus_seconds(-TOUCH_SECONDS) {
            // While nothing can be written, people can still read; their sessions end a little earlier then.
            if let Err(error) = self.touch(id, now).await {
                tracing::warn!(%error, "that a session is in use could not be written");
            }
        }
        Ok(Some(Person::new(session.user, session.id)))
    }

    async fn touch(self, id: SessionId, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.service.begin_system(Purpose::Containment).await?;
        sessions::touch(&mut tx, &id.hash(), now).await?;
        Ok(tx.commit().await?)
    }

    /// Ends a session, if it is there.
    pub async fn sign_out(self, origin: &Origin, id: SessionId) -> Result<(), Error> {
        // Whoever makes up a cookie must not get among the urgent writes.
        if sessions::data(self.service.store(), &id.hash(), live_since(self.service.now())).await?.is_none() {
            return Ok(());
        }
        let mut tx = self.service.begin_system(Purpose::Containment).await?;
        self.service.end_session(&mut tx, origin, None, id).await?;
        Ok(tx.commit().await?)
    }
}

impl Maintenance<'_> {
    /// Removes sessions, user tokens, counted guesses and idempotency keys that are over. Called hourly.
    pub async fn tidy(self) -> Result<(), Error> {
        const BATCH: u32 = 1_000;
        let now = self.service.now();
        loop {
            let mut tx = self.service.begin_system(Purpose::Bookkeeping).await?;
            let removed = [
                sessions::delete_dead(&mut tx, live_since(now), BATCH).await?,
                user_tokens::delete_expired(&mut tx, now.plus_days(-1), BATCH).await?,
                attempts::delete_old(&mut tx, window(now), BATCH).await?,
                attempts::delete_old_networks(&mut tx, now.plus_days(-REMEMBERED_DAYS), BATCH).await?,
                changes::delete_old(&mut tx, BATCH).await?,
                self.service.forget_keys(&mut tx, BATCH).await?,
                self.service.delete_dead_messages(&mut tx, BATCH).await?,
            ];
            tx.commit().await?;
            if removed.iter().all(|count| *count < u64::from(BATCH)) {
                return Ok(());
            }
        }
    }
}

impl Service {
    /// The one way to a new session of a person. The one that the browser had ends with it, also if it is somebody else's.
    pub(crate) async fn open_session(
        &self,
        tx: &mut Tx,
        origin: &Origin,
        browser: Browser<'_>,
        user: User,
        password_hash: &str,
    ) -> Result<SignedIn, Error> {
        open_account(tx, &user, password_hash).await?;
        if let Some(session) = browser.session {
            self.end_session(tx, origin, Some(&user), session).await?;
        }
        let (session, id) = self.insert_session(tx, origin, Some(user.id), self.now(), None).await?;
        self.record(tx, &actor(&user), origin, on_user(AuditAction::SessionCreated, &user, true)).await?;
        let device = self.mark_device(browser.device.unwrap_or_default(), user.id, password_hash);
        Ok(SignedIn { session, person: Person::new(user, id), device })
    }

    /// Puts a session with a new id in the place of the caller's, if that is a session: to be called in each transaction
    /// that raises what the caller may do, so that whoever has the old id gains nothing. It lives no longer for that.
    pub(crate) async fn renew_session(&self, tx: &mut Tx, caller: &Caller) -> Result<Option<RenewedSession>, Error> {
        let Principal::Session(person) = &caller.principal else { return Ok(None) };
        let created_at = sessions::take(tx, person.credential).await?.ok_or(AuthenticationError::SessionEnded)?;
        let (session, id) = self.insert_session(tx, &caller.origin, Some(person.id), created_at, None).await?;
        let renewed = AuditEntry {
            organization: None,
            action: AuditAction::SessionRenewed,
            target: ("user", Some(person.id.0), &person.email),
            success: true,
            details: json!({ "id": id }),
        };
        self.record(tx, &caller.principal.actor(), &caller.origin, renewed).await?;
        Ok(Some(RenewedSession { session, person: Person { credential: id, ..person.clone() } }))
    }

    /// A session without a user, for a sign-in in progress.
    async fn start_sign_in(&self, origin: &Origin, data: Option<&[u8]>) -> Result<SessionId, Error> {
        let mut tx = self.begin_system(Purpose::Request).await?;
        let (session, _) = self.insert_session(&mut tx, origin, None, self.now(), data).await?;
        tx.commit().await?;
        Ok(session)
    }

    async fn insert_session(
        &self,
        tx: &mut Tx,
        origin: &Origin,
        user: Option<UserId>,
        created_at: Timestamp,
        data: Option<&[u8]>,
    ) -> Result<(SessionId, CredentialId), Error> {
        const TRIES: usize = 8;
        for _ in 0..TRIES {
            let (session, id) = (SessionId::generate(&*self.inner.random), CredentialId(self.new_id()));
            let new = NewSession {
                id,
                hash: &session.hash(),
                user,
                created_at,
                last_seen_at: self.now(),
                address: origin.address,
                user_agent: origin.user_agent(),
                data,
            };
            if sessions::insert(tx, &new).await? {
                return Ok((session, id));
            }
        }
        tracing::error!("the source of randomness repeats itself: no new id for a session could be found");
        Err(Error::Unavailable)
    }

    /// Ends a session; `by` whom, if not by its own user.
    async fn end_session(&self, tx: &mut Tx, origin: &Origin, by: Option<&User>, id: SessionId) -> Result<(), Error> {
        // Of several at once that end it, the one that finds it says so. A sign-in in progress has nobody to tell of.
        if let Some(user) = sessions::end(tx, &id.hash(), live_since(self.now())).await? {
            let ended = on_user(AuditAction::SessionEnded, &user, true);
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

/// A session that has taken the place of the one that asked.
#[derive(Debug)]
pub struct RenewedSession {
    /// For the cookie and nowhere else; see [`BrowserSession::replace`].
    pub session: SessionId,
    pub person: Person,
}

pub(crate) fn live_since(now: Timestamp) -> LiveSince {
    LiveSince {
        created_at: now.plus_days(-ABSOLUTE_DAYS),
        last_seen_at: now.plus_seconds(-IDLE_SECONDS),
        sign_in_started_at: now.plus_seconds(-SIGN_IN_MINUTES * 60),
    }
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

pub(crate) fn on_user<'a>(action: AuditAction, user: &'a User, success: bool) -> AuditEntry<'a> {
    AuditEntry {
        organization: None,
        action,
        target: ("user", Some(user.id.0), &user.email),
        success,
        details: json!({}),
    }
}
