//! The sessions table as `tower-sessions` sees it during one request.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use latchkey_store::sessions::{self, DATA_MAX};
use time::OffsetDateTime;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_core::session_store::{self, SessionStore};

use super::{IDLE_SECONDS, SessionId, live_since};
use crate::transaction::Purpose;
use crate::{Error, FieldError, Origin, Service};

/// A [`SessionStore`] for one request, whose origin the sessions and audit events that it writes are from.
///
/// It writes sign-ins in progress. The session of somebody who is signed in is opened, replaced and ended by use cases, in
/// their transactions; here it is only handed over (see [`BrowserSession`](super::BrowserSession)).
#[derive(Clone)]
pub struct RequestSessionStore(Arc<Inner>);

struct Inner {
    service: Service,
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The session that a use case has put in the place of the browser's.
    replacement: Option<Id>,
    failure: Option<Error>,
}

impl RequestSessionStore {
    pub fn new(service: Service, origin: Origin) -> Self {
        Self(Arc::new(Inner { service, origin, state: Mutex::default() }))
    }

    /// Whether a use case has put another session in the place of the browser's. It is committed, so the browser has to get
    /// its cookie, whatever the answer to the request is.
    pub fn is_replaced(&self) -> bool {
        self.state(|state| state.replacement.is_some())
    }

    /// Why an operation failed, of which `tower-sessions` keeps no more than a text.
    pub fn take_failure(&self) -> Option<Error> {
        self.state(|state| state.failure.take())
    }

    pub(super) fn replace(&self, id: SessionId) {
        self.state(|state| state.replacement = Some(id.tower()));
    }

    fn replacement(&self) -> Option<Id> {
        self.state(|state| state.replacement)
    }

    fn state<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn failed(&self, error: impl Into<Error>) -> session_store::Error {
        let error = error.into();
        let text = error.to_string();
        self.state(|state| state.failure = Some(error));
        session_store::Error::Backend(text)
    }

    /// `None` for no data: most sessions have none.
    fn encode(&self, record: &Record) -> session_store::Result<Option<Vec<u8>>> {
        if record.data.is_empty() {
            return Ok(None);
        }
        let data = serde_json::to_vec(&record.data).map_err(|error| session_store::Error::Encode(error.to_string()))?;
        if data.len() > DATA_MAX {
            return Err(self.failed(FieldError::new("session", "has too much data")));
        }
        Ok(Some(data))
    }

    async fn set_data(&self, id: SessionId, data: Option<&[u8]>) -> Result<bool, Error> {
        let service = &self.0.service;
        let mut tx = service.begin_system(Purpose::Request).await?;
        let live = sessions::set_data(&mut tx, &id.hash(), data, live_since(service.now())).await?;
        tx.commit().await?;
        Ok(live)
    }
}

#[async_trait]
impl SessionStore for RequestSessionStore {
    /// A sign-in in progress, with an id of its own; or nothing but the id, for a session that a use case has opened.
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        if let Some(id) = self.replacement() {
            record.id = id;
            return Ok(());
        }
        let data = self.encode(record)?;
        let started = self.0.service.start_sign_in(&self.0.origin, data.as_deref()).await;
        record.id = started.map_err(|error| self.failed(error))?.tower();
        Ok(())
    }

    /// Never brings back a session that has ended meanwhile.
    async fn save(&self, record: &Record) -> session_store::Result<()> {
        if self.replacement() == Some(record.id) && record.data.is_empty() {
            return Ok(());
        }
        let data = self.encode(record)?;
        match self.set_data(record.id.into(), data.as_deref()).await {
            Ok(true) => {}
            Ok(false) => tracing::debug!("the session has ended during the request; nothing was saved"),
            Err(error) => return Err(self.failed(error)),
        }
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let service = &self.0.service;
        let now = service.now();
        let found = sessions::data(service.store(), &SessionId::from(*id).hash(), live_since(now)).await;
        let Some(data) = found.map_err(|error| self.failed(error))? else { return Ok(None) };
        let data = data.map(|data| serde_json::from_slice(&data)).transpose();
        Ok(Some(Record {
            id: *id,
            data: data.map_err(|error| session_store::Error::Decode(error.to_string()))?.unwrap_or_default(),
            // Nobody asks: what is loaded is live, and what is saved keeps its own times.
            expiry_date: OffsetDateTime::from_unix_timestamp(now.seconds() + IDLE_SECONDS)
                .unwrap_or(OffsetDateTime::UNIX_EPOCH),
        }))
    }

    /// Signs out, with an audit event. Nothing is left to do when a use case has replaced the session.
    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        if self.is_replaced() {
            return Ok(());
        }
        self.0.service.sessions().sign_out(&self.0.origin, (*id).into()).await.map_err(|error| self.failed(error))
    }
}

impl fmt::Debug for RequestSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestSessionStore(…)")
    }
}
