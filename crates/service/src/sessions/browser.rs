use std::fmt;

use time::Duration;
use tower_sessions_core::Session;
use tower_sessions_core::session::{self, Expiry};

use super::{ABSOLUTE_DAYS, PendingSignIn, RequestSessionStore, SIGN_IN_MINUTES, SessionId};
use crate::Error;

/// The session of the browser that sent a request: what handlers have of `tower-sessions`.
///
/// [`Session::cycle_id`] is not among it: that deletes the old session at once and creates the new one after the handler,
/// so that an error in between would sign the person out. Use cases swap both in one transaction instead, and
/// [`BrowserSession::replace`] gives the browser the new cookie.
#[derive(Clone)]
pub struct BrowserSession {
    session: Session,
    store: RequestSessionStore,
}

impl BrowserSession {
    /// How long a browser keeps the cookie: as long as a session can live.
    pub const COOKIE_EXPIRY: Expiry = Expiry::OnInactivity(Duration::days(ABSOLUTE_DAYS));

    /// `session` is of a layer with this store.
    pub fn new(session: Session, store: RequestSessionStore) -> Self {
        Self { session, store }
    }

    /// Of the session that the browser has, whether it is live or not.
    pub fn id(&self) -> Option<SessionId> {
        self.session.id().map(SessionId::from)
    }

    /// Gives the browser the cookie of a session that a use case has opened in the place of the one it had.
    pub async fn replace(&self, id: SessionId) -> Result<(), Error> {
        // From here on the store has nothing to write for the layer, so that nothing can fail after the commit.
        self.store.replace(id);
        if self.session.id().is_some() {
            self.session.flush().await.map_err(|error| self.error(error))?;
        }
        self.session.set_expiry(Some(Self::COOKIE_EXPIRY));
        self.session.save().await.map_err(|error| self.error(error))
    }

    /// Signs out: ends the session, and takes the cookie away.
    pub async fn end(&self) -> Result<(), Error> {
        if self.session.id().is_none() {
            return Ok(());
        }
        self.session.flush().await.map_err(|error| self.error(error))
    }

    /// Begins a sign-in at an identity provider, in the place of one that the browser has begun before. A browser without
    /// a session gets one that has no user.
    pub async fn begin_sign_in(&self, pending: &PendingSignIn) -> Result<(), Error> {
        pending.check()?;
        self.session.insert(PendingSignIn::KEY, pending).await.map_err(|error| self.error(error))?;
        if self.session.id().is_none() {
            self.session.set_expiry(Some(Expiry::OnInactivity(Duration::minutes(SIGN_IN_MINUTES))));
        }
        Ok(())
    }

    /// The sign-in that this `state` was sent to the provider with. It is good for one attempt.
    pub async fn take_sign_in(&self, state: &str) -> Result<Option<PendingSignIn>, Error> {
        if self.session.id().is_none() {
            return Ok(None);
        }
        let pending: Option<PendingSignIn> =
            self.session.get(PendingSignIn::KEY).await.map_err(|error| self.error(error))?;
        let Some(pending) = pending.filter(|pending| pending.has_state(state)) else { return Ok(None) };
        self.session.remove_value(PendingSignIn::KEY).await.map_err(|error| self.error(error))?;
        Ok(Some(pending))
    }

    /// What happened, from the text of `tower-sessions`.
    fn error(&self, error: session::Error) -> Error {
        self.store.take_failure().unwrap_or_else(|| {
            tracing::error!(%error, "the data of a session could not be read or written");
            Error::Unavailable
        })
    }
}

impl fmt::Debug for BrowserSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserSession(…)")
    }
}
